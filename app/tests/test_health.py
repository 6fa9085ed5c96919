import threading

import pytest
from django.db import connections
from django.test import Client

from config import health

pytestmark = pytest.mark.django_db(databases=["default", "replica"])
DEAD = "rediss://customers@127.0.0.1:1/0"


@pytest.fixture
def client() -> Client:
    return Client()


def test_healthz_says_that_the_process_lives(client, settings):
    settings.RELEASE_ID = "abc1234"
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive", "release": "abc1234"})


def test_readyz_names_what_it_looked_at(client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "release": "",
        "checks": {"primary": "ok", "replica": "ok", "cache": "ok"},
    }


def fail():
    raise ConnectionRefusedError("nobody listens\nsecond line")


def break_(monkeypatch, name: str) -> None:
    monkeypatch.setattr(health.CHECKS[name], "ask", fail)


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [("primary", 503, "unavailable"), ("replica", 200, "degraded"), ("cache", 200, "degraded")],
)
def test_readyz_names_what_fails_and_why(client, monkeypatch, name, code, status):
    break_(monkeypatch, name)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (code, status)
    failures = {each: why for each, why in response.json()["checks"].items() if why != "ok"}
    assert failures == {name: "ConnectionRefusedError: nobody listens"}


@pytest.mark.parametrize(("name", "code", "status"), [("primary", 503, "unavailable"), ("cache", 200, "ready")])
def test_visitors_hear_ready_or_not_and_no_reason(client, monkeypatch, settings, name, code, status):
    settings.RELEASE_ID = "abc1234"
    break_(monkeypatch, name)
    visitor = {"X-Forwarded-For": "192.0.2.1"}
    response = client.get("/readyz", headers=visitor)
    assert (response.status_code, response.json()) == (code, {"status": status})
    assert client.get("/healthz", headers=visitor).json() == {"status": "alive"}


def test_a_dead_cache_degrades_and_nothing_more(client, api, make, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": DEAD}}
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert "refused" in response.json()["checks"]["cache"]
    assert "password" not in response.text.lower()
    make()
    assert len(api.get("/api/customers/").json()["results"]) == 1


def test_a_read_only_primary_is_none(monkeypatch):
    class Cursor:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def execute(self, sql):
            assert sql == "SELECT pg_is_in_recovery()"

        def fetchone(self):
            return (True,)

    monkeypatch.setattr(connections["default"], "cursor", Cursor)
    with pytest.raises(RuntimeError, match="accepts no writes"):
        health.check_primary()


def test_readyz_does_not_wait_for_what_hangs_nor_ask_it_again_meanwhile(client, monkeypatch, settings):
    settings.READINESS_SECONDS = 0.1
    asked, answered = [], threading.Event()

    def hang():
        asked.append("primary")
        answered.wait(30)

    monkeypatch.setattr(health.CHECKS["primary"], "ask", hang)
    try:
        for _ in range(3):
            response = client.get("/readyz")
            assert response.status_code == 503
            assert response.json()["checks"]["primary"] == "no answer within 0.1 s"
    finally:
        answered.set()
        health.CHECKS["primary"].asking.join()
    assert asked == ["primary"]


@pytest.mark.parametrize("url", ["/healthz", "/readyz"])
def test_probes_need_neither_tls_nor_a_host_name_and_are_never_cached(client, url):
    response = client.get(url, headers={"Host": "10.0.0.21:8001"})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert client.post(url).status_code == 405
