import re
from datetime import datetime

from django.core.validators import RegexValidator
from django.db.models import Field
from rest_framework import serializers

from config.strict import StrictFieldsMixin, StrictParametersMixin
from customers.fields import LineField, LineSerializerField
from customers.models import Customer
from customers.pagination import INVALID_CURSOR, Cursor
from customers.selectors import COUNTED_AT_MOST, DETAIL_FIELDS, LIST_FIELDS, NEWEST_FIRST, ORDERINGS, Selection

# The longest e-mail address can be searched for.
MAX_TERM_LENGTH = 254
# Of two names of 100 characters, each of which takes four bytes, and base64 a third more.
MAX_CURSOR_LENGTH = 2048
SPACE_BEFORE_OFFSET = re.compile(r"^(\S+[T ]\d\d\S*) (\d\d(?::?\d\d)?)$")


class CustomerSerializer(StrictFieldsMixin, serializers.ModelSerializer):
    """A customer. What can only be read is ignored in a request, so that an answer may be sent back."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {LineField: LineSerializerField}

    class Meta:
        model = Customer
        fields = DETAIL_FIELDS
        read_only_fields = ("id", "created_at", "updated_at")

    def build_standard_field(self, field_name: str, model_field: Field) -> tuple[type, dict]:
        field_class, options = super().build_standard_field(field_name, model_field)
        return field_class, options | ({"tidy": model_field.tidy} if isinstance(model_field, LineField) else {})


class CustomerTextSerializer(CustomerSerializer):
    """Of texts alone, as a line of a CSV file."""

    texts = True


class CustomerRowSerializer(serializers.ModelSerializer):
    """Describes a row of a list in the schema. Rows are never passed through it."""

    class Meta:
        model = Customer
        fields = LIST_FIELDS
        read_only_fields = LIST_FIELDS


class CountSerializer(serializers.Serializer):
    value = serializers.IntegerField()
    kind = serializers.ChoiceField(["exact", "at_least", "estimated"])


class CustomerPageSerializer(serializers.Serializer):
    results = CustomerRowSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    count = CountSerializer(allow_null=True, help_text="Only where it was asked for.")


class CustomerStatsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    active = serializers.IntegerField()
    inactive = serializers.IntegerField()
    created_in_the_last_30_days = serializers.IntegerField()


class CursorField(serializers.CharField):
    default_validators = [RegexValidator(r"^[A-Za-z0-9_-]+$", INVALID_CURSOR.message)]

    def to_internal_value(self, data) -> Cursor:
        text = super().to_internal_value(data)
        super().run_validators(text)
        return Cursor.decode(text)

    def run_validators(self, value: Cursor) -> None:
        """They have seen the text, and have nothing to say about what it meant."""


class QueryDateTimeField(serializers.DateTimeField):
    """Takes a space before the offset for the `+` that it was: a query string has it as %2B."""

    def to_internal_value(self, value: str) -> datetime:
        return super().to_internal_value(SPACE_BEFORE_OFFSET.sub(r"\1+\2", value))


class CustomerQuerySerializer(StrictParametersMixin, serializers.Serializer):
    """The parameters of a list."""

    search = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=MAX_TERM_LENGTH,
        help_text="Part of a name, an e-mail address or a phone number; of one or two characters, the beginning. "
        "The best matches come first.",
    )
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)
    created_from = QueryDateTimeField(required=False, default=None, help_text="Created at this time or later.")
    created_before = QueryDateTimeField(required=False, default=None, help_text="Created before this time.")
    ordering = serializers.ChoiceField(
        list(ORDERINGS), required=False, default=None, help_text=f"Default: {NEWEST_FIRST}. Not together with `search`."
    )
    count = serializers.ChoiceField(
        ["exact", "capped", "estimated"],
        required=False,
        default=None,
        help_text=f"Count the matches too: all of them (which may take long), up to {COUNTED_AT_MOST:,}, or as the "
        "database estimates.",
    )
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=200, default=50)
    cursor = CursorField(
        required=False, default=None, max_length=MAX_CURSOR_LENGTH, help_text="Taken from `next` or `previous`."
    )

    def validate(self, attrs: dict) -> dict:
        if attrs["ordering"] and attrs["search"]:
            raise serializers.ValidationError({"ordering": "What is searched for comes in an order of its own."})
        names = ("is_active", "created_from", "created_before")
        attrs["selection"] = Selection(term=attrs["search"], **{name: attrs[name] for name in names})
        return attrs
