"""Pages by position: a cursor names a row, and a page is what follows it. No page costs more than the first,
rows that come or go meanwhile shift nothing, and any number of rows may share one created_at."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, DateTimeField, F, Func, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan

MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class Cursor:
    """A row's place in the order (created_at, id), newest first, and the direction to read in from there."""

    created_at: datetime
    id: int
    backwards: bool = False

    def encode(self) -> str:
        text = f"{'-' if self.backwards else '+'}{self.id},{self.created_at.isoformat()}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, token: str) -> Self:
        try:
            text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
            number, created_at = text[1:].split(",")
            cursor = cls(datetime.fromisoformat(created_at), int(number), {"-": True, "+": False}[text[0]])
        except (binascii.Error, ValueError, LookupError):
            raise ValidationError("This is no cursor of ours.", code="invalid_cursor") from None
        if cursor.created_at.tzinfo is None or not 0 <= cursor.id <= MAX_ID:
            raise ValidationError("This is no cursor of ours.", code="invalid_cursor")
        return cursor


@dataclass(frozen=True)
class Page:
    rows: list[dict]
    next: Cursor | None
    previous: Cursor | None


def row(*values) -> Func:
    # PostgreSQL compares rows as the index orders them; "a < x OR (a = x AND b < y)" would read every equal value.
    return Func(*values, function="ROW", output_field=BooleanField())


def paginate(customers: QuerySet, *, cursor: Cursor | None, size: int) -> Page:
    """One query. `customers` yields dictionaries with at least created_at and id."""
    backwards = cursor is not None and cursor.backwards
    if cursor is not None:
        compare = GreaterThan if backwards else LessThan
        place = row(Value(cursor.created_at, output_field=DateTimeField()), Value(cursor.id))
        customers = customers.filter(compare(row(F("created_at"), F("id")), place))
    order = ["created_at", "id"] if backwards else ["-created_at", "-id"]
    # One row more than asked for tells whether there is another page.
    rows = list(customers.order_by(*order)[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()

    def at(place: dict, backwards: bool) -> Cursor:
        return Cursor(place["created_at"], place["id"], backwards)

    return Page(
        rows=rows,
        next=at(rows[-1], False) if rows and (more or backwards) else None,
        previous=at(rows[0], True) if rows and (more if backwards else cursor is not None) else None,
    )
