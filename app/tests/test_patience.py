"""Who is turned away by PgBouncer while there is no primary comes again; who failed otherwise does not."""

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from customers import services
from customers.models import Customer
from serving import patience, routing

TURNED_AWAY = OperationalError(
    "FATAL:  server login has been failing, cached error: server conn crashed? (server_login_retry)"
)
ANN = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com"}


class Unlucky:
    """Fails so many times, then does what it is there for."""

    def __init__(self, times, act, error=TURNED_AWAY):
        self.times, self.act, self.error = times, act, error

    def __call__(self, *arguments, **options):
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return self.act(*arguments, **options)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(patience, "PAUSE", 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k-1"}])
def test_writes_come_again_and_are_done_once(api, monkeypatch, headers):
    monkeypatch.setattr(services, "create_customer", Unlucky(2, services.create_customer))
    created = api.post("/api/customers/", ANN, headers=headers)
    assert created.status_code == 201
    url = f"/api/customers/{created.json()['id']}/"
    monkeypatch.setattr(services, "update_customer", Unlucky(1, services.update_customer))
    assert api.patch(url, {"city": "Bath"}).json()["city"] == "Bath"
    monkeypatch.setattr(services, "update_customer", Unlucky(1, services.update_customer))
    assert api.put(url, ANN | {"city": "York"}).json()["city"] == "York"
    assert Customer.objects.get().city == "York"
    monkeypatch.setattr(services, "delete_customer", Unlucky(1, services.delete_customer))
    assert api.delete(url).status_code == 204
    assert not Customer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_reads_from_the_primary_come_again():
    assert routing.read_primary(Unlucky(3, lambda: "found"), "switched_off") == "found"


@pytest.mark.django_db(transaction=True)
def test_who_prepared_something_that_pgbouncer_has_forgotten_comes_again():
    act = Unlucky(1, lambda: "found", OperationalError("FATAL:  prepared statement did not exist"))
    assert routing.read_primary(act, "switched_off") == "found"


@pytest.mark.django_db(transaction=True)
def test_with_another_connection():
    connection.ensure_connection()
    before = connection.connection

    def act():
        connection.ensure_connection()
        return connection.connection

    assert patience.patiently(Unlucky(1, act)) is not before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "error", [OperationalError("server closed the connection unexpectedly"), InterfaceError("connection is closed")]
)
def test_what_may_have_been_done_is_not_done_again(api, monkeypatch, error):
    monkeypatch.setattr(services, "create_customer", Unlucky(1, services.create_customer, error))
    assert api.post("/api/customers/", ANN).status_code == 503
    assert not Customer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nor_is_a_part_of_a_transaction():
    act = Unlucky(1, lambda: "done")
    with pytest.raises(OperationalError), transaction.atomic():
        patience.patiently(act)
    assert act.times == 0


@pytest.mark.django_db(transaction=True)
def test_not_for_ever(api, monkeypatch):
    monkeypatch.setattr(patience, "SECONDS", 0)
    monkeypatch.setattr(services, "create_customer", Unlucky(10**9, services.create_customer))
    response = api.post("/api/customers/", ANN)
    assert (response.status_code, response["Retry-After"]) == (503, "2")
