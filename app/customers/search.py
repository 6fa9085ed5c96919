"""Finds customers by any part of their name, e-mail address or phone number, the best first: see docs/search.md.

Terms and rows are compared folded (no case, no accents) by one function of the database, and what is compared has an
index, so that nothing has to be kept in step. A tier is read only when those before it did not fill the page.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from customers.pagination import TABLE, Column, Order, Part
from customers.sql import ANY, all_of, any_of, where
from customers.validators import PHONE_CHARACTERS, phone_number, tidy, tidy_phone
from serving.queries import once

# What an index of trigrams can look up anywhere. Less than that is looked for where words begin.
SUBSTRING_LENGTH = 3
# So many digits and more are looked up by three of their trigrams.
LONG = 6
# What folding leaves nothing of.
MARKS = re.compile("[\u0300-\u0344\u0346-\u0362\u20dd-\u20e0\u20e2-\u20e4]")

LAST_CHARACTER = "chr(1114111)"

# With a number, the name of each word that has to be found.
WORD = "word_"

# The rows of the latest ids are read in any case. These, and some neighbours at each of so many ids, tell how many the
# index would name. The ids are evenly spaced, and at least so far apart that a small table has none of them.
NEAR = 250
PLACES, NEIGHBOURS, APART = 40, 8, 10_000
# To read a row takes a tenth of what one takes that the index names: so many are read rather than each of those.
INSTEAD = 8

LAST = Column("last_name", str, 'customers_fold({}) COLLATE "C"')
FIRST = Column("first_name", str, 'customers_fold({}) COLLATE "C"')
EMAIL = Column("email", str, "lower({})", less="~<~", greater="~>~")
PHONE = Column("phone", str, "regexp_replace({}, '[^0-9]', '', 'g') COLLATE \"C\"")
PHONE_END = Column("phone", str, "reverse(regexp_replace({}, '[^0-9]', '', 'g')) COLLATE \"C\"")
ID = Column("id", int)

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
NOTHING = "false"


def looked_up(term: str) -> tuple[tuple[Part, ...], dict[str, str]]:
    """Where a term is looked up, and the values of the names there."""
    # A phone number may be typed with digits and hyphens of another script.
    term, number = tidy(term), tidy_phone(term)
    values = named(number if PHONE_CHARACTERS.fullmatch(number) else term)
    return (tiers(tuple(values)) if values else ()), values


def named(term: str) -> dict[str, str]:
    """What is looked up of a tidy term, by the names that it has in conditions; what makes no sense has none."""
    words = term.split()
    if not words:
        return {}
    letters, digits = length(term), re.sub(r"\D", "", term)
    # No condition has it: a term that nothing can be made of finds nothing, where no term finds all.
    values = {"term": term}
    if letters and not any(character.isdigit() for character in term):
        values["name"] = term
        if len(words) > 1:
            values |= {"first_word": words[0], "after_first": " ".join(words[1:])}
            values |= {"last_word": words[-1], "before_last": " ".join(words[:-1])}
    if letters and len(words) == 1:
        values["email"] = term
    if digits and PHONE_CHARACTERS.fullmatch(term):
        values["phone"] = digits
    number = phone_digits(term)
    if number:
        values |= {"number" if len(number) < LONG else "long_number": number, "phone_end": number[::-1]}
    # Whoever has a word with the number in it has the number.
    if letters and not (number and any(number in word for word in words)):
        short = [length(word) < SUBSTRING_LENGTH for word in words]
        values |= {
            f"{WORD}{place}": f" {word}" if is_short else word
            for place, (word, is_short) in enumerate(zip(words, short, strict=True))
        }
        if len(words) > 1 and any(short):
            # "an de" is part of "Jan de Vries", although "an" begins no word of it.
            values["words"] = term
    if letters < SUBSTRING_LENGTH <= len(term):
        values["written"] = term
    return values


def folded(name: str) -> str:
    return once(f"customers_fold(%({name})s)")


def equal(column: Column, name: str) -> str:
    return f"{column.sql} = {folded(name)}"


def begins(column: Column, name: str) -> str:
    """As a range. How many rows it has can be estimated; ^@ would look so rare that all of them would be sorted."""
    return all_of(f"{column.sql} {column.greater.replace('>', '>=')} {folded(name)}", ends(column, name))


def longer(column: Column, name: str) -> str:
    """Begins with it and goes on. What is equal would have to be skipped row by row."""
    return all_of(f"{column.sql} {column.greater} {folded(name)}", ends(column, name))


def ends(column: Column, name: str) -> str:
    """Comes before everything that is greater than any beginning with it: no text has the last of all characters."""
    return f"{column.sql} {column.less} ({folded(name)} || {LAST_CHARACTER})"


# All tiers but the last, each with a name that it needs and what it looks at.
ORDERED = (
    ("name", LAST, equal(LAST, "name"), BY_LAST_NAME),
    ("name", FIRST, equal(FIRST, "name"), BY_FIRST_NAME),
    ("first_word", (FIRST, LAST), all_of(begins(LAST, "after_first"), begins(FIRST, "first_word")), BY_LAST_NAME),
    ("last_word", (LAST, FIRST), all_of(begins(LAST, "before_last"), begins(FIRST, "last_word")), BY_LAST_NAME),
    ("name", LAST, longer(LAST, "name"), BY_LAST_NAME),
    ("name", FIRST, longer(FIRST, "name"), BY_FIRST_NAME),
    ("email", EMAIL, begins(EMAIL, "email"), BY_EMAIL),
    ("phone", PHONE, begins(PHONE, "phone"), BY_PHONE),
    ("phone_end", PHONE_END, begins(PHONE_END, "phone_end"), BY_PHONE_END),
)


@lru_cache(200)
def tiers(names: tuple[str, ...]) -> tuple[Part, ...]:
    """Every customer that matches is in exactly one of them."""
    parts: list[Part] = []
    # To fold what rows have is much of what a search costs, so there is one condition for each thing that is looked at.
    # Two tiers that look at the same exclude each other by themselves.
    earlier: dict[object, str] = {}
    for needed, looked_at, condition, order in ORDERED:
        if needed in names:
            others = any_of(*(earlier[each] for each in earlier if each != looked_at))
            parts.append(Part(all_of(condition, outside(others)), order))
            # What is equal or longer begins with it.
            earlier[looked_at] = begins(looked_at, needed) if looked_at in earlier else condition
    return (*parts, anywhere(names, any_of(*earlier.values())))


def outside(conditions: str) -> str:
    # A CASE, because the planner would take its time to estimate each condition by itself.
    return f"NOT CASE WHEN {conditions} THEN true ELSE false END" if conditions else ANY


def phone_digits(term: str) -> str:
    """The digits that any notation of this number has in common; empty if the term is not a number's."""
    if not PHONE_CHARACTERS.fullmatch(term):
        return ""
    number = phone_number(term)
    digits = str(number.national_number) if number else re.sub(r"\D", "", term).lstrip("0")
    return digits if len(digits) >= SUBSTRING_LENGTH else ""


