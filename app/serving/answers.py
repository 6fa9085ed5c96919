"""Answers kept in Redis as the bytes that go out. An entry names the versions of the tables that it was made from, and
is void when one of them has been written to since: serving.changes gives a table a new version with each commit. Only
those who came before it was made, and have waited for it, may have it then; or, where the view says how old its answers
may be, those who come in time.

When Redis was away during a commit, an answer may be out of date for settings.ANSWER_SECONDS, and no longer.
"""

import functools
import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self
from uuid import uuid4
from weakref import WeakValueDictionary

import orjson
from cachetools import LRUCache
from django.conf import settings
from django.db.models import Model
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiParameter, extend_schema
from redis.commands.core import Script
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.views import APIView

from serving import changes, metrics, redis, routing

# One reader asks the database, the others wait for what it finds, but not for ever.
FLIGHT_SECONDS = 3
POLL_SECONDS = 0.02

ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=[200, 201], description="The version of what was answered."
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="An `ETag`: 304 if it is still the version."
)


# All of one moment: the entry, if it is of the tables' present versions, was begun after this reader came, or is not
# too old. Else that moment, the versions, whether anybody else is on the way to a new entry already, and how much of
# the WAL a replica must know for it. A table without a version gets one.
LOOK = """
local entry_key, flight_key, positions_key = KEYS[1], KEYS[2], KEYS[3]
local came_at, age = tonumber(ARGV[1]), tonumber(ARGV[2])
local fresh_version, flight_milliseconds = ARGV[3], ARGV[4]
local versions = {}
for i = 4, #KEYS do
  versions[#versions + 1] = redis.call('SET', KEYS[i], fresh_version, 'NX', 'GET') or fresh_version
end
versions = table.concat(versions, ' ')
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local entry = redis.call('GET', entry_key)
if entry then
  local made_of, looked_at = string.match(entry, '^([^\\n]*)\\n(%d+)\\n')
  looked_at = tonumber(looked_at)
  local after = math.min(came_at, now - age)
  if made_of == versions or (looked_at > after and looked_at <= now) then  -- a clock may be set back
    return {entry}
  end
end
local first = flight_milliseconds ~= '0' and redis.call('SET', flight_key, 1, 'NX', 'PX', flight_milliseconds)
local positions = redis.call('ZMSCORE', positions_key, unpack(ARGV, 5))
return {false, now, versions, first, positions}
"""
NEVER = 2**53  # later than any time that Redis tells: who has only just come takes no entry for having waited
# In the keys, and to be raised when Entry changes: for as long as a deploy takes, two releases share one Redis.
FORMAT = "2"
# What was asked for lately. Most searches are never repeated: to keep their answers would cost more than it saves.
_asked: LRUCache = LRUCache(10_000)
_asked_lock = threading.Lock()
# By answer: of those in this process who wait for it, one at a time asks Redis again and again.
_turns: WeakValueDictionary = WeakValueDictionary()


@functools.cache
def look_script() -> Script:
    return redis.connection().register_script(LOOK)


@dataclass(frozen=True)
class Entry:
    """An answer, and when whoever made it looked which versions there were: microseconds by Redis' clock."""

    looked_at: int
    headers: dict[str, str]
    body: bytes

    def encode(self, versions: bytes) -> bytes:
        return b"\n".join([versions, b"%d" % self.looked_at, orjson.dumps(self.headers), self.body])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        _, looked_at, headers, body = data.split(b"\n", 3)
        return cls(int(looked_at), orjson.loads(headers), body)


@dataclass(frozen=True)
class Look:
    """What was found: an entry, or all that is needed to make one."""

    entry: Entry | None
    at: int = 0
    versions: bytes = b""
    first: bool = False
    positions: Sequence[bytes | None] = (None, None)

    def required(self) -> changes.Position | None:
        return changes.furthest(*self.positions)


@dataclass(eq=False)
class Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    entry: Entry | None = None


def cached(*models: type[Model], shared: bool = False, seconds: int = 0) -> Callable:
    """For a view's `get`, which reads these models and writes nothing. `shared` where every user who may ask gets the
    same answer; else each has their own. Whether the user may ask is decided before, as for any view. `seconds` is how
    old an answer may be although one of the models has been written to since."""
    tables = [model._meta.db_table for model in models]

    def decorate(get: Callable) -> Callable:
        @extend_schema(parameters=[IF_NONE_MATCH, ETAG])
        @functools.wraps(get)
        def answer(view: APIView, request: Request, *arguments, **options) -> HttpResponse:
            def produce() -> HttpResponse:
                response = view.finalize_response(request, get(view, request, *arguments, **options))
                return response.render()

            if not settings.ANSWER_SECONDS:
                response = described(routing.read(produce))
            else:
                user = "shared" if shared else str(request.user.pk)
                response = Shelf(tables, place(request, user), seconds).get(produce)
            return get_conditional_response(request, response.get("ETag"), response=response)

        return answer

    return decorate


