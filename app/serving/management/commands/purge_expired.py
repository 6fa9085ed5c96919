from collections.abc import Iterator
from datetime import datetime

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from serving.changes import PRIMARY
from serving.error_text import summary
from serving.idempotency import LIFETIME

BATCH = 1000
# Of one process of all hosts. It lasts for a transaction, since PgBouncer lends a session for no longer than that.
LOCK = int.from_bytes(b"purge", "big")


class AnotherPurgeError(Exception):
    """Another process has the lock."""


class Command(BaseCommand):
    help = "Deletes expired idempotency keys, sessions, API tokens and failed logins, unless another host is doing it."

    def handle(self, **options) -> None:
        try:
            for model, field, moment in expiries(timezone.now()):
                expired = model._default_manager.filter(**{f"{field}__lte": moment}).order_by(field)
                self.stdout.write(f"{model._meta.label}: {delete(expired)} deleted")
        except AnotherPurgeError:
            self.stdout.write("another process is purging: nothing to do")
        except Error as error:
            # What Python prints of an exception ends up in the journal, with the values in its message.
            raise CommandError(summary(error)) from error


def expiries(now: datetime) -> Iterator[tuple[type[Model], str, datetime]]:
    """Each model that expires, the field that says when, and the latest value of it that has expired."""
    yield apps.get_model("serving", "IdempotentRequest"), "created_at", now - LIFETIME
    if apps.is_installed("django.contrib.sessions"):
        yield apps.get_model("sessions", "Session"), "expire_date", now
    if apps.is_installed("knox"):
        from knox.models import get_token_model

        yield get_token_model(), "expiry", now
    if apps.is_installed("axes"):
        from axes.helpers import get_cool_off

        yield apps.get_model("axes", "AccessAttempt"), "attempt_time", now - get_cool_off()


def delete(expired: QuerySet) -> int:
    """In batches, each a transaction of its own, so that no lock is held for long."""
    total = 0
    while count := delete_batch(expired):
        total += count
    return total


def delete_batch(expired: QuerySet) -> int:
    with transaction.atomic(using=PRIMARY):
        lock()
        # A locked row belongs to a request that replaces it. The next run looks at it again.
        rows = expired.using(PRIMARY).select_for_update(skip_locked=True).values_list("pk", flat=True)
        return expired.model._default_manager.using(PRIMARY).filter(pk__in=list(rows[:BATCH])).delete()[0]


def lock() -> None:
    with connections[PRIMARY].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise AnotherPurgeError