def contains(name: str, text: str = FOLDED, fold: str = "customers_fold") -> tuple[str, str]:
    """As each row is tried with it, and as the index of trigrams is asked for candidates."""
    value = f"{fold}(%({name})s)"
    return f"strpos({text}, {once(value)}) > 0", has_trigrams(text, value)


def contains_long_number() -> tuple[str, str]:
    """There are but a thousand trigrams of digits, each in many rows: three leave hardly more candidates than all."""
    value = "%(long_number)s::text"
    three = (f"left({value}, 3)", f"substr({value}, length({value}) / 2, 3)", f"right({value}, 3)")
    return f"strpos({FOLDED}, {once(value)}) > 0", all_of(*(has_trigrams(FOLDED, each) for each in three))


def has_trigrams(text: str, value: str) -> str:
    pattern = f"'%%' || customers_letters({value}) || '%%'"
    return f"customers_letters({text}) LIKE {once(pattern)}"


def anywhere(names: tuple[str, ...], earlier: str) -> Part:
    ways = [[contains(name) for name in names if name.startswith(WORD)]]
    ways += [[contains(name)] for name in ("words", "number") if name in names]
    if "long_number" in names:
        ways.append([contains_long_number()])
    if "written" in names:
        is_written = f"{WRITTEN} IS NOT NULL"
        ways.append([(is_written, is_written), contains("written", WRITTEN, fold="upper")])
    rows, index = (any_of(*(all_of(*(each[side] for each in way)) for way in ways)) or NOTHING for side in (0, 1))
    return Anywhere(all_of(rows, outside(earlier)), LATEST, index)


