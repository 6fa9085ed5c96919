"""How much one user may ask for in a minute, over all instances. Redis counts; without it everybody may."""

import time

from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from serving import redis

MINUTE = 60


class UserThrottle(BaseThrottle):
    """Strangers are the load balancers' business, which count by address."""

    def allow_request(self, request: Request, view) -> bool:
        limit = settings.USER_REQUESTS_PER_MINUTE
        user = request.user
        if not limit or not user.is_authenticated or user.get_username() in settings.UNTHROTTLED_USERS:
            return True
        try:
            with redis.connection().pipeline(transaction=False) as pipe:
                key = redis.key("requests", str(user.pk), str(int(time.time() // MINUTE)))
                pipe.incr(key).expire(key, 2 * MINUTE)
                return pipe.execute()[0] <= limit
        except (RedisError, OSError):
            return True

    def wait(self) -> float:
        """Until the next minute begins."""
        return MINUTE - time.time() % MINUTE
