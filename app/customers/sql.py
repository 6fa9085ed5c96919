"""Conditions in SQL. What they ask for has a name there, as %(name)s; the values come when a statement is run."""

import re
from functools import lru_cache

PLACE = re.compile(r"%(?:\((\w+)\)s|%)")
# Stands before and after an expression. A comment, which is no matter to a plan that is made for the values: it has
# what they come to as a constant.
ONCE = "/* once */"

# No condition.
ANY = ""


def all_of(*conditions: str) -> str:
    return joined(" AND ", conditions)


def any_of(*conditions: str) -> str:
    return joined(" OR ", conditions)


def joined(operator: str, conditions: tuple[str, ...]) -> str:
    given = [condition for condition in conditions if condition]
    return f"({operator.join(given)})" if len(given) > 1 else "".join(given)


def where(condition: str) -> str:
    return f" WHERE {condition}" if condition else ""


def once(expression: str) -> str:
    """An expression of values alone, with none of these in it. A plan that knows no values would work it out anew for
    each row."""
    return f"{ONCE}({expression}){ONCE}"


@lru_cache(200)
def for_any_values(text: str) -> tuple[str, tuple[str, ...]]:
    """As PostgreSQL takes a statement apart from its values, and the names that its numbers stand for."""
    # Every second piece stands between two marks.
    pieces = text.split(ONCE)
    columns = {expression: f"once_{number}" for number, expression in enumerate(dict.fromkeys(pieces[1::2]))}
    if columns:
        pieces[1::2] = [f"given.{columns[expression]}" for expression in pieces[1::2]]
        given = ", ".join(f"{expression} AS {column}" for expression, column in columns.items())
        text = f"SELECT page.* FROM (SELECT {given} OFFSET 0) given, LATERAL ({''.join(pieces)}) page"
    numbers: dict[str, int] = {}

    def number(place: re.Match) -> str:
        return f"${numbers.setdefault(place[1], len(numbers) + 1)}" if place[1] else "%"

    return PLACE.sub(number, text), tuple(numbers)


def storable(text: str) -> bool:
    """Whether PostgreSQL has a place for it: not for zero bytes, nor for halves of a character."""
    return "\0" not in text and text == text.encode(errors="ignore").decode()
