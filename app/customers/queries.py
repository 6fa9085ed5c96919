"""Runs statements, on the database that the request reads from."""

from collections.abc import Mapping, Sequence

import psycopg
from django.db import NotSupportedError, connections, router
from psycopg.types.datetime import TimestamptzLoader

from customers.models import Customer
from customers.sql import for_any_values


def fetch(statement: str, values: Mapping[str, object]) -> list[tuple]:
    """Planned for its values."""
    with connections[router.db_for_read(Customer)].cursor() as cursor:
        return rows(cursor, statement, values)


def fetch_prepared(statement: str, values: Mapping[str, object]) -> list[tuple]:
    """Planned for any values; once it was run some times, for good: see docs/adr/0010-prepared-searches.md."""
    connection = connections[router.db_for_read(Customer)]
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
