"""Finds customers by any part of their name, e-mail address or phone number, the best first: see docs/search.md.

Terms and rows are compared folded (no case, no accents) by one function of the database, and what is compared has an
index, so that nothing has to be kept in step. A tier is read only when those before it did not fill the page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

import phonenumbers
from django.conf import settings

from customers.pagination import TABLE, Column, Order, Part
from customers.sql import ANY, Sql, compose, once
from customers.validators import PHONE_CHARACTERS, tidy

# What an index of trigrams can look up anywhere. Less than that is looked for where words begin.
SUBSTRING_LENGTH = 3
# What folding leaves nothing of.
MARKS = re.compile("[\u0300-\u0344\u0346-\u0362\u20dd-\u20e0\u20e2-\u20e4]")

LAST_CHARACTER = "\U0010ffff"

# How many of the latest rows show whether a term is frequent, how many matches make it so, and how many rows are read
# then.
NEAR, FREQUENT, FAR = 2_000, 4, 25_000

LAST = Column('customers_fold(last_name) COLLATE "C"', str)
FIRST = Column('customers_fold(first_name) COLLATE "C"', str)
EMAIL = Column("lower(email)", str, less="~<~", greater="~>~")
PHONE = Column("regexp_replace(phone, '[^0-9]', '', 'g') COLLATE \"C\"", str)
PHONE_END = Column("reverse(regexp_replace(phone, '[^0-9]', '', 'g')) COLLATE \"C\"", str)
ID = Column("id", int, field="id")

BY_LAST_NAME = Order((LAST, FIRST, ID))
BY_FIRST_NAME = Order((FIRST, LAST, ID))
BY_EMAIL = Order((EMAIL,))
BY_PHONE = Order((PHONE, ID))
BY_PHONE_END = Order((PHONE_END, ID))
LATEST = Order((ID,), descending=True)

# What is looked up in which text. A name is looked up as it is written only where it has marks that have no composed
# form and the term has little else; the few such names have an index of their own.
FOLDED = "search_text"
WRITTEN = "customers_written(first_name, last_name)"
IS_WRITTEN = Sql(f"{WRITTEN} IS NOT NULL")
NOTHING = Sql("false")
FOLD = once("customers_fold(%s)")


def tiers(term: str) -> tuple[Part, ...]:
    """Every customer that matches is in exactly one of them."""
    term = tidy(term)
    words = term.split()
    if not words:
        return ()
    parts: list[Part] = []
    earlier = ANY
    for condition, order in [*by_name(words), *by_email(words), *by_phone(term)]:
        parts.append(Part(condition & outside(earlier), order))
        earlier |= condition
    return (*parts, anywhere(term, words, earlier))


def outside(conditions: Sql) -> Sql:
    # A CASE, because the planner would take its time to estimate each condition by itself.
    return compose("NOT CASE WHEN {found} THEN true ELSE false END", found=conditions) if conditions else ANY


def equal(column: Column, text: str) -> Sql:
    return Sql(f"{column.sql} = {FOLD}", (text,))


def begins(column: Column, text: str) -> Sql:
    """As a range. How many rows it has can be estimated; ^@ would look so rare that all of them would be sorted."""
    return Sql(f"{column.sql} {column.greater.replace('>', '>=')} {FOLD}", (text,)) & ends(column, text)


def longer(column: Column, text: str) -> Sql:
    """Begins with it and goes on. What is equal would have to be skipped row by row."""
    return Sql(f"{column.sql} {column.greater} {FOLD}", (text,)) & ends(column, text)


def ends(column: Column, text: str) -> Sql:
    """Comes before everything that is greater than any beginning with it: no text has the last of all characters."""
    return Sql(f"{column.sql} {column.less} ({FOLD} || '{LAST_CHARACTER}')", (text,))


def by_name(words: list[str]) -> Iterator[tuple[Sql, Order]]:
    name = " ".join(words)
    if not MARKS.sub("", name) or any(character.isdigit() for character in name):
        return
    yield equal(LAST, name), BY_LAST_NAME
    yield equal(FIRST, name), BY_FIRST_NAME
    if len(words) > 1:
        yield begins(LAST, " ".join(words[1:])) & begins(FIRST, words[0]), BY_LAST_NAME
        yield begins(LAST, " ".join(words[:-1])) & begins(FIRST, words[-1]), BY_LAST_NAME
    yield longer(LAST, name), BY_LAST_NAME
    yield longer(FIRST, name), BY_FIRST_NAME


def by_email(words: list[str]) -> Iterator[tuple[Sql, Order]]:
    if len(words) == 1 and MARKS.sub("", words[0]):
        yield begins(EMAIL, words[0]), BY_EMAIL


def by_phone(term: str) -> Iterator[tuple[Sql, Order]]:
    if not PHONE_CHARACTERS.fullmatch(term):
        return
    if digits := re.sub(r"\D", "", term):
        yield begins(PHONE, digits), BY_PHONE
    if digits := phone_digits(term):
        yield begins(PHONE_END, digits[::-1]), BY_PHONE_END


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


@dataclass(frozen=True)
class Match:
    """A condition twice: as each row is tried with it, and as the index of trigrams is asked for candidates."""

    rows: Sql
    index: Sql

    @classmethod
    def contains(cls, text: str, where: str = FOLDED, fold: str = "customers_fold") -> "Match":
        folded = f"{fold}(%s)"
        pattern = f"'%%' || customers_letters({folded}) || '%%'"
        return cls(
            Sql(f"strpos({where}, {once(folded)}) > 0", (text,)),
            Sql(f"customers_letters({where}) LIKE {once(pattern)}", (text,)),
        )

    def __and__(self, other: "Match") -> "Match":
        return Match(self.rows & other.rows, self.index & other.index)

    def __or__(self, other: "Match") -> "Match":
        return Match(self.rows | other.rows, self.index | other.index)


def anywhere(term: str, words: list[str], earlier: Sql) -> Part:
    def word(text: str) -> Match:
        return Match.contains(text if length(text) >= SUBSTRING_LENGTH else f" {text}")

    found = [reduce(and_, map(word, words))] if length(term) else []
    if len(words) > 1 and any(length(each) < SUBSTRING_LENGTH for each in words):
        # "an de" is part of "Jan de Vries", although "an" begins no word of it.
        found.append(Match.contains(term))
    if digits := phone_digits(term):
        found.append(Match.contains(digits))
    if length(term) < SUBSTRING_LENGTH <= len(term):
        found.append(Match(IS_WRITTEN, IS_WRITTEN) & Match.contains(term, WRITTEN, fold="upper"))
    match = reduce(or_, found) if found else Match(NOTHING, NOTHING)
    return Anywhere(match.rows & outside(earlier), LATEST, match.index)


def length(text: str) -> int:
    """In letters: a mark belongs to the one before it."""
    return len(MARKS.sub("", text))


@dataclass(frozen=True)
class Anywhere(Part):
    """The latest first. Neither way to find them is good for every term: reading row by row takes for ever where few
    match, and the index lists all candidates before the first is seen. So the latest rows are read first; if they show
    that the term is frequent, more of them. Only what is older is left to the index.
    """

    index: Sql

    @property
    def candidates(self) -> Sql:
        return self.index & self.condition

    def select(self, columns: str, *, after: Sql, filters: Sql, order: Order, limit: int) -> Sql:
        common = {
            "table": TABLE,
            "columns": columns,
            "after": after.where,
            # In the last part with id + 0: the primary key has no say there, or the whole of it would be read.
            "beyond": "<" if order.descending else ">",
            "is_frequent": f"(SELECT count(*) FROM near) >= {FREQUENT}",
            "wanted": self.condition & filters,
            "order": order.clause(),
            "limit": str(limit),
        }

        def edge(count: int) -> Sql:
            last = str(count - 1)
            return compose("(SELECT id FROM {table}{after} {order} OFFSET {last} LIMIT 1)", last=last, **common)

        near, far = edge(NEAR), edge(NEAR + FAR)
        return compose(
            """
            WITH near AS MATERIALIZED (
              SELECT {columns} FROM (SELECT * FROM {table}{after} {order} LIMIT {near_rows}) latest
              WHERE {wanted} {order} LIMIT {limit}
            )
            SELECT * FROM near
            UNION ALL (
              SELECT {columns} FROM (SELECT * FROM {table} WHERE id {beyond} {near} {order} LIMIT {far_rows}) latest
              WHERE {is_frequent} AND {wanted} {order} LIMIT {limit}
            )
            UNION ALL (
              SELECT {columns} FROM (
                SELECT * FROM {table}
                WHERE {index} AND {wanted}
                  AND id + 0 {beyond} CASE WHEN {is_frequent} THEN {far} ELSE {near} END OFFSET 0
              ) candidates
              {order} LIMIT {limit}
            )
            LIMIT {limit}
            """,
            near=near,
            near_rows=str(NEAR),
            far=far,
            far_rows=str(FAR),
            index=self.index,
            **common,
        )
