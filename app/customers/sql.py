"""Conditions in SQL that keep their parameters with them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import count
from operator import and_, or_
from string import Formatter
from typing import Self


@dataclass(frozen=True)
class Sql:
    text: str
    params: tuple = ()

    def __and__(self, other: Self) -> Self:
        return self.joined("AND", other)

    def __or__(self, other: Self) -> Self:
        return self.joined("OR", other)

    def joined(self, operator: str, other: Self) -> Self:
        if not (self and other):
            return self or other
        return Sql(f"({self.text} {operator} {other.text})", self.params + other.params)

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def where(self) -> Self:
        return Sql(f" WHERE {self.text}", self.params) if self else self

    @property
    def for_any_params(self) -> Self:
        """As PostgreSQL takes it apart from its parameters."""
        return Sql(for_any_params(self.text), self.params)


PLACE = re.compile("%([s%])")
# A comment, which is no matter to a plan that is made for the parameters: it has the value as a constant.
ONCE = "/* once */ ("


def once(expression: str) -> str:
    return f"{ONCE}{expression})"


@lru_cache(1000)
def for_any_params(text: str) -> str:
    """With numbers in their places: psycopg would write them anew each time. A plan that knows no parameters would work
    out their functions for each row, if not told to do so once."""
    numbers = count(1)
    return PLACE.sub(lambda place: f"${next(numbers)}" if place[1] == "s" else "%", text.replace(ONCE, "(SELECT "))


# No condition.
ANY = Sql("")


def all_of(conditions: Iterable[Sql]) -> Sql:
    return reduce(and_, conditions, ANY)


def any_of(conditions: Iterable[Sql]) -> Sql:
    return reduce(or_, conditions, ANY)


def compose(template: str, **pieces: Sql | str) -> Sql:
    """Fills in {names}. The parameters come in the order of the pieces."""
    text, params = [], []
    for literal, name, _, _ in Formatter().parse(template):
        text.append(literal)
        if name:
            piece = pieces[name] if isinstance(pieces[name], Sql) else Sql(pieces[name])
            text.append(piece.text)
            params += piece.params
    return Sql("".join(text), tuple(params))


def storable(text: str) -> bool:
    """Whether PostgreSQL has a place for it: not for zero bytes, nor for halves of a character."""
    return "\0" not in text and text == text.encode(errors="ignore").decode()
