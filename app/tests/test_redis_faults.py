"""Redis dead, and Redis that swallows everything: the API works, and few requests pay for it."""

import socket
import threading

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as Unreachable

from serving import changes, redis

URL = "/api/customers/"


@pytest.fixture
def point_to(settings):
    """Has Redis looked for at another port of this machine."""

    def point_to(port: int) -> None:
        settings.ANSWER_SECONDS = 30
        settings.CACHES = {
            "default": {**settings.CACHES["default"], "LOCATION": f"redis://customers@127.0.0.1:{port}/0"},
        }

    return point_to


@pytest.fixture
def listener():
    """A real socket whose connections the kernel accepts and nobody answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        server.setblocking(False)
        yield server


def connections_to(listener) -> int:
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


@pytest.fixture
def clock(monkeypatch):
    """The breaker's, which moves when a test says so."""

    class Clock:
        now = 1000.0

        def __call__(self) -> float:
            return self.now

    monkeypatch.setattr(redis.breaker, "clock", Clock())
    return redis.breaker.clock


def test_a_dead_redis_is_asked_three_times_and_the_api_works(api, make, point_to, clock, caplog):
    point_to(1)
    for number in range(1, 6):
        make()
        response = api.get(URL)
        assert (response.status_code, len(response.json()["results"])) == (200, number)
    assert redis.breaker.failed == 3
    assert [record.message for record in caplog.records if "bypassed" in record.message]


def test_a_black_hole_costs_three_timeouts_and_then_one_in_five_seconds(api, make, point_to, listener, clock):
    point_to(listener.getsockname()[1])
    make()
    for _ in range(10):
        assert api.get(URL).status_code == 200
    assert connections_to(listener) == 3
    clock.now += 5
    for _ in range(10):
        assert api.get(URL).status_code == 200
    assert connections_to(listener) == 1


def test_a_redis_that_is_back_is_used_again(api, db, settings, point_to, clock):
    before = settings.CACHES
    point_to(1)
    for _ in range(3):
        api.get(URL)
    settings.CACHES = before
    cache.set("x", 1)
    assert cache.get("x") is None
    clock.now += 5
    cache.set("x", 1)
    assert cache.get("x") == 1
    cache.delete("x")
    assert redis.breaker.failed == 0


def test_one_tries_and_the_others_go_past(clock):
    breaker = redis.Breaker(failures=1, pause=5, clock=clock)

    def fail():
        raise Unreachable

    with pytest.raises(Unreachable):
        breaker.call(fail)
    clock.now += 5

    def trial():
        with pytest.raises(redis.BypassedError):
            breaker.call(pytest.fail, "two tried at a time")
        return "back"

    assert breaker.call(trial) == "back"
    assert breaker.call(lambda: "open to all") == "open to all"


def test_an_answer_that_is_an_error_is_no_failure_of_redis(db):
    for _ in range(5):
        with pytest.raises(redis.exceptions.ResponseError):
            redis.connection().execute_command("ZADD", redis.key("x"))
    assert redis.breaker.failed == 0


def test_what_redis_does_not_let_us_do_is_one(caplog, db):
    for _ in range(3):
        with pytest.raises(redis.exceptions.NoPermissionError):
            redis.connection().get("another app's")
    assert redis.breaker.failed == 3
    assert [record.message for record in caplog.records if "bypassed" in record.message]


def test_readiness_tells_the_reason_even_while_redis_is_bypassed(client, db, point_to, clock):
    point_to(1)
    for _ in range(5):
        assert "refused" in client.get("/readyz").json()["checks"]["cache"]
        cache.get("x")
    assert redis.breaker.failed == 3


def test_a_wrong_password_is_a_failure(settings, clock, db):
    known = settings.CACHES["default"]
    location = known["LOCATION"].replace("customers@", "unknown@")
    settings.CACHES = {"default": {**known, "LOCATION": location, "OPTIONS": {**known["OPTIONS"], "PASSWORD": "wrong"}}}
    for _ in range(3):
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.connection().get(redis.key("x"))
    assert redis.breaker.failed == 3


def test_a_commit_is_published_although_redis_is_bypassed(make, settings, point_to, clock, transactional_db):
    before = settings.CACHES
    version = changes.versions(["customers_customer"])
    point_to(1)
    for _ in range(3):
        make()
    settings.CACHES = before
    assert redis.breaker.failed == 3
    make()
    assert redis.breaker.failed == 0
    assert changes.versions(["customers_customer"]) != version
    assert not changes._outdated


def test_a_process_without_further_requests_publishes_as_soon_as_redis_is_back(
    make, settings, point_to, clock, monkeypatch, transactional_db
):
    before, started = settings.CACHES, []
    version = changes.versions(["customers_customer"])
    monkeypatch.setattr(changes, "in_background", started.append)
    monkeypatch.setattr(changes, "TRY_AGAIN_SECONDS", 0.01)
    point_to(1)
    make()
    trying = threading.Thread(target=started[0])
    trying.start()
    settings.CACHES = before
    clock.now += 5
    trying.join(10)
    assert not trying.is_alive()
    assert changes.versions(["customers_customer"]) != version


def test_a_process_that_ends_publishes_what_redis_had_not_taken(make, settings, point_to, clock, transactional_db):
    before = settings.CACHES
    version = changes.versions(["customers_customer"])
    point_to(1)
    make()
    assert changes._outdated
    settings.CACHES = before
    assert changes.flush()
    assert changes.versions(["customers_customer"]) != version


def test_a_process_ends_although_redis_takes_nothing(make, point_to, clock, caplog, transactional_db):
    point_to(1)
    make()
    assert not changes.flush(seconds=0.2)
    assert "Redis was not told of commits to customers_customer" in caplog.text
