"""What was written: once a transaction has committed, Redis learns which tables it changed, by whom, and how far the
WAL was by then. Readers find there which answers are out of date, and which replicas know enough for them.

A sorted set holds positions in the WAL by table and by user: `ZADD GT` moves none of them back, whoever comes late.
Its member "floor" is where the primary was when the set began; whoever is not in the set has written nothing since.
Without a floor, after Redis lost its memory, nothing is known, and nobody reads from a replica.

A primary that died, and comes back as a replica, may be further than its successor, in a WAL that is void: positions
tell nothing from one timeline to another. So the first who writes in a new one leaves its number in a table, and the
set's member "timeline" says which number a replica must have there.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from uuid import uuid4
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connections, transaction
from redis.exceptions import RedisError, WatchError

from serving import redis
from serving.context import current

logger = logging.getLogger(__name__)

PRIMARY = "default"
FLOOR = "floor"
TIMELINE = "timeline"
# So that users who write no more are forgotten some day. The next set begins with a floor of its own.
LIFETIME = 24 * 3600

TARGET = re.compile(
    r'(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?)\s+(?:ONLY\s+)?"?(\w+)', re.IGNORECASE
)


def written(sql: str) -> Iterator[str]:
    """The tables that a statement writes to."""
    sql = str(sql).lstrip()
    if sql[:4].upper() == "WITH":
        yield from (match[1] for match in TARGET.finditer(sql))
    elif match := TARGET.match(sql):
        yield match[1]


def notice(execute: Callable, sql: str, params, many: bool, context: dict):
    """A wrapper around every statement, so that no way of writing can be forgotten."""
    result = execute(sql, params, many, context)
    for table in written(sql):
        changed(table)
    return result


class Position(NamedTuple):
    """In the WAL: bytes since its beginning."""

    timeline: int
    at: int


# By connection. What a transaction that was rolled back leaves here is published with the next one, and harms nothing.
_written: WeakKeyDictionary = WeakKeyDictionary()


def changed(table: str) -> None:
    """To be called within the transaction by who writes past Django's cursors, as COPY does."""
    connection = connections[PRIMARY]
    _written.setdefault(connection, set()).add(table)
    if connection.run_on_commit:
        savepoints, function, _ = connection.run_on_commit[-1]
        if function is publish_written and savepoints <= set(connection.savepoint_ids):
            return
    transaction.on_commit(publish_written, using=PRIMARY)


def publish_written() -> None:
    """When a transaction has committed. Never fails: what is committed is committed."""
    tables = _written.pop(connections[PRIMARY], None)
    if not tables:
        return  # another one of this transaction has done it
    serving = current.get()
    members = {member_of_table(table) for table in tables}
    if serving and serving.user_id is not None:
        members.add(member_of_user(serving.user_id))
    try:
        publish(tables, members, position())
    except DatabaseError as error:
        logger.error("the position of a commit is unknown: %s", error)
        publish(tables, members, None)


def member_of_table(table: str) -> str:
    return f"table:{table}"


def member_of_user(user_id: int) -> str:
    return f"user:{user_id}"


def positions_key() -> str:
    return redis.key("positions")


def version_key(table: str) -> str:
    return redis.key("version", table)


def versions(tables: Iterable[str]) -> list[str]:
    """The present ones. Who has none gets one."""
    keys = [version_key(table) for table in tables]
    found = redis.connection().mget(keys)
    return [(version or first_version(key)).decode() for key, version in zip(keys, found, strict=True)]


def first_version(key: str) -> bytes:
    fresh = uuid4().hex.encode()
    return redis.connection().set(key, fresh, nx=True, get=True) or fresh


