"""Redis, which may be lost at any time: behind a circuit breaker, so that its loss costs a few timeouts and no more.

pybreaker would hold a lock for as long as a command takes, and so let one request of a worker talk to Redis at a time.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django_redis import get_redis_connection
from redis import Redis, exceptions
from redis.client import Pipeline

from serving import metrics

logger = logging.getLogger(__name__)
T = TypeVar("T")

# It can't be reached, or was not set up for what we ask.
FAILURES = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.NoPermissionError, OSError)


class BypassedError(exceptions.ConnectionError):
    """Nobody asked: Redis failed just now."""


class Breaker:
    """After `failures` in a row nothing is tried for `pause` seconds; then one call is, and decides for the others."""

    def __init__(self, *, failures: int, pause: float, clock: Callable[[], float] = time.monotonic):
        self.failures = failures
        self.pause = pause
        self.clock = clock
        self.lock = threading.Lock()
        self.failed = 0
        self.bypass_until = 0.0

    def call(self, command: Callable[..., T], *arguments, **options) -> T:
        if self.failed >= self.failures:
            self.begin_trial()
        try:
            result = command(*arguments, **options)
        except FAILURES as error:
            self.failure(error)
            raise
        if self.failed:
            self.success()
        return result

    def begin_trial(self) -> None:
        with self.lock:
            if self.clock() < self.bypass_until:
                raise BypassedError(f"not asked, as it failed {self.failed} times in a row")
            # Those who come while this one tries go past.
            self.bypass_until = self.clock() + self.pause

    def failure(self, error: Exception) -> None:
        with self.lock:
            self.failed += 1
            if self.failed >= self.failures:
                self.bypass_until = self.clock() + self.pause
            if self.failed == self.failures:
                metrics.BREAKER_OPEN.set(1)
                logger.error("Redis is bypassed: %s", error)

    def success(self) -> None:
        with self.lock:
            if self.failed >= self.failures:
                metrics.BREAKER_OPEN.set(0)
                logger.warning("Redis is back")
            self.failed = 0


breaker = Breaker(failures=3, pause=5)


class GuardedPipeline(Pipeline):
    def execute(self, *arguments, **options):
        return breaker.call(super().execute, *arguments, **options)

    def immediate_execute_command(self, *arguments, **options):
        return breaker.call(super().immediate_execute_command, *arguments, **options)


class GuardedRedis(Redis):
    """What all of the app talks to Redis with: Django's cache, and whoever calls connection()."""

    def execute_command(self, *arguments, **options):
        return breaker.call(super().execute_command, *arguments, **options)

    def pipeline(self, transaction: bool = True, shard_hint=None) -> Pipeline:
        return GuardedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def unguarded(self, fill: Callable[[Pipeline], object]) -> None:
        with Pipeline(self.connection_pool, self.response_callbacks, True, None) as pipe:
            fill(pipe)
            pipe.execute()

    def forced(self, fill: Callable[[Pipeline], object]) -> None:
        """Run a transaction although Redis is bypassed; where it succeeds, Redis is bypassed no longer."""
        try:
            try:
                self.unguarded(fill)
            except exceptions.ConnectionError:
                # Perhaps only this connection has ended, with a Redis that has been restarted since.
                self.unguarded(fill)
        except FAILURES as error:
            if breaker.failed < breaker.failures:
                breaker.failure(error)
            raise
        if breaker.failed:
            breaker.success()

    def probe(self) -> None:
        """Ask, whatever the breaker says."""
        try:
            super().execute_command("GET", key("readyz"))
        except exceptions.ConnectionError:
            # Perhaps only this connection has ended, with a Redis that has been restarted since.
            super().execute_command("GET", key("readyz"))


def connection() -> GuardedRedis:
    return get_redis_connection("default")


def key(*parts: str) -> str:
    """Within the prefix that our Redis user is limited to."""
    return ":".join([settings.CACHES["default"]["KEY_PREFIX"], *parts])
