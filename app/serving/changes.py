"""What was written: once a transaction has committed, Redis learns which tables it changed, by whom, and how far the
WAL was by then. Readers find there which answers are out of date, and which replicas know enough for them.

A sorted set holds positions in the WAL by table and by user: `ZADD GT` moves none of them back, whoever comes late.
Its member "floor" is where the primary was when the set began; whoever is not in the set has written nothing since.
Without a floor, after Redis lost its memory, nothing is known, and nobody reads from a replica.

A primary that died, and comes back as a replica, may be further than its successor, in a WAL that is void: positions
tell nothing from one timeline to another. So the first who writes in a new one leaves its number in a table, and the
set's member "timeline" says which number a replica must have there.
"""

import functools
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from uuid import uuid4
from weakref import WeakKeyDictionary

from django.db import connections, transaction
from redis.client import Pipeline
from redis.exceptions import RedisError, WatchError
from sqlparse import lexer
from sqlparse.tokens import Comment, Punctuation, String, Whitespace

from serving import redis
from serving.background import in_background
from serving.context import current

logger = logging.getLogger(__name__)

PRIMARY = "default"
FLOOR = "floor"
TIMELINE = "timeline"
# So that users who write no more are forgotten some day. The next set begins with a floor of its own.
LIFETIME = 24 * 3600

# The statements of the ORM: one table, named without a schema, and nothing that could hide another write.
TARGET = re.compile(r'(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?!ONLY\b)"?(\w+)"?(?!\s*\.)(?=\s|\(|$)', re.IGNORECASE)
HIDING = (";", "--", "/*", "WITH", "INTO")
# Statements that change no row themselves, whatever else they do.
NEUTRAL = re.compile(
    r"(SELECT|INSERT|UPDATE|DELETE|MERGE|TRUNCATE|COPY|WITH|VALUES|TABLE|EXPLAIN|SHOW|SET|RESET|DISCARD|BEGIN|START|"
    r"COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|LOCK|DECLARE|FETCH|MOVE|CLOSE|PREPARE|DEALLOCATE|LISTEN|UNLISTEN|"
    r"NOTIFY|ANALYZE|VACUUM|REINDEX|CLUSTER|CHECKPOINT|CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE|SECURITY|REASSIGN)"
)
FILLING = {"TABLE", "ONLY", "TEMP", "TEMPORARY", "LOCAL", "GLOBAL", "UNLOGGED", "IF", "NOT", "EXISTS"}
# SELECT FOR UPDATE and FOR NO KEY UPDATE, ON CONFLICT DO UPDATE, MERGE's THEN UPDATE, foreign keys' ON UPDATE.
NO_STATEMENT = {"FOR", "KEY", "DO", "THEN", "ON"}


def written(sql: str) -> Iterable[str]:
    """The tables that a statement writes to. What a function writes that a SELECT calls is not seen: call changed()."""
    sql = str(sql).strip()
    upper = sql.upper()
    if upper.startswith("SELECT"):
        plain = not any(word in upper for word in (";", "INTO"))
        return () if plain else tables_written(sql)
    match = TARGET.match(sql)
    if match and not any(word in upper[match.end() :] for word in HIDING):
        return (match[1],)
    return tables_written(sql)


@functools.lru_cache(maxsize=256)
def tables_written(sql: str) -> tuple[str, ...]:
    """As written(), of any text. A statement that may write anything has written to every table."""
    found = {}
    statement: list[str] = []
    for kind, value in [*lexer.tokenize(sql), (Punctuation, ";")]:
        if kind in Whitespace or kind in Comment:
            continue
        if kind in Punctuation and value == ";":
            found.update(dict.fromkeys(targets(statement)))
            statement = []
        else:
            statement += parts(kind, value)
    return tuple(found)


def parts(kind, value: str) -> list[str]:
    """The words of a token: some keywords are several. A constant is none, whatever it says."""
    if kind in String.Single or value.startswith("$"):
        return ["''"]
    return [value] if value.startswith('"') else value.split()


