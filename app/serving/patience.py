"""Waiting for a primary, also for those whom PgBouncer does not let wait.

Whoever is in its queue when a primary is lost stays there until there is another one. But once it could not log in, and
has no server left, it turns away whoever comes, at once: who was unlucky when the primary died would be refused until
the failover is over, while all others wait. What it turns away has not begun, so that doing it again is safe.
"""

import functools
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connections

from serving.changes import PRIMARY

T = TypeVar("T")

SECONDS = 30  # as long as PgBouncer keeps those who wait
PAUSE = 0.25


# As PgBouncer says it. The second is what it forgets of its clients when its pool mode changes.
TURNED_AWAY = ("(server_login_retry)", "prepared statement did not exist")


def turned_away(error: OperationalError) -> bool:
    return any(words in str(error) for words in TURNED_AWAY)


def patiently(act: Callable[[], T]) -> T:
    """What `act` returns, which is called again as long as it is turned away: it commits nothing before its last
    transaction."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return act()
        except OperationalError as error:
            connection = connections[PRIMARY]
            # Within a transaction it is up to whoever began that.
            if not turned_away(error) or connection.in_atomic_block or time.monotonic() > deadline:
                raise
        connection.close()
        time.sleep(PAUSE)


def patient(handle: Callable) -> Callable:
    """For a view's method that writes."""

    @functools.wraps(handle)
    def handle_patiently(*arguments, **options):
        return patiently(lambda: handle(*arguments, **options))

    return handle_patiently
