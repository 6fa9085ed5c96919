"""Finds customers by any part of their name, e-mail address or phone number.

`search_text`, a generated column with a trigram index, holds the four fields and the phone's bare digits, folded (no
case, no accents), each preceded by a space. Whatever `icontains` finds over the fields is found, and more: words in any
order, without their accents, phones in any notation. A word of one or two characters finds the beginnings of words: an
index of trigrams can't look up less.
"""

import re

import phonenumbers
from django.conf import settings
from django.db.models import Func, Q, QuerySet, TextField, Value

from customers.validators import PHONE_CHARACTERS, tidy

# What a trigram index can look up in the middle of a word.
SUBSTRING_LENGTH = 3


def fold(text: str) -> Func:
    """The database folds the term by the very function that folded the rows."""
    return Func(Value(text), function="customers_fold", output_field=TextField())


def matching(customers: QuerySet, term: str) -> QuerySet:
    words = tidy(term).split()
    if not words:
        return customers
    condition = Q()
    for word in words:
        condition &= Q(search_text__contains=fold(word if len(word) >= SUBSTRING_LENGTH else f" {word}"))
    if len(words) > 1:
        # "an de" is part of "Jan de Vries", although "an" begins no word of it.
        condition |= Q(search_text__contains=fold(" ".join(words)))
    if digits := phone_digits(term):
        condition |= Q(search_text__contains=digits)
    return customers.filter(condition)


def phone_digits(term: str) -> str:
    """The digits that any notation of this number has in common; empty if the term is not a number's."""
    if not PHONE_CHARACTERS.fullmatch(term):
        return ""
    digits = re.sub(r"\D", "", term).lstrip("0")
    try:
        number = phonenumbers.parse(term, settings.PHONE_REGION)
        if phonenumbers.is_possible_number(number):
            digits = str(number.national_number)
    except phonenumbers.NumberParseException:
        pass
    return digits if len(digits) >= SUBSTRING_LENGTH else ""
