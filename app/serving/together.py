"""Statements to the database that go out together, and are answered together."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection, Pipeline
from psycopg.abc import PQGen
from psycopg.generators import send


class Together(Pipeline):
    """One of psycopg's pipelines that sends nothing before its end. Its own way is a packet for each statement, and two
    for the end, each of which wakes PgBouncer, HAProxy and the server."""

    def _communicate_gen(self) -> PQGen[None]:
        while self.command_queue:
            self.command_queue.popleft()()  # into libpq's buffer
        return
        yield

    def _exit_gen(self) -> PQGen[None]:
        self._enqueue_sync()
        yield from self._communicate_gen()
        yield from send(self.pgconn)
        yield from self._fetch_gen(flush=False)


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """What is executed in the block has its results after it, all of one implicit transaction if there is no other."""
    connection._pipeline = Together(connection)
    with connection.pipeline():
        yield