def place(request: Request, user: str) -> str:
    """Without names in clear: people search for them."""
    query = request.META["QUERY_STRING"]
    parts = [user, request.accepted_renderer.format, request.scheme, request.get_host(), query, request.path]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def described(response: HttpResponse) -> HttpResponse:
    """With what browsers and proxies must know of it."""
    if response.status_code == 200:
        if "ETag" not in response:
            response["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
        response["Cache-Control"] = "private, no-cache"
        response["Vary"] = "Authorization, Cookie, Accept"
    return response


def was_asked(key: str) -> bool:
    with _asked_lock:
        before = _asked.get(key, False)
        _asked[key] = True
    return before


class Shelf:
    """Where one answer lies."""

    def __init__(self, tables: list[str], place: str, seconds: int = 0):
        self.age = seconds * 1_000_000
        self.key = redis.key("answer", FORMAT, place)
        self.flight_key = redis.key("flight", FORMAT, place)
        self.members = routing.dependencies(tables)
        versions = [changes.version_key(table) for table in tables]
        self.keys = [self.key, self.flight_key, changes.positions_key(), *versions]

    def get(self, produce: Callable[[], HttpResponse]) -> HttpResponse:
        """An answer is kept from the second time on that this process is asked for it."""
        keep = was_asked(self.key)
        try:
            if not changes.catch_up():
                return self.bypassed(produce)
            look = self.look(claim=keep)
            if look.entry:
                return self.found(look.entry, "hit")
            if keep and not look.first:
                look = self.wait(look.at)
        except (RedisError, OSError):
            return self.bypassed(produce)
        return self.found(look.entry, "waited") if look.entry else self.fill(produce, look, keep=keep)

    def bypassed(self, produce: Callable[[], HttpResponse]) -> HttpResponse:
        metrics.ANSWERS.labels("bypassed").inc()
        return described(routing.read_at(lambda: None, produce))

    def found(self, entry: Entry, result: str) -> HttpResponse:
        metrics.ANSWERS.labels(result).inc()
        return HttpResponse(entry.body, headers=entry.headers)

    def look(self, came_at: int = NEVER, *, claim: bool = True) -> Look:
        arguments = [
            came_at,
            self.age,
            uuid4().hex,
            FLIGHT_SECONDS * 1000 * claim,
            changes.TIMELINE,
            changes.FLOOR,
            *self.members,
        ]
        data, *rest = look_script()(self.keys, arguments, client=redis.connection())
        if data:
            return Look(Entry.decode(data))
        at, versions, first, positions = rest
        return Look(None, at, versions, bool(first), positions)

    def wait(self, came_at: int) -> Look:
        """Until there is an entry by somebody who looked after we came; or until it is up to us to make one. However
        often the tables are written to meanwhile, that is within two flights."""
        routing.give_back(changes.PRIMARY)  # by which a session and its user may have been read
        deadline = time.monotonic() + FLIGHT_SECONDS
        turn = _turns.setdefault(self.key, Turn())
        ours = turn.lock.acquire(timeout=FLIGHT_SECONDS)
        try:
            if turn.entry and turn.entry.looked_at > came_at:
                return Look(turn.entry)
            while True:
                look = self.look(came_at)
                turn.entry = look.entry or turn.entry
                if look.entry or look.first or time.monotonic() > deadline:
                    return look
                time.sleep(POLL_SECONDS)
        finally:
            if ours:
                turn.lock.release()

    def fill(self, produce: Callable[[], HttpResponse], look: Look, *, keep: bool) -> HttpResponse:
        metrics.ANSWERS.labels("miss").inc()
        response = None
        try:
            response = described(routing.read_at(look.required, produce))
        finally:
            if keep:
                self.land(look, response)
        return response

    def land(self, look: Look, response: HttpResponse | None) -> None:
        """Keep what was found, and let the next one try where that was nothing."""
        try:
            with redis.connection().pipeline(transaction=False) as pipe:
                if response is not None and response.status_code == 200:
                    entry = Entry(look.at, dict(response.items()), response.content)
                    pipe.set(self.key, entry.encode(look.versions), ex=settings.ANSWER_SECONDS)
                pipe.delete(self.flight_key)
                pipe.execute()
        except (RedisError, OSError):
            pass  # it was only to be kept
