"""Statements that go out together."""

import time

import psycopg
import pytest
from django.db import connections

from serving.together import Together, together

pytestmark = pytest.mark.django_db(transaction=True)
LOCK = 4711
LONG = "x" * 5_000_000


@pytest.fixture
def session():
    """A connection of its own."""
    connection = connections.create_connection("default")
    connection.connect()
    yield connection.connection
    connection.close()


def locked() -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", [LOCK])
        return cursor.fetchone() == (1,)


def test_nothing_is_sent_before_the_end(session):
    with together(session):
        first = session.execute(f"SELECT pg_advisory_lock({LOCK})")
        second = session.execute("SELECT transaction_timestamp() < statement_timestamp()")
        time.sleep(0.2)
        assert not locked()
    assert locked()
    assert first.rowcount == 1
    assert second.fetchone() == (True,)


def test_statements_and_answers_may_be_larger_than_what_the_connection_holds(session, monkeypatch):
    fetch = Together._fetch_gen

    def fetch_gen(pipeline, **options):
        assert pipeline.pgconn.flush() == 0  # or who waits for an answer could wait for ever
        return fetch(pipeline, **options)

    monkeypatch.setattr(Together, "_fetch_gen", fetch_gen)
    with together(session):
        found = [session.execute("SELECT %s", [LONG]) for _ in range(5)]
    assert [each.fetchone()[0] == LONG for each in found] == [True] * 5


@pytest.mark.parametrize("place", range(2))
def test_who_fails_says_so_and_the_connection_lives_on(session, place):
    statements = ["SELECT 1", "SELECT 1"]
    statements[place] = "SELECT 1 / 0"
    with pytest.raises(psycopg.errors.DivisionByZero), together(session):
        for statement in statements:
            session.execute(statement)
    assert session.execute("SELECT 2").fetchone() == (2,)
    with together(session):
        again = session.execute("SELECT 3")
    assert again.fetchone() == (3,)


def test_what_comes_again_and_again_is_prepared(session):
    for number in range(8):
        with together(session):
            found = psycopg.RawCursor(session).execute("SELECT $1 + 1", [number])
        assert found.fetchone() == (number + 1,)
    prepared = session.execute("SELECT statement FROM pg_prepared_statements").fetchall()
    assert prepared == [("SELECT $1 + 1",)]
