"""Refuses what would be ignored otherwise: fields, and query parameters, that an operation does not know."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from itertools import islice

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.serializers import BooleanField, CharField, Field, Serializer

# To look for what was meant takes time, and a request may name many.
MAX_NAMED = 20
MAX_NAME_LENGTH = 100
# Browsers' libraries add it, with a new value each time, to be answered by the server rather than by a cache.
CACHE_BUSTER = "_"


class StrictFieldsMixin:
    """For a serializer. Fields that clients can only read are known, and ignored: what was read may be sent back."""

    unknown = "Unknown field."
    # Whether all values are texts, as of a CSV file; else 1 is no boolean, and no text either.
    texts = False

    def to_internal_value(self, data: object) -> dict:
        faults = self.faults(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**faults, **error.detail}) from None
        if faults:
            raise ValidationError(faults)
        return value

    def faults(self, data: Mapping) -> dict[str, list[str]]:
        faults = unknown_names(data, self.fields, self.unknown)
        if not self.texts:
            for name, field in self.fields.items():
                if not field.read_only and has_other_type(data.get(name), field):
                    faults[name] = [field.error_messages["invalid"]]
        return faults


class StrictParametersMixin(StrictFieldsMixin):
    """For a serializer of query parameters."""

    unknown = "Unknown query parameter."
    texts = True


class NoParameters(StrictParametersMixin, Serializer):
    pass


NO_PARAMETERS = NoParameters()


class StrictQueryMixin:
    """For a view. Its operations take no query parameters, but for those of methods that read them by themselves."""

    reads_query: Collection[str] = ()

    def initial(self, request: Request, *arguments, **options) -> None:
        super().initial(request, *arguments, **options)
        if not request.META["QUERY_STRING"] or request.method in self.reads_query:
            return
        if request.method in self.allowed_methods:
            read_query(request, NO_PARAMETERS)


def read_query(request: Request, serializer: Serializer) -> dict:
    """The query parameters, each given once."""
    twice = [name for name, values in request.query_params.lists() if len(values) > 1]
    if twice:
        raise ValidationError({name: ["Given more than once. Give it one value."] for name in twice[:MAX_NAMED]})
    parameters = request.query_params.dict()
    parameters.pop(CACHE_BUSTER, None)
    return serializer.run_validation(parameters)


def has_other_type(value: object, field: Field) -> bool:
    """Whether it is converted where JSON has a type for it: DRF takes 1 for "1", and "no" for false."""
    types = {CharField: str, BooleanField: bool}
    return value is not None and any(isinstance(field, of) and not isinstance(value, types[of]) for of in types)


def unknown_names(names: Iterable[str], known: Mapping, problem: str) -> dict[str, list[str]]:
    unknown = islice((name for name in names if name not in known), MAX_NAMED)
    return {name: [f"{problem} {hint(name, known)}"] for name in unknown}


def hint(name: str, known: Mapping) -> str:
    close = get_close_matches(name, known, n=1) if len(name) <= MAX_NAME_LENGTH else []
    if close:
        return f"Did you mean `{close[0]}`?"
    names = ", ".join(f"`{each}`" for each, field in known.items() if not field.read_only)
    return f"Known: {names}." if names else "This operation takes none."
