"""`manage.py purge_expired` deletes what has expired, in batches that no request waits for."""

import io
import threading
from datetime import timedelta

import psycopg
import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from knox.models import get_token_model

from serving.management.commands import purge_expired
from serving.models import IdempotentRequest

DAY = timedelta(days=1)


def purge(**options) -> str:
    out = io.StringIO()
    call_command("purge_expired", stdout=out, **options)
    return out.getvalue()


def remember(user, *keys, age=timedelta(0)):
    for key in keys:
        IdempotentRequest.objects.create(user=user, key=key, fingerprint="f", status=201, headers={}, body=b"")
    IdempotentRequest.objects.filter(key__in=keys).update(created_at=timezone.now() - age)


def stored_keys():
    return sorted(IdempotentRequest.objects.values_list("key", flat=True))


def another_session():
    return psycopg.connect(**connections["default"].get_connection_params() | {"cursor_factory": psycopg.Cursor})


def test_expired_idempotency_keys_are_deleted(user):
    remember(user, "old", age=DAY)
    remember(user, "young", age=DAY - timedelta(minutes=1))
    assert "serving.IdempotentRequest: 1 deleted" in purge()
    assert stored_keys() == ["young"]


def test_expired_sessions_are_deleted(db):
    for key, expiry in [("old", -DAY), ("young", DAY)]:
        Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() + expiry)
    assert "sessions.Session: 1 deleted" in purge()
    assert [session.pk for session in Session.objects.all()] == ["young"]


def test_expired_tokens_are_deleted(user):
    tokens = get_token_model().objects
    for lifetime in (-DAY, DAY, None):
        tokens.create(user=user, expiry=lifetime)
    assert f"{tokens.model._meta.label}: 1 deleted" in purge()
    assert tokens.count() == 2
    assert not tokens.filter(expiry__lt=timezone.now()).exists()


def test_failed_logins_are_deleted_once_they_no_longer_count(db, settings):
    for username, age in [("old", settings.AXES_COOLOFF_TIME), ("young", timedelta(0))]:
        attempt = AccessAttempt.objects.create(username=username, failures_since_start=1)
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=timezone.now() - age)
    assert "axes.AccessAttempt: 1 deleted" in purge()
    assert [attempt.username for attempt in AccessAttempt.objects.all()] == ["young"]


def test_without_anything_expired_nothing_changes(user):
    remember(user, "young")
    assert "serving.IdempotentRequest: 0 deleted" in purge()
    assert stored_keys() == ["young"]


@pytest.mark.django_db(transaction=True)
def test_each_batch_is_a_transaction_of_its_own(user, monkeypatch):
    """What was deleted before a fault stays deleted."""
    monkeypatch.setattr(purge_expired, "BATCH", 2)
    remember(user, "1", "2", "3", "4", "5", age=DAY)
    left, delete_batch = [], purge_expired.delete_batch

    def watched(expired):
        count = delete_batch(expired)
        with another_session() as session:
            left.append(session.execute("SELECT count(*) FROM serving_idempotentrequest").fetchone()[0])
        return count

    monkeypatch.setattr(purge_expired, "delete_batch", watched)
    assert "serving.IdempotentRequest: 5 deleted" in purge()
    assert left[:3] == [3, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_a_locked_row_is_left_for_the_next_run(user):
    remember(user, "1", "2", age=DAY)
    with another_session() as session:
        session.execute("SELECT 1 FROM serving_idempotentrequest WHERE key = '1' FOR UPDATE")
        assert "serving.IdempotentRequest: 1 deleted" in purge()
    assert stored_keys() == ["1"]
    assert "serving.IdempotentRequest: 1 deleted" in purge()


@pytest.mark.django_db(transaction=True)
def test_while_another_host_purges_nothing_is_done(user):
    remember(user, "old", age=DAY)
    with another_session() as session:
        assert session.execute("SELECT pg_try_advisory_xact_lock(%s)", [purge_expired.LOCK]).fetchone()[0]
        assert purge() == "another process is purging: nothing to do\n"
    assert stored_keys() == ["old"]


@pytest.mark.django_db(transaction=True)
def test_hosts_that_purge_at_once_delete_each_row_once(user, monkeypatch):
    monkeypatch.setattr(purge_expired, "BATCH", 3)
    remember(user, *map(str, range(60)), age=DAY)
    remember(user, "young")
    begin, outcomes = threading.Barrier(4), []

    def run():
        try:
            begin.wait(30)
            outcomes.append(purge())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert stored_keys() == ["young"]


@pytest.mark.django_db(transaction=True)
def test_a_purge_uses_no_lock_that_outlives_its_transaction(user):
    """PgBouncer lends a server to another client after each transaction."""
    remember(user, "old", age=DAY)
    purge()
    with another_session() as session:
        assert session.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


def test_a_failure_is_told_without_the_values_of_rows(user, monkeypatch):
    def fail(expired):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT %s::integer", ["a name"])

    monkeypatch.setattr(purge_expired, "delete_batch", fail)
    with pytest.raises(CommandError) as failed:
        purge()
    assert str(failed.value) == "django.db.utils.DataError: InvalidTextRepresentation, SQLSTATE 22P02"


def test_another_project_may_lack_sessions_tokens_and_lockouts(db, settings):
    settings.INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "serving"]
    assert purge() == "serving.IdempotentRequest: 0 deleted\n"
