"""What a value may look like. Markup is not hunted for: output is escaped where it is shown."""

import re
import unicodedata

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import BaseValidator, MaxLengthValidator
from django.utils.deconstruct import deconstructible

NAME_PUNCTUATION = frozenset(" '’.-")
PHONE_CHARACTERS = re.compile(r"[0-9+() ./-]+")


def tidy(value: str) -> str:
    """One way to write the same line: composed characters, single spaces. The case is the writer's."""
    return " ".join(unicodedata.normalize("NFC", value).split())


@deconstructible
class TidyLengthValidator(BaseValidator):
    """The length as it will be stored: some characters are composed of more than one."""

    message = MaxLengthValidator.message
    code = "max_length"

    def compare(self, a: int, b: int) -> bool:
        return a > b

    def clean(self, x: str) -> int:
        return len(tidy(x))


def validate_name(value: str) -> None:
    """Letters of any script, their marks, and what joins the parts of a name (O’Brien, Jean-Luc, de la Cruz)."""
    kinds = [unicodedata.category(character)[0] for character in value if character not in NAME_PUNCTUATION]
    if "L" not in kinds or not set(kinds) <= {"L", "M"}:
        raise ValidationError("Use letters, spaces, apostrophes, dots and hyphens only.", code="invalid_name")


def validate_phone(value: str) -> None:
    """A number that can exist, in any usual notation; it is kept as it was written."""
    region = settings.PHONE_REGION
    try:
        number = phonenumbers.parse(value, region) if PHONE_CHARACTERS.fullmatch(value) else None
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        example = phonenumbers.format_number(
            phonenumbers.example_number(region or "DE"), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
        raise ValidationError(f"Enter a phone number with its country code, as in {example}.", code="invalid_phone")
