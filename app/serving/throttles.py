"""How much one user may ask for in a minute, over all instances. Redis counts; without it everybody may.

A process tells Redis of a user's requests in steps of a thousandth of the limit, so that few requests wait for that.
Each process may give a user so much more.
"""

import threading
import time

from cachetools import LRUCache
from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from serving import redis

MINUTE = 60
STEPS = 1000

# By user: the minute, how many requests there were by the last answer of Redis, and how many it was not told of.
_counts: LRUCache = LRUCache(10_000)
_lock = threading.Lock()


class UserThrottle(BaseThrottle):
    """Strangers are the load balancers' business, which count by address."""

    def allow_request(self, request: Request, view) -> bool:
        limit = settings.USER_REQUESTS_PER_MINUTE
        user = request.user
        if not limit or not user.is_authenticated or user.get_username() in settings.UNTHROTTLED_USERS:
            return True
        try:
            return requests_of(user.pk, limit // STEPS) <= limit
        except (RedisError, OSError):
            with _lock:
                _counts.pop(user.pk, None)
            return True

    def wait(self) -> float:
        """Until the next minute begins."""
        return MINUTE - time.time() % MINUTE


def requests_of(user_id: int, untold: int) -> int:
    """Of a user in this minute, with this one. Up to `untold` of them are not worth a question."""
    with _lock:
        minute = int(time.time() // MINUTE)
        counted, told, more = _counts.get(user_id, (minute, 0, 0))
        told, more = (told, more + 1) if counted == minute else (0, 1)
        ask = more > untold
        _counts[user_id] = minute, told, 0 if ask else more
    if not ask:
        return told + more
    with redis.connection().pipeline(transaction=False) as pipe:
        key = redis.key("requests", str(user_id), str(minute))
        pipe.incrby(key, more).expire(key, 2 * MINUTE)
        told = pipe.execute()[0]
    with _lock:
        counted, before, more = _counts.get(user_id, (minute, 0, 0))
        if counted == minute:
            _counts[user_id] = minute, max(before, told), more
    return told
