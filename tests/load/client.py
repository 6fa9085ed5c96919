"""Users in a closed loop: each has one connection, asks, waits for the answer and asks again.

The client shares the processors with what it measures, so it does as little as it can: bytes that are ready to be sent,
and a parser written in C.
"""

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass

import httptools
import uvloop

from load.figures import Sample

TIMEOUT = 70  # seconds; longer than the load balancer waits for an app
CONNECTING_AT_ONCE = 50


@dataclass(frozen=True)
class Target:
    """Where requests go, and by which name."""

    address: str
    port: int
    host: str
    trust: ssl.SSLContext | None = None
    headers: str = ""  # that all requests carry


class Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self):
        self.transport = None
        self.parser = None
        self.waiter = None
        self.received = 0
        self.asked_at = 0.0

    def connection_made(self, transport):
        """It is open."""
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)

    def connection_lost(self, error):
        """It is closed; whoever waits learns of it."""
        self.transport = None
        if self.waiter and not self.waiter.done():
            self.waiter.set_exception(error or ConnectionResetError("closed without an answer"))

    def data_received(self, data):
        """Some of an answer."""
        self.received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.transport.abort()
            if self.waiter and not self.waiter.done():
                self.waiter.set_exception(ConnectionError(f"no HTTP: {error}"))

    def on_message_complete(self):
        """The whole of an answer."""
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(self.parser.get_status_code())
        if not self.parser.should_keep_alive() and self.transport:
            self.transport.close()
            self.transport = None

    def ask(self, request):
        """A future of the status."""
        self.waiter = asyncio.get_running_loop().create_future()
        self.asked_at = time.perf_counter()
        self.transport.write(request)
        return self.waiter

    def expire(self, now):
        """Give up on an answer that does not come."""
        if self.waiter and not self.waiter.done() and now - self.asked_at > TIMEOUT:
            self.waiter.set_exception(TimeoutError(f"no answer within {TIMEOUT} s"))
            if self.transport:
                self.transport.abort()


class Crowd:
    """All users of one round."""

    def __init__(self, target, scripts):
        self.target = target
        self.scripts = scripts  # per user, an endless iterator of (kind, request, statuses that are right)
        self.sample = Sample()
        self.connections = []
        self.door = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect(self):
        """A new connection."""
        target = self.target
        async with self.door:
            _, connection = await asyncio.wait_for(
                asyncio.get_running_loop().create_connection(
                    Connection,
                    target.address,
                    target.port,
                    ssl=target.trust,
                    server_hostname=target.host if target.trust else None,
                ),
                TIMEOUT,
            )
        return connection

    async def user(self, number, script, ends):
        """One of them. What was asked before the end is waited for."""
        sample, connection = self.sample, self.connections[number]
        while (asked := time.perf_counter()) < ends:
            kind, request, right = next(script)
            try:
                if connection.transport is None:
                    connection = self.connections[number] = await self.connect()
                status = await connection.ask(request)
            except (OSError, TimeoutError) as error:
                sample.errors[type(error).__name__] += 1
                await asyncio.sleep(0.01)  # a closed door is no reason to hammer at it
                continue
            if status in right:
                sample.add(kind, time.perf_counter() - asked)
            else:
                sample.errors[f"{kind} {status}"] += 1

    async def watch(self):
        """End what takes too long."""
        while True:
            await asyncio.sleep(1)
            now = time.perf_counter()
            for connection in self.connections:
                connection.expire(now)

    async def run(self, seconds):
        """All at once, for so long, on connections that are open when time begins."""
        self.connections = await asyncio.gather(*(self.connect() for _ in self.scripts))
        watch = asyncio.create_task(self.watch())
        started = time.perf_counter()
        ends = started + seconds
        await asyncio.gather(*(self.user(number, script, ends) for number, script in enumerate(self.scripts)))
        self.sample.seconds = time.perf_counter() - started
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        for connection in self.connections:
            self.sample.received += connection.received
            if connection.transport:
                connection.transport.abort()
        return self.sample


def run(target, scripts, seconds):
    """The sample of one round."""

    async def crowd():
        return await Crowd(target, scripts).run(seconds)

    return uvloop.run(crowd())
