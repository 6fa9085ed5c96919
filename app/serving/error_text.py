"""Describes exceptions for logs. Their messages quote values of rows and requests, so that a log has what an exception
is and where it was raised, and its message only where that is known to hold no such value."""

import traceback
from collections.abc import Iterator

import django.db
import psycopg
import redis.exceptions
from django.core.exceptions import ImproperlyConfigured
from django.db.transaction import TransactionManagementError

# Their messages name hosts, files, settings and what code calls things.
WITHOUT_VALUES = (
    AttributeError,
    ImportError,
    ImproperlyConfigured,
    NameError,
    OSError,
    RecursionError,
    TransactionManagementError,
    django.db.InterfaceError,
    django.db.OperationalError,
    psycopg.InterfaceError,
    psycopg.OperationalError,
    redis.exceptions.ConnectionError,
    redis.exceptions.NoPermissionError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.TimeoutError,
)
# By the beginning of their SQLSTATE: PostgreSQL's first line says what is wrong, and names nothing but objects of the
# database. Data exceptions (22), syntax errors (42601) and what functions raise (P0) quote values there.
STATES_WITHOUT_VALUES = ("08", "23", "25", "28", "40", "42501", "42703", "42P01", "53", "55", "57", "58", "XX")


def summary(error: BaseException) -> str:
    """One line: what it is, and what is known of it without values."""
    database = database_error(error)
    if database is not None:
        own = "" if database is error else f"{name(error)}: "
        return own + database_summary(database)
    lines = str(error).strip().splitlines() if isinstance(error, WITHOUT_VALUES) else []
    return ": ".join([name(error), *lines[:1]])


def report(error: BaseException) -> str:
    """Where it was raised, and each one that it was raised from, as Python prints them."""
    parts = []
    for each in chain(error):
        frames = "".join(traceback.format_tb(each.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{summary(each)}")
    return "\n\n".join(reversed(parts))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def database_error(error: BaseException) -> psycopg.Error | None:
    """What the server answered, which Django wraps."""
    for each in (error, error.__cause__ if isinstance(error, django.db.Error) else None):
        if isinstance(each, psycopg.Error) and each.sqlstate:
            return each
    return None


def database_summary(error: psycopg.Error) -> str:
    found = error.diag
    objects = {"table": found.table_name, "column": found.column_name, "constraint": found.constraint_name}
    parts = [type(error).__name__, f"SQLSTATE {error.sqlstate}"]
    parts += [f"{kind} {each}" for kind, each in objects.items() if each]
    known = found.message_primary if error.sqlstate.startswith(STATES_WITHOUT_VALUES) else None
    return ", ".join(parts) + (f": {known}" if known else "")
