"""Pages by position: a cursor names a row, and a page is what follows it. No page costs more than the first,
rows that come or go meanwhile shift nothing, and any number of rows may be equal in what they are ordered by.

What is paged through is a sequence of parts, each with its own condition and order: a list has one, a search one for
each of its tiers. One statement reads them lazily, one after the other, until the page is full.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Self

from django.core.exceptions import ValidationError

from customers.models import Customer
from customers.sql import ANY, all_of, storable, where
from serving.queries import fetch, fetch_prepared, once

TABLE = Customer._meta.db_table
MAX_ID = 2**63 - 1
MAX_OFFSET = timedelta(hours=16)
INVALID_CURSOR = ValidationError("This is no cursor of this list.", code="invalid_cursor")


@dataclass(frozen=True)
class Column:
    """What an index is ordered by: something made of a field. A cursor has the field itself."""

    field: str
    type: type
    made: str = "{}"
    # Those of an index made with text_pattern_ops.
    less: str = "<"
    greater: str = ">"

    @property
    def sql(self) -> str:
        return self.made.format(self.field)

    def of(self, name: str) -> str:
        """The same, made of a cursor's value of that name."""
        value = f"%({name})s"
        return value if self.sql == self.field else once(self.made.format(value))

    def checked(self, value: object) -> object:
        """A cursor's value as one of this column, or ValueError: whoever asks may have made it up."""
        if self.type is datetime and isinstance(value, str):
            value = datetime.fromisoformat(value)
            # PostgreSQL takes offsets of less than 16 hours, to the second.
            offset = value.utcoffset()
            if offset is None or abs(offset) >= MAX_OFFSET or offset.microseconds:
                raise ValueError
        if type(value) is not self.type:
            raise ValueError
        if (self.type is int and not 0 <= value <= MAX_ID) or (self.type is str and not storable(value)):
            raise ValueError
        return value


@dataclass(frozen=True)
class Order:
    """By several columns, all in one direction. No two rows are equal in all of them."""

    columns: tuple[Column, ...]
    descending: bool = False

    def __neg__(self) -> Self:
        return Order(self.columns, not self.descending)

    def clause(self) -> str:
        def direction(column: Column) -> str:
            if column.less != "<":
                return f"USING {column.greater if self.descending else column.less}"
            return "DESC" if self.descending else "ASC"

        return "ORDER BY " + ", ".join(f"{column.sql} {direction(column)}" for column in self.columns)

    def after(self) -> str:
        """PostgreSQL compares rows as an index orders them; "a > x OR (a = x AND b > y)" would read every equal."""
        operator = self.columns[0].less if self.descending else self.columns[0].greater
        columns = ", ".join(column.sql for column in self.columns)
        values = ", ".join(column.of(after_name(number)) for number, column in enumerate(self.columns))
        return f"({columns}) {operator} ({values})"


def after_name(number: int) -> str:
    return f"after_{number}"


@dataclass(frozen=True)
class Cursor:
    """The place of a row: its part, its fields that the part is ordered by, and the direction to read in."""

    values: tuple
    part: int = 0
    backwards: bool = False

    def encode(self) -> str:
        text = json.dumps([self.backwards, self.part, *self.values], default=datetime.isoformat, ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, token: str) -> Self:
        try:
            text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
            backwards, part, *values = json.loads(text)
        except (binascii.Error, ValueError, TypeError, RecursionError):
            raise INVALID_CURSOR from None
        if type(backwards) is not bool or type(part) is not int:
            raise INVALID_CURSOR
        return cls(tuple(values), part, backwards)


@dataclass(frozen=True)
class Page:
    rows: list[dict]
    next: Cursor | None
    previous: Cursor | None


# Equal to itself alone, so that it tells fast what was composed of it.
@dataclass(frozen=True, eq=False)
class Part:
    """The rows that meet a condition, in an order."""

    condition: str
    order: Order

    @property
    def candidates(self) -> str:
        """The condition, with all that an index can make of it."""
        return self.condition

    def select(self, columns: str, *, after: str, filters: str, order: Order, limit: int) -> str:
        wanted = where(all_of(self.condition, after, filters))
        return f"SELECT {columns} FROM {TABLE}{wanted} {order.clause()} LIMIT {limit}"


@dataclass(frozen=True)
class Listing:
    """What is paged through: the parts, and the rows of them that are wanted."""

    parts: tuple[Part, ...]
    fields: tuple[str, ...]
    filters: str = ANY

    def page(self, values: Mapping[str, object], *, cursor: Cursor | None, size: int) -> Page:
        """One query, with the values that the parts and filters name."""
        backwards = cursor is not None and cursor.backwards
        # One row more than asked for tells whether there is another page.
        statement, after = self.statement(cursor, size + 1)
        # Which index serves a filter depends on its values.
        found = (fetch if self.filters else fetch_prepared)(statement, {**values, **after})
        more = len(found) > size
        found = found[:size]
        if backwards:
            found.reverse()
        return Page(
            # The number of its part may stand behind the fields of a row.
            rows=[dict(zip(self.fields, row, strict=False)) for row in found],
            next=Cursor(*self.place(found[-1])) if found and (more or backwards) else None,
            previous=Cursor(*self.place(found[0]), backwards=True)
            if found and (more if backwards else cursor is not None)
            else None,
        )

    def place(self, row: tuple) -> tuple[tuple, int]:
        part = row[len(self.fields)] if len(self.parts) > 1 else 0
        return tuple(row[self.fields.index(column.field)] for column in self.parts[part].order.columns), part

    def statement(self, cursor: Cursor | None, limit: int) -> tuple[str, dict[str, object]]:
        """What follows the cursor in its direction, and the cursor's values."""
        if cursor is None:
            return composed(self, None, False, limit), {}
        try:
            if cursor.part not in range(len(self.parts)):
                raise ValueError
            columns = self.parts[cursor.part].order.columns
            values = [column.checked(value) for column, value in zip(columns, cursor.values, strict=True)]
        except ValueError:
            raise ValidationError({"cursor": INVALID_CURSOR}) from None
        after = {after_name(number): value for number, value in enumerate(values)}
        return composed(self, cursor.part, cursor.backwards, limit), after

    def select(self, number: int, *, is_after: bool, backwards: bool, limit: int) -> str:
        part = self.parts[number]
        order = -part.order if backwards else part.order
        columns = ", ".join(self.fields if len(self.parts) == 1 else (*self.fields, f"{number} AS part"))
        after = order.after() if is_after else ANY
        return part.select(columns, after=after, filters=self.filters, order=order, limit=limit)


@lru_cache(200)
def composed(listing: Listing, start: int | None, backwards: bool, limit: int) -> str:
    """The statement that reads the parts from one on, in a direction, after a row of that one; without a start, all."""
    numbers = list(range(len(listing.parts)))
    if start is not None:
        numbers = numbers[start::-1] if backwards else numbers[start:]
    selects = [listing.select(number, is_after=number == start, backwards=backwards, limit=limit) for number in numbers]
    if len(selects) == 1:
        return selects[0]
    return f"{' UNION ALL '.join(f'({select})' for select in selects)} LIMIT {limit}"
