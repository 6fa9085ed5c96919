"""Which database a read goes to: a replica, once it has replayed whatever this reader must see; else the primary.

Nothing is read from a replica unless a view asks for it, as serving.answers does.
"""

import logging
import os
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TypeVar

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from serving import changes, metrics
from serving.changes import PRIMARY, Position
from serving.context import current
from serving.patience import patiently
from serving.together import together

logger = logging.getLogger(__name__)
T = TypeVar("T")

REPLICA = "replica"
# Where the replica's name stands for the primary, because there is no replica, there is nothing to wait for.
REPLAYED = """
SELECT (NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() - '0/0' >= $1)
    AND coalesce((SELECT number FROM serving_timeline WHERE id = 1), 0) >= $2
"""

# What a replica that is read from must have replayed; None: the primary is read from.
_position: ContextVar[Position | None] = ContextVar("position", default=None)


def database_to_read() -> str:
    return PRIMARY if _position.get() is None else REPLICA


class Router:
    """What Django asks. Both names are one database."""

    def db_for_read(self, model, **hints) -> str:
        return database_to_read()

    def db_for_write(self, model, **hints) -> str:
        return PRIMARY

    def allow_relation(self, one, other, **hints) -> bool:
        return True

    def allow_migrate(self, database: str, app_label: str, **hints) -> bool:
        return database == PRIMARY


class BehindError(Exception):
    """The replica that we got has not replayed enough."""


def read(produce: Callable[[], T], *, tables: Iterable[str] = ()) -> T:
    """What `produce` returns, which reads and nothing else. It sees all that the user has written, and all that
    anybody has written to `tables`."""
    return read_at(lambda: changes.required(dependencies(tables)), produce)


def dependencies(tables: Iterable[str]) -> list[str]:
    """What the user has written, and what anybody has written to the tables: as changes.required knows them."""
    members = [changes.member_of_table(table) for table in tables]
    serving = current.get()
    if serving and serving.user_id is not None:
        members.append(changes.member_of_user(serving.user_id))
    return members


def read_at(required: Callable[[], Position | None], produce: Callable[[], T]) -> T:
    """As read, by who knows the position that a replica must have replayed; None where nobody does."""
    if not switched_on():
        return read_primary(produce, "switched_off")
    position = required()
    if position is None:
        return read_primary(produce, "position_unknown")
    try:
        return read_replica(produce, position)
    except BehindError:
        return read_primary(produce, "replica_behind")
    except (DatabaseError, InterfaceError) as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise  # it took too long, and would again
        logger.warning("a read goes to the primary, as the replica failed: %s", error)
        return read_primary(produce, "replica_failed")


def switched_on() -> bool:
    """Until somebody creates the file."""
    # A Path would take several times as long, with each read.
    return not (settings.REPLICA_READS_OFF_FILE and os.path.exists(settings.REPLICA_READS_OFF_FILE))  # noqa: PTH110


def read_primary(produce: Callable[[], T], reason: str) -> T:
    metrics.READS.labels("primary", reason).inc()
    try:
        return patiently(produce)
    finally:
        give_back(PRIMARY)


def read_replica(produce: Callable[[], T], position: Position) -> T:
    token = _position.set(position)
    try:
        result = produce()
    finally:
        _position.reset(token)
        give_back(REPLICA)
    metrics.READS.labels("replica", "replayed").inc()
    return result


def give_back(database: str) -> None:
    """To its pool, rather than when the request ends: whoever then waits for another reader's answer, or for a primary,
    would hold what that reader needs."""
    connection = connections[database]
    if not connection.in_atomic_block:
        connection.close()


def check_replayed(execute: Callable, sql: str, params, many: bool, context: dict):
    """A wrapper around every statement to a replica. The question whether it has replayed enough goes with it, in one
    implicit transaction: PgBouncer gives both to one server, and the statement sees what the answer was about."""
    position, connection = _position.get(), context["connection"]
    if position is None:
        return execute(sql, params, many, context)
    session = connection.connection
    with connection.wrap_database_errors, together(session):
        # Prepared: Django's own cursors would write the position into it, and PostgreSQL plan it anew for each.
        replayed = psycopg.RawCursor(session).execute(REPLAYED, [position.at, position.timeline])
        result = execute(sql, params, many, context)
    if not replayed.fetchone()[0]:
        raise BehindError
    return result
