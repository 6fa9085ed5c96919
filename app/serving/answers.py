"""Answers kept in Redis as the bytes that go out. An entry names the versions of the tables that it was made from, and
is void when one of them has been written to since: serving.changes gives a table a new version with each commit.

When Redis was away during a commit, an answer may be out of date for settings.ANSWER_SECONDS, and no longer.
"""

import functools
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import orjson
from django.conf import settings
from django.db.models import Model
from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from drf_spectacular.utils import OpenApiParameter, extend_schema
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


@dataclass(frozen=True)
class Entry:
    versions: list[str]
    headers: dict[str, str]
    body: bytes

    def encode(self) -> bytes:
        return orjson.dumps([self.versions, self.headers]) + b"\n" + self.body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        head, body = data.split(b"\n", 1)
        return cls(*orjson.loads(head), body)


def cached(*models: type[Model], shared: bool = False) -> Callable:
    """For a view's `get`, which reads these models and writes nothing. `shared` where every user who may ask gets the
    same answer; else each has their own. Whether the user may ask is decided before, as for any view."""
    tables = [model._meta.db_table for model in models]

    def decorate(get: Callable) -> Callable:
        @extend_schema(parameters=[IF_NONE_MATCH, ETAG])
        @functools.wraps(get)
        def answer(view: APIView, request: Request, *arguments, **options) -> HttpResponse:
            def produce() -> HttpResponse:
                response = view.finalize_response(request, get(view, request, *arguments, **options))
                return response.render()

            def fill() -> HttpResponse:
                return described(routing.read(produce, tables=tables))

            if not settings.ANSWER_SECONDS:
                response = described(routing.read(produce))
            else:
                user = "shared" if shared else str(request.user.pk)
                response = Shelf(tables, place(request, user)).get(fill)
            return get_conditional_response(request, response.get("ETag"), response=response)

        return answer

    return decorate


def place(request: Request, user: str) -> str:
    """Without names in clear: people search for them."""
    parts = [user, request.accepted_renderer.format, request.build_absolute_uri()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def described(response: HttpResponse) -> HttpResponse:
    """With what browsers and proxies must know of it."""
    if response.status_code == 200:
        if "ETag" not in response:
            response["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
        patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ["Authorization", "Cookie", "Accept"])
    return response


class Shelf:
    """Where one answer lies."""

    def __init__(self, tables: list[str], place: str):
        self.tables = tables
        self.key = redis.key("answer", place)
        self.flight_key = redis.key("flight", place)

    def get(self, fill: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            if not changes.catch_up():
                return self.bypassed(fill)
            entry = self.look()
        except (RedisError, OSError):
            return self.bypassed(fill)
        return self.found(entry, "hit") if entry else self.fetch(fill)

    def bypassed(self, fill: Callable[[], HttpResponse]) -> HttpResponse:
        metrics.ANSWERS.labels("bypassed").inc()
        return fill()

    def found(self, entry: Entry, result: str) -> HttpResponse:
        metrics.ANSWERS.labels(result).inc()
        return HttpResponse(entry.body, headers=entry.headers)

    def look(self) -> Entry | None:
        """The entry, if it is of the present versions."""
        _, entry = self.understand(redis.connection().mget(self.keys))
        return entry

    @property
    def keys(self) -> list[str]:
        return [*(changes.version_key(table) for table in self.tables), self.key]

    def understand(self, found: list[bytes | None]) -> tuple[list[str], Entry | None]:
        *versions, data = found
        versions = changes.versions(self.tables, versions)
        entry = Entry.decode(data) if data else None
        return versions, entry if entry and entry.versions == versions else None

    def fetch(self, fill: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            deadline = time.monotonic() + FLIGHT_SECONDS
            while True:
                first, versions, entry = self.take_off()
                if entry and first:
                    redis.connection().delete(self.flight_key)
                if entry:
                    return self.found(entry, "waited")
                if first or time.monotonic() > deadline:
                    break
                time.sleep(POLL_SECONDS)
        except (RedisError, OSError):
            return self.bypassed(fill)
        metrics.ANSWERS.labels("miss").inc()
        response = None
        try:
            response = fill()
        finally:
            self.land(versions, response)
        return response

    def take_off(self) -> tuple[bool, list[str], Entry | None]:
        """Whether nobody else is on the way, and a second look: an earlier flight may have landed since the first."""
        with redis.connection().pipeline(transaction=False) as pipe:
            pipe.set(self.flight_key, 1, nx=True, px=FLIGHT_SECONDS * 1000).mget(self.keys)
            first, found = pipe.execute()
        return bool(first), *self.understand(found)

    def land(self, versions: list[str], response: HttpResponse | None) -> None:
        """Keep what was found, and let the next one try where that was nothing."""
        try:
            with redis.connection().pipeline(transaction=False) as pipe:
                if response is not None and response.status_code == 200:
                    entry = Entry(versions, dict(response.items()), response.content)
                    pipe.set(self.key, entry.encode(), ex=settings.ANSWER_SECONDS)
                pipe.delete(self.flight_key)
                pipe.execute()
        except (RedisError, OSError):
            pass  # it was only to be kept
