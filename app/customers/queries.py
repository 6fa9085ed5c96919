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
    connection.ensure_connection()
    prepared = statement.for_any_params
    as_django_wraps = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    try:
        # Django's own cursors write the parameters into the statement.
        with as_django_wraps(psycopg.Cursor(connection.connection)) as cursor:
            return rows(cursor, prepared)
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
