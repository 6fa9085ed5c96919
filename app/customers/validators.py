"""What a value may look like. Markup is not hunted for: output is escaped where it is shown."""

import re
import unicodedata
from contextlib import suppress

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from phonenumbers import Leniency, NumberParseException, PhoneNumber, PhoneNumberMatcher

# Besides all dashes, brackets and quotation marks: what joins or abbreviates parts of names, or stands in for an
# apostrophe on some keyboards. The joiners are part of how Persian and Indian languages are written.
NAME_PUNCTUATION = frozenset(" .,;'\"`´˜′″＇＂՚−·‧・･་׳״\u200c\u200d")
NAME_CATEGORIES = frozenset({"Pd", "Pi", "Pf", "Ps", "Pe"})
PHONE_CHARACTERS = re.compile(r"[0-9+() ./-]+")
# Characters that show nothing, or belong to no text: controls, formats, unassigned; and spaces.
INVISIBLE = frozenset("CZ")
# Letters, marks and a symbol that show nothing (Unicode's Default_Ignorable_Code_Point, and the empty Braille pattern).
FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
VARIATIONS = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
EMAIL_LENGTH = 254


def tidy(value: str) -> str:
    """One way to write the same line: composed characters, single spaces. The case is the writer's."""
    return " ".join(unicodedata.normalize("NFC", value).split())


def tidy_phone(value: str) -> str:
    """The same line with the digits, hyphens and the plus sign of ASCII, as the search looks for them."""
    # Address books put marks of direction around a number.
    visible = (character for character in tidy(value) if unicodedata.category(character) != "Cf")
    return "".join(map(ascii_of, visible)).removeprefix("tel:").strip()


def ascii_of(character: str) -> str:
    if unicodedata.category(character) == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    if character == "\N{FULLWIDTH PLUS SIGN}":
        return "+"
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)


def validate_name(value: str) -> None:
    """Letters of any script, their marks, and what joins the parts of a name (O’Brien, Jean-Luc, de la Cruz)."""
    categories = [unicodedata.category(character) for character in value if character not in NAME_PUNCTUATION]
    kinds = {category[0] for category in categories if category not in NAME_CATEGORIES}
    if "L" not in kinds or not kinds <= {"L", "M"} or FILLERS & set(value):
        raise ValidationError(
            "Use letters, spaces, apostrophes, dots, commas, hyphens and brackets only.", code="invalid_name"
        )


def validate_visible(value: str) -> None:
    """For an address: nothing in it that shows nothing, and no more characters than are stored once it is composed."""
    if len(tidy(value)) > EMAIL_LENGTH:
        raise ValidationError(f"Ensure this address has at most {EMAIL_LENGTH} characters.", code="max_length")
    hidden = {character for character in value if unicodedata.category(character)[0] in INVISIBLE}
    hidden |= FILLERS & set(value) | set(VARIATIONS.findall(value))
    if hidden:
        names = ", ".join(sorted(f"U+{ord(character):04X}" for character in hidden))
        raise ValidationError(f"Remove the spaces or invisible characters ({names}).", code="invisible")


def validate_phone(value: str) -> None:
    """A number that can exist, in any usual notation, perhaps with an extension; it is kept as it was written."""
    if phone_number(value) is None:
        example = phonenumbers.format_number(
            phonenumbers.example_number(settings.PHONE_REGION or "DE"), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
        raise ValidationError(f"Enter a phone number with its country code, as in {example}.", code="invalid_phone")


def phone_number(text: str) -> PhoneNumber | None:
    """The number that a tidy text is as a whole, or None. 00 stands for + where the region has no use for it."""
    notations = [text, re.sub(r"^(\(?)00", r"\1+", text)]
    for notation in notations:
        number = parsed(notation)
        if number and phonenumbers.is_possible_number(number):
            return number
    return None


def parsed(text: str) -> PhoneNumber | None:
    if PHONE_CHARACTERS.fullmatch(text):
        with suppress(NumberParseException):
            return phonenumbers.parse(text, settings.PHONE_REGION)
        return None
    # With an extension: parse() would also find a number in the middle of a sentence.
    matches = PhoneNumberMatcher(text, settings.PHONE_REGION, leniency=Leniency.POSSIBLE)
    return next((match.number for match in matches if match.raw_string == text), None)
