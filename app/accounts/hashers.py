"""Hashes passwords outside of gevent's event loop, which would serve no request meanwhile."""

import functools
import sys
from collections.abc import Callable

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from serving import routing
from serving.changes import PRIMARY

# Per process. OpenSSL releases the GIL, so the event loop runs on; a second thread would compete with it.
THREADS = 1


class ThreadedPBKDF2PasswordHasher(PBKDF2PasswordHasher):
    """Django's default hasher, one hash at a time in an operating system thread. Stored hashes are the same."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        return in_thread(super().encode, password, salt, iterations)


def in_thread(function: Callable, *arguments):
    """What the function returns. Without gevent, as in a management command, it is called directly."""
    if "gevent.monkey" not in sys.modules:
        return function(*arguments)
    # A request that waits for its hash must not keep a pooled connection from the others.
    routing.give_back(PRIMARY)
    return thread_pool().apply(function, arguments)


@functools.cache
def thread_pool():
    from gevent.threadpool import ThreadPool

    return ThreadPool(THREADS)