def length(text: str) -> int:
    """In letters: a mark belongs to the one before it."""
    return len(MARKS.sub("", text))


@dataclass(frozen=True, eq=False)
class Anywhere(Part):
    """The latest first. Neither way to find them is good for every term: reading row by row takes for ever where few
    match, and the index lists all candidates before the first is seen. So some rows are read, the latest and some of
    all others; the more of them match, the more of the next are read. Only what is older is left to the index.
    """

    index: str

    @property
    def candidates(self) -> str:
        return all_of(self.index, self.condition)

    def select(self, columns: str, *, after: str, filters: str, order: Order, limit: int) -> str:
        beyond, sign, last = ("<", "-", "lowest") if order.descending else (">", "+", "highest")
        wanted, sorted_ = all_of(self.condition, filters), order.clause()
        is_beyond = f"{beyond} (SELECT far FROM reach)"
        # Of neighbours, which may have come together, one is enough, so that what is in one place alone counts once.
        places = f"""
            SELECT count(*) FROM generate_series(lowest + apart, highest - apart, apart) AS place
            WHERE EXISTS (
              SELECT FROM (
                SELECT * FROM {TABLE} WHERE id <= place AND id > place - apart ORDER BY id DESC LIMIT {NEIGHBOURS}
              ) neighbours
              WHERE {self.condition}
            )
        """
        found = f"((SELECT count(*) FROM latest) + ({places}))"
        # In the last part with id + 0: the primary key has no say there, or the whole of it would be read. The index is
        # asked only if there are rows left, since it names all candidates before the first is compared.
        return f"""
            WITH start AS MATERIALIZED (
              SELECT (SELECT id FROM {TABLE}{where(after)} {sorted_} LIMIT 1) {sign} {NEAR - 1} AS near
            ),
            latest AS MATERIALIZED (
              SELECT {columns} FROM (
                SELECT * FROM {TABLE} WHERE {all_of(f"NOT id {beyond} (SELECT near FROM start)", after)}
                {sorted_} LIMIT {NEAR}
              ) latest
              WHERE {wanted} {sorted_} LIMIT {limit}
            ),
            reach AS MATERIALIZED (
              SELECT
                {last}, near {sign} {found} * ((highest - lowest) * {INSTEAD} / {NEAR + PLACES * NEIGHBOURS}) AS far
              FROM start, (
                SELECT
                  min(id) AS lowest, max(id) AS highest, greatest((max(id) - min(id)) / {PLACES}, {APART}) AS apart
                FROM {TABLE}
              ) ids
            )
            SELECT * FROM latest
            UNION ALL (
              SELECT {columns} FROM {TABLE}
              WHERE id {beyond} (SELECT near FROM start) AND NOT id {is_beyond} AND {wanted} {sorted_} LIMIT {limit}
            )
            UNION ALL (
              SELECT {columns} FROM (
                SELECT * FROM {TABLE}
                WHERE (SELECT {last} FROM reach) {is_beyond} AND {self.index} AND {wanted} AND id + 0 {is_beyond}
                OFFSET 0
              ) candidates
              {sorted_} LIMIT {limit}
            )
            LIMIT {limit}
            """
