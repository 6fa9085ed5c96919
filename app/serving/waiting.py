"""How psycopg waits for the database under gevent: by its loop. Its own way is poll(), for which gevent makes anew,
each time, what the loop has already: a tenth of what a list costs."""

import select
from typing import TypeVar

import psycopg.waiting
from gevent import get_hub, monkey
from psycopg.abc import PQGen

T = TypeVar("T")

poll_at_once = monkey.get_original("select", "poll")
# Of psycopg, of the loop, and of poll().
READ, WRITE = 1, 2
MASKS = {READ: select.POLLIN, WRITE: select.POLLOUT, READ | WRITE: select.POLLIN | select.POLLOUT}


def install() -> None:
    """Where gevent has replaced what would block."""
    if monkey.is_module_patched("select"):
        psycopg.waiting.wait = wait


def wait(generator: PQGen[T], fileno: int, interval: float = 0.0, timeout: float | None = None) -> T:
    """In the place of psycopg.waiting.wait."""
    if timeout is not None:
        return psycopg.waiting.wait_poll(generator, fileno, interval, timeout)
    try:
        wanted = next(generator)
        while True:
            wanted = generator.send(ready_now(fileno, wanted) or ready_later(fileno, wanted))
    except StopIteration as stop:
        return stop.value


def ready_now(fileno: int, wanted: int) -> int:
    """Which of reading and writing would not block; often there is room to write."""
    poll = poll_at_once()
    poll.register(fileno, MASKS[wanted])
    for _, events in poll.poll(0):
        if events & ~MASKS[wanted]:
            return wanted  # and find the error
        return READ * bool(events & select.POLLIN) | WRITE * bool(events & select.POLLOUT)
    return 0


def ready_later(fileno: int, wanted: int) -> int:
    """The same as soon as it is one of them, while others run."""
    hub = get_hub()
    watcher = hub.loop.io(fileno, wanted)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()
    return ready_now(fileno, wanted) or wanted
