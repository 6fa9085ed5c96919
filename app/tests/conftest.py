from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connections
from hypothesis import settings
from rest_framework.test import APIClient

from customers.models import Customer
from customers.services import create_customer
from serving import authentication, changes, redis
from tests.access import header, permitted

# The same examples in every run, however slow the machine is.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Plans need a million rows, and are looked at by whoever names them: `make plans`."""
    unnamed = collection_path.name == "plans" and not any("plans" in argument for argument in config.args)
    return unnamed or None


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Closes what Django forgets: the mirror's own session, which would keep the test database from being dropped."""
    yield
    with django_db_blocker.unblock():
        connections["replica"].close()


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """What a process knows beyond a request: tokens, that Redis failed, what it has not told Redis."""
    authentication.forget()
    redis.breaker.__init__(failures=redis.breaker.failures, pause=redis.breaker.pause)
    changes._unpublished.clear()
    changes._outdated.clear()
    changes._timeline = 0


@pytest.fixture
def anonymous() -> APIClient:
    # Over TLS, as every visitor is; the redirect has a test of its own.
    return APIClient(HTTP_HOST="testserver", HTTP_X_FORWARDED_PROTO="https")


@pytest.fixture(autouse=True)
def in_turn(monkeypatch) -> None:
    """What a process does beside its requests would not see the transaction of a test, or outlast it."""
    monkeypatch.setattr(authentication, "in_background", lambda act: act())
    monkeypatch.setattr(changes, "in_background", lambda act: None)


@pytest.fixture
def user(db) -> User:
    """A user with all permissions for customers, and no other."""
    return permitted(User.objects.create_user("ada", password="a passphrase of some length"))


@pytest.fixture
def api(user: User, anonymous: APIClient) -> APIClient:
    anonymous.credentials(HTTP_AUTHORIZATION=header(user))
    return anonymous


@pytest.fixture
def make(db) -> Callable[..., Customer]:
    """Creates a customer; what a test does not care about is made up."""
    count = 0

    def make(**fields) -> Customer:
        nonlocal count
        count += 1
        return create_customer(
            **{"first_name": "Ada", "last_name": "Lovelace", "email": f"ada{count}@example.com"} | fields
        )

    return make
