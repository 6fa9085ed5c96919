"""One user's requests in a minute."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from serving import redis, throttles
from tests.access import header, permitted

URL = "/api/customers/"


@pytest.fixture(autouse=True)
def limit(settings, monkeypatch):
    """Three a minute, counted in a part of Redis that no other test has written to, at a time that stands still."""
    settings.USER_REQUESTS_PER_MINUTE = 3
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": f"customers:tests:{uuid4().hex}"}}

    class Clock:
        now = 6000.0

        def time(self) -> float:
            return self.now

    throttles._counts.clear()
    monkeypatch.setattr(throttles, "time", Clock())
    return throttles.time


def codes(api, count: int) -> list[int]:
    return [api.get(URL).status_code for _ in range(count)]


def test_who_asks_too_often_is_told_when_to_come_again(api, limit):
    assert codes(api, 4) == [200, 200, 200, 429]
    limit.now += 20
    assert api.get(URL)["Retry-After"] == "40"
    limit.now += 40
    assert codes(api, 1) == [200]


def test_others_are_not_held_up_by_that(api):
    codes(api, 4)
    other = APIClient(HTTP_X_FORWARDED_PROTO="https")
    other.credentials(HTTP_AUTHORIZATION=header(permitted(User.objects.create(username="bob"))))
    assert codes(other, 1) == [200]


def test_a_process_tells_redis_in_steps_of_a_thousandth(api, user, settings):
    settings.USER_REQUESTS_PER_MINUTE = 3000

    def told() -> int:
        return int(redis.connection().get(redis.key("requests", str(user.pk), "100")) or 0)

    seen = []
    for _ in range(9):
        api.get(URL)
        seen.append(told())
    assert seen == [0, 0, 0, 4, 4, 4, 4, 8, 8]


def test_what_other_processes_have_told_counts(api, user, settings):
    settings.USER_REQUESTS_PER_MINUTE = 3000
    redis.connection().set(redis.key("requests", str(user.pk), "100"), 2999)
    assert codes(api, 5) == [200] * 3 + [429] * 2


def test_whom_the_settings_name_has_no_limit(api, settings):
    settings.UNTHROTTLED_USERS = ["ada"]
    assert codes(api, 5) == [200] * 5


def test_without_redis_nobody_is_refused(api, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://customers@127.0.0.1:1/0"}}
    assert codes(api, 5) == [200] * 5


def test_who_was_refused_is_let_in_when_redis_is_lost(api, settings):
    settings.USER_REQUESTS_PER_MINUTE = 3000
    redis.connection().set(redis.key("requests", str(User.objects.get().pk), "100"), 2999)
    assert codes(api, 4)[-1] == 429
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://customers@127.0.0.1:1/0"}}
    assert codes(api, 8)[4:] == [200] * 4


def test_zero_is_no_limit(api, settings):
    settings.USER_REQUESTS_PER_MINUTE = 0
    assert codes(api, 5) == [200] * 5
