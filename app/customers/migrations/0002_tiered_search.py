"""Indexes for the tiers of the search, made while everybody goes on reading and writing.

It takes three to four minutes for 1,000,000 customers on two cores that have other work too, most of it for the index
of trigrams. If it is interrupted, drop the functions and the indexes that it has made, and migrate again.
"""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Collate, Reverse
from django.db.models.lookups import IsNull

from customers.models import Digits, Fold, Letters, Written

# An index of trigrams knows letters and digits only. So whatever else a text has becomes a letter here that no name
# has, and a space two of them: then any three characters have an entry, and so has any beginning of a word.
LETTERS = {
    "@": "ꀁ",
    ".": "ꀂ",
    "-": "ꀃ",
    "+": "ꀄ",
    "(": "ꀅ",
    ")": "ꀆ",
    "''": "ꀇ",
    "_": "ꀈ",
    "/": "ꀉ",
    " ": "ꀀꀀ",
}
CREATE_LETTERS = """
CREATE FUNCTION customers_letters(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace({}, '[^[:alnum:]]', 'ꀊ', 'g')
"""
# The name as it is written, where it has marks that customers_fold drops and that are no part of a composed letter.
CREATE_WRITTEN = r"""
CREATE FUNCTION customers_written(first_name text, last_name text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
    WHEN octet_length(first_name || last_name) > char_length(first_name || last_name)
        AND first_name || last_name ~ '[\u0300-\u0344\u0346-\u0362\u20dd-\u20e0\u20e2-\u20e4]'
    THEN upper(first_name || ' ' || last_name)
END
"""


def replaced(text: str) -> str:
    for character, letter in LETTERS.items():
        text = f"replace({text}, '{character}', '{letter}')"
    return text


class Migration(migrations.Migration):
    # An index can't be made concurrently within a transaction.
    atomic = False

    dependencies = [("customers", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_LETTERS.format(replaced("value")), "DROP FUNCTION customers_letters"),
        migrations.RunSQL(CREATE_WRITTEN, "DROP FUNCTION customers_written"),
        AddIndexConcurrently(
            "customer",
            models.Index(
                Collate(Fold("last_name"), "C"),
                Collate(Fold("first_name"), "C"),
                F("id"),
                name="customers_last_name",
            ),
        ),
        AddIndexConcurrently(
            "customer",
            models.Index(
                Collate(Fold("first_name"), "C"),
                Collate(Fold("last_name"), "C"),
                F("id"),
                name="customers_first_name",
            ),
        ),
        AddIndexConcurrently("customer", models.Index(Collate(Digits("phone"), "C"), F("id"), name="customers_phone")),
        AddIndexConcurrently(
            "customer", models.Index(Collate(Reverse(Digits("phone")), "C"), F("id"), name="customers_phone_end")
        ),
        AddIndexConcurrently(
            "customer", GinIndex(OpClass(Letters("search_text"), name="gin_trgm_ops"), name="customers_trigrams")
        ),
        AddIndexConcurrently(
            "customer",
            GinIndex(
                OpClass(Letters(Written("first_name", "last_name")), name="gin_trgm_ops"),
                condition=Q(IsNull(Written("first_name", "last_name"), False)),
                name="customers_written",
            ),
        ),
        # Last, because the release before this one searches with it.
        RemoveIndexConcurrently("customer", "customers_search"),
    ]