# Where commits wait for the disk, all of them are within what has been flushed. What has not been may die with the
# primary, and readers would wait for it until there is another one.
THIS_TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int"
POSITION = f"""
SELECT {THIS_TIMELINE},
    (CASE current_setting('synchronous_commit')
        WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn()
    END - '0/0')::bigint
"""
# While a database is made, there is no table yet.
HAS_TABLE = "SELECT to_regclass('serving_timeline') IS NOT NULL"
BEGIN_TIMELINE = f"""
INSERT INTO serving_timeline (id, number) SELECT 1, {THIS_TIMELINE}
ON CONFLICT (id) DO UPDATE SET number = excluded.number WHERE serving_timeline.number <> excluded.number
"""
# The last one that this process has seen in the table.
_timeline = 0


def position() -> Position:
    """How far the primary is, with all that has been committed."""
    global _timeline
    connection = connections[PRIMARY]
    with connection.cursor() as cursor:
        while True:
            cursor.execute(POSITION)
            found = Position(*cursor.fetchone())
            if found.timeline == _timeline or connection.in_atomic_block:
                return found
            with connection.wrap_database_errors:
                # Past Django's cursors, as nobody's answers depend on it.
                session = connection.connection
                if not session.execute(HAS_TABLE).fetchone()[0]:
                    return found
                session.execute(BEGIN_TIMELINE)
            _timeline = found.timeline


# What Redis did not take when it should have; it is the first that it hears when it is back.
_lock = threading.Lock()
_unpublished: dict[str, int | None] = {}
_outdated: dict[str, object] = {}


def publish(tables: Iterable[str], members: Iterable[str], reached: Position | None) -> bool:
    """Whether Redis knows now. Without a position it forgets all that it knew."""
    numbers = dict.fromkeys(members, reached and reached.at)
    if numbers:
        numbers[TIMELINE] = reached and reached.timeline
    with _lock:
        for member, number in numbers.items():
            known = _unpublished.get(member, 0)
            _unpublished[member] = None if number is None or known is None else max(number, known)
        # Each commit's own mark, so that nobody takes the earlier one's for it.
        _outdated.update({table: object() for table in tables})
    return catch_up()


def catch_up() -> bool:
    """Whether Redis knows of all that this process has committed."""
    with _lock:
        positions, tables = dict(_unpublished), dict(_outdated)
    if not positions and not tables:
        return True
    try:
        with redis.connection().pipeline() as pipe:
            if None in positions.values():
                pipe.delete(positions_key())
            elif positions:
                pipe.zadd(positions_key(), positions, gt=True)
            # A fresh one that was never used before, or an old answer could become valid again.
            for table in tables:
                pipe.set(version_key(table), uuid4().hex)
            pipe.execute()
    except (RedisError, OSError):
        return False
    with _lock:
        for member, at in positions.items():
            if _unpublished.get(member, 0) == at:
                _unpublished.pop(member, None)
        for table, mark in tables.items():
            if _outdated.get(table) is mark:
                _outdated.pop(table)
    return True


def required(members: Iterable[str]) -> Position | None:
    """The position that a replica must have replayed for a reader who depends on these; None: nobody knows."""
    try:
        if not catch_up():
            return None
        return furthest(*redis.connection().zmscore(positions_key(), [TIMELINE, FLOOR, *members]))
    except (RedisError, OSError):
        return None


Score = float | bytes | None


def furthest(timeline: Score, floor: Score, *positions: Score) -> Position | None:
    """Of what Redis has found."""
    if floor is None:
        lay_floor()
        return None
    at = max(float(each) for each in (floor, *positions) if each is not None)
    return Position(int(float(timeline or 0)), int(at))


def lay_floor() -> None:
    """For those who come next. Where that fails, one of them does it."""
    try:
        with redis.connection().pipeline() as pipe:
            # If the set changes or is lost from here on, what the primary says next may be too old for it.
            pipe.watch(positions_key())
            reached = position()
            pipe.multi()
            pipe.zadd(positions_key(), {FLOOR: reached.at}, nx=True)
            pipe.zadd(positions_key(), {TIMELINE: reached.timeline}, gt=True)
            pipe.expire(positions_key(), LIFETIME)
            pipe.execute()
    except WatchError:
        logger.info("somebody else wrote meanwhile: the floor is laid next time")
    except (RedisError, OSError):
        pass