def targets(tokens: list[str]) -> Iterator[str]:
    """The tables that one statement writes to."""
    words = [token.upper() for token in tokens]
    if not words:
        return
    if (words[0] != "(" and not NEUTRAL.fullmatch(words[0])) or "EXECUTE" in words:
        yield from connections[PRIMARY].introspection.django_table_names()
        return
    if words[0] == "CREATE":
        if "TABLE" in words and "AS" in words:
            yield from names(tokens, words, words.index("TABLE"))
        return
    if words[0] == "COPY" and "FROM" in words:
        yield from names(tokens, words, 0)
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        if (
            word in {"INTO", "TRUNCATE"}
            or (word == "UPDATE" and before not in NO_STATEMENT)
            or (word == "FROM" and before == "DELETE")
        ):
            yield from names(tokens, words, at)


def names(tokens: list[str], words: list[str], at: int) -> Iterator[str]:
    """The table that a word is followed by, without its schema; of TRUNCATE several."""
    several, at = words[at] == "TRUNCATE", at + 1
    while at < len(words):
        while at < len(words) and words[at] in FILLING:
            at += 1
        while words[at + 1 : at + 2] == ["."]:
            at += 2
        if at < len(tokens) and (name := identifier(tokens[at])):
            yield name
        at += 1 + (words[at + 1 : at + 2] == ["*"])
        if not several or words[at : at + 1] != [","]:
            return
        at += 1


def identifier(token: str) -> str:
    """As PostgreSQL reads it; nothing where it is none."""
    if token.startswith('"'):
        return token[1:-1].replace('""', '"')
    return token.lower() if re.match(r"\w", token) else ""


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
    """Call it within the transaction that writes past Django's cursors, as COPY does, or by a function in a SELECT."""
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
    reached = None
    try:
        reached = position()
    except Exception as error:  # a lost connection, a full or closed pool: nothing may fail for it
        logger.error("the position of a commit is unknown: %s", type(error).__name__)
    finally:  # also of a worker that is being ended
        publish(tables, members, reached)


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
_trying = threading.Lock()
TRY_AGAIN_SECONDS = 1
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
    told = catch_up(forced=True)
    if not told:
        in_background(keep_trying)
    return told


def keep_trying() -> None:
    """Until Redis has been told, also where no further request comes to this process: until then other processes may
    serve old answers from a Redis that only this one could not reach."""
    if not _trying.acquire(blocking=False):
        return  # another thread does
    try:
        while not catch_up():
            time.sleep(TRY_AGAIN_SECONDS)
    finally:
        _trying.release()


def catch_up(*, forced: bool = False) -> bool:
    """Whether Redis knows of all that this process has committed. `forced` asks it although it is bypassed: processes
    for which it is back already serve what it holds."""
    with _lock:
        positions, tables = dict(_unpublished), dict(_outdated)
    if not positions and not tables:
        return True
    try:
        if forced:
            redis.connection().forced(lambda pipe: announce(pipe, positions, tables))
        else:
            with redis.connection().pipeline() as pipe:
                announce(pipe, positions, tables)
                pipe.execute()
    except (RedisError, OSError):
        return False
    except Exception as error:  # what is committed is committed
        logger.error("Redis was not told of a commit: %s", type(error).__name__)
        return False
    with _lock:
        for member, at in positions.items():
            if _unpublished.get(member, 0) == at:
                _unpublished.pop(member, None)
        for table, mark in tables.items():
            if _outdated.get(table) is mark:
                _outdated.pop(table)
    return True


def announce(pipe: Pipeline, positions: dict[str, int | None], tables: Iterable[str]) -> None:
    if None in positions.values():
        pipe.delete(positions_key())
    elif positions:
        pipe.zadd(positions_key(), positions, gt=True)
    # A fresh one that was never used before, or an old answer could become valid again.
    for table in tables:
        pipe.set(version_key(table), uuid4().hex)


def flush(seconds: float = 2, pause: float = 0.1) -> bool:
    """Publish what Redis has not taken so far, when the process ends. What it never takes is bounded by how long
    answers are kept, settings.ANSWER_SECONDS."""
    deadline = time.monotonic() + seconds
    while not catch_up(forced=True):
        if time.monotonic() >= deadline:
            logger.error("Redis was not told of commits to %s", ", ".join(sorted(_outdated)) or "unknown tables")
            return False
        time.sleep(pause)
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
