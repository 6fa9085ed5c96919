"""Runs statements, on the database that the request reads from."""

import psycopg
from django.db import NotSupportedError, connections, router
from psycopg.types.datetime import TimestamptzLoader

from customers.models import Customer
from customers.sql import Sql


def fetch(statement: Sql) -> list[tuple]:
    """Planned for its parameters."""
    with connections[router.db_for_read(Customer)].cursor() as cursor:
        return rows(cursor, statement)


def fetch_prepared(statement: Sql) -> list[tuple]:
    """Planned for any parameters; once it was run some times, for good: see docs/adr/0010-prepared-searches.md."""
    connection = connections[router.db_for_read(Customer)]
    if connection.queries_logged:
        return fetch(statement)  # Django would log no other
    connection.ensure_connection()
    try:
        # Django's own cursors write the parameters into the statement.
        with connection.make_cursor(psycopg.RawCursor(connection.connection)) as cursor:
            return rows(cursor, statement.for_any_params)
    except NotSupportedError:
        # A migration has changed the type of a column. PgBouncer keeps what it prepared as long as its connections.
        if connection.in_atomic_block:
            raise
        return fetch(statement)


def rows(cursor, statement: Sql) -> list[tuple]:
    # Django's own loader of times, which is not compiled, would take as long as all else that a list costs.
    cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
    cursor.execute(statement.text, statement.params)
    return cursor.fetchall()
