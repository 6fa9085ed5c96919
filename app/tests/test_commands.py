import hashlib
import io
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from customers.models import Customer
from customers.samples import sample_customer
from customers.selectors import customer_stats
from customers.services import tidied

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def run(command: str, *arguments, **options) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue().strip()


def seed(count: int) -> str:
    return run("seed_customers", count=count)


@pytest.mark.django_db
def test_seeding_again_changes_nothing():
    assert seed(1500) == "1500 sample customers: 1500 created"
    before = list(Customer.objects.values())
    assert seed(1500) == "1500 sample customers: unchanged"
    assert list(Customer.objects.values()) == before


@pytest.mark.django_db
def test_seeding_repairs_what_is_missing_and_keeps_what_was_edited():
    seed(100)
    edited, deleted = Customer.objects.order_by("id")[:2]
    Customer.objects.filter(pk=edited.pk).update(city="Elsewhere")
    deleted.delete()
    assert seed(100) == "100 sample customers: 1 created"
    assert Customer.objects.get(pk=edited.pk).city == "Elsewhere"
    assert seed(150) == "150 sample customers: 50 created"


@pytest.mark.django_db
def test_some_are_new_and_none_is_from_the_future():
    seed(1000)
    assert 10 < customer_stats()["created_in_the_last_30_days"] < 50
    assert not Customer.objects.filter(created_at__gt=timezone.now()).exists()


def test_samples_are_the_same_everywhere():
    """A literal: neither Python's version nor the order of calls may move it."""
    digest = hashlib.sha256()
    for number in range(1000):
        digest.update(repr(sorted(sample_customer(number, now=NOW).items())).encode())
    assert digest.hexdigest()[:16] == "ed77bae0bb944961"


def test_samples_are_valid_and_varied():
    fields = [sample_customer(number, now=NOW) for number in range(2000)]
    for each in fields:
        Customer(**tidied(**each)).clean_fields()
    names = "".join(each["first_name"] + each["last_name"] for each in fields)
    assert set("äñçłøþığșσж王さ김כم'’- ") <= set(names.lower())
    notations = {"".join("#" if each.isdigit() else each for each in each["phone"]) for each in fields}
    assert len(notations) > 30
    assert len({each["email"].lower() for each in fields}) == 2000


@pytest.fixture
def password(monkeypatch):
    def set_password(value: str) -> None:
        monkeypatch.setenv("ADMIN_PASSWORD", value)

    set_password("correct horse battery")
    return set_password


@pytest.mark.django_db
def test_ensure_admin_creates_then_leaves_then_updates(password):
    assert run("ensure_admin", "root") == "root: created"
    assert run("ensure_admin", "root") == "root: unchanged"
    password("another horse battery")
    assert run("ensure_admin", "root") == "root: updated"
    user = User.objects.get()
    assert user.check_password("another horse battery")
    assert user.is_superuser
    assert user.is_staff


@pytest.mark.django_db
def test_ensure_admin_restores_rights(password):
    run("ensure_admin", "root")
    User.objects.update(is_active=False, is_superuser=False)
    assert run("ensure_admin", "root", email="root@example.com") == "root: updated"
    user = User.objects.get()
    assert (user.is_active, user.is_superuser, user.email) == (True, True, "root@example.com")


@pytest.mark.django_db
def test_ensure_admin_reads_standard_input(monkeypatch):
    monkeypatch.delenv("ADMIN_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert run("ensure_admin", "root") == "root: created"
    assert User.objects.get().check_password("correct horse battery")


@pytest.mark.django_db
@pytest.mark.parametrize("bad", ["", "hunter2", "password1234", "123456789012345"])
def test_ensure_admin_refuses_a_weak_password(password, monkeypatch, bad):
    password(bad)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError) as refusal:
        run("ensure_admin", "root")
    assert not bad or bad not in str(refusal.value)
    assert not User.objects.exists()
