"""What Django's pools ask of a connection before they hand it out."""

import psycopg
import pytest
from django.db import connection
from django.db.utils import ConnectionHandler

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pooled():
    """The database by a pool of one connection."""
    options = {"pool": {"min_size": 1, "max_size": 1, "timeout": 5}}
    settings = connection.settings_dict | {"CONN_HEALTH_CHECKS": True, "OPTIONS": options}
    wrapper = ConnectionHandler({"default": settings})["default"]
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def session(wrapper) -> int:
    """The server process that serves the connection, which goes back to its pool."""
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    wrapper.close()
    return pid


def test_one_that_lives_is_handed_out_without_a_question(pooled, monkeypatch):
    before = session(pooled)

    def ask(*arguments, **options):
        raise AssertionError("the server was asked")

    monkeypatch.setattr(psycopg.Connection, "execute", ask)
    assert session(pooled) == before


def test_one_that_was_closed_is_replaced_before_a_request_meets_it(pooled):
    before = session(pooled)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
        assert cursor.fetchone()[0]
    assert session(pooled) != before
