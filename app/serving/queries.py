"""Runs statements of SQL, on the database that the request reads from. What they ask for stands there as %(name)s."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import psycopg
from django.db import NotSupportedError, connections
from psycopg.types.datetime import TimestamptzLoader

from serving.routing import database_to_read

PLACE = re.compile(r"%(?:\((\w+)\)s|%)")
# Stands before and after an expression. A comment, which is no matter to a plan that is made for the values: it has
# what they come to as a constant.
ONCE = "/* once */"


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


def fetch(statement: str, values: Mapping[str, object]) -> list[tuple]:
    """Planned for its values."""
    with connections[database_to_read()].cursor() as cursor:
        return rows(cursor, statement, values)


def fetch_prepared(statement: str, values: Mapping[str, object]) -> list[tuple]:
    """Planned for any values; once it was run some times, for good: see docs/adr/0010-prepared-searches.md."""
    connection = connections[database_to_read()]
    if connection.queries_logged:
        return fetch(statement, values)  # Django would log no other
    connection.ensure_connection()
    text, names = for_any_values(statement)
    try:
        # Django's own cursors write the values into the statement.
        with connection.make_cursor(psycopg.RawCursor(connection.connection)) as cursor:
            return rows(cursor, text, [values[name] for name in names])
    except NotSupportedError:
        # A migration has changed the type of a column. PgBouncer keeps what it prepared as long as its connections.
        if connection.in_atomic_block:
            raise
        return fetch(statement, values)


def rows(cursor, statement: str, values: Mapping[str, object] | Sequence) -> list[tuple]:
    # Django's own loader of times, which is not compiled, would take as long as all else that a list costs.
    cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
    cursor.execute(statement, values)
    return cursor.fetchall()
