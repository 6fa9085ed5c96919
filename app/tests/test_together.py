"""Statements that go out together."""

import time

import psycopg
import pytest
from django.db import connections

from serving.together import together

pytestmark = pytest.mark.django_db(transaction=True)
LOCK = 4711


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


def test_answers_may_be_larger_than_what_the_connection_holds(session):
    with together(session):
        found = [session.execute("SELECT repeat(%s, 5000)", ["x" * 1000]) for _ in range(5)]
    assert [len(each.fetchone()[0]) for each in found] == [5_000_000] * 5


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
