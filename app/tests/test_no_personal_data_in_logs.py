"""No log line holds a value of a row or of a request, whatever fails."""

import json
import logging
import threading
import time
from uuid import uuid4

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.db import Error, OperationalError, connection, connections, transaction
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from config import logs
from customers.models import Customer
from serving import idempotency

URL = "/api/customers/"
logger = logging.getLogger("tests")


@pytest.fixture
def marker() -> str:
    """Letters alone, as a name may have no digits."""
    return "Mx" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex)


@pytest.fixture
def logged(caplog, marker, settings):
    """Logs all that is slow and all levels, and has each line checked: logged() returns all lines, decoded."""
    caplog.set_level(logging.DEBUG)
    settings.SLOW_QUERY_SECONDS = settings.SLOW_REQUEST_SECONDS = 0
    formatter = logs.JsonFormatter()

    def lines():
        return [json.loads(formatter.format(record)) for record in caplog.records]

    yield lines
    for record in caplog.get_records("call"):
        assert marker.lower() not in formatter.format(record).lower()


@pytest.fixture
def body(marker) -> dict:
    return {"first_name": marker, "last_name": marker, "email": f"{marker}@example.com", "phone": "+49 30 901820"}


def failure(logged, fail) -> dict:
    """The line that a failure leaves: as an exception, and as an argument of a message."""
    with pytest.raises(Exception) as failed, transaction.atomic():
        fail()
    try:
        raise failed.value
    except Exception as error:
        logger.exception("it failed: %s", error)
    return logged()[-1]


def execute(statement: str, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def another_session():
    return psycopg.connect(**connections["default"].get_connection_params() | {"cursor_factory": psycopg.Cursor})


def test_a_duplicate(db, logged, body):
    Customer(**body).save()
    line = failure(logged, lambda: Customer(**body).save())
    assert "customers_email_unique" in line["message"]
    assert "UniqueViolation, SQLSTATE 23505" in line["exception"]
    assert 'duplicate key value violates unique constraint "customers_email_unique"' in line["exception"]
    assert "in <lambda>" in line["exception"]  # where it was raised


def test_a_value_that_is_too_long(db, logged, body, marker):
    line = failure(logged, lambda: Customer(**body | {"city": marker * 50}).save())
    assert "StringDataRightTruncation, SQLSTATE 22001" in line["exception"]


def test_a_value_of_a_wrong_type(db, logged, marker):
    """PostgreSQL quotes the value in the message itself."""
    line = failure(logged, lambda: execute("SELECT %s::integer", marker))
    assert line["message"] == "it failed: django.db.utils.DataError: InvalidTextRepresentation, SQLSTATE 22P02"


def test_a_value_that_is_no_sql(db, logged, marker, settings):
    settings.SLOW_QUERY_SECONDS = 60
    assert "SQLSTATE 42601" in failure(logged, lambda: execute(f"SELECT 1 {marker} 2"))["exception"]


def test_a_table_that_is_missing_is_named(db, logged):
    line = failure(logged, lambda: execute("SELECT 1 FROM nowhere"))
    assert 'relation "nowhere" does not exist' in line["message"]


def test_a_row_that_a_check_forbids(db, logged, marker):
    execute("CREATE TEMPORARY TABLE checked (value text CONSTRAINT small CHECK (length(value) < 3)) ON COMMIT DROP")
    line = failure(logged, lambda: execute("INSERT INTO checked VALUES (%s)", marker))
    assert "CheckViolation, SQLSTATE 23514" in line["exception"]
    assert "constraint small" in line["exception"]


@pytest.mark.django_db(transaction=True)
def test_a_lock_timeout(logged, make, marker):
    customer = make()

    def wait():
        execute("SET LOCAL lock_timeout = '50ms'")
        Customer.objects.filter(pk=customer.pk).update(city=marker)

    with another_session() as session:
        session.execute("SELECT 1 FROM customers_customer WHERE id = %s FOR UPDATE", [customer.pk])
        line = failure(logged, wait)
    assert "LockNotAvailable, SQLSTATE 55P03: canceling statement due to lock timeout" in line["message"]


@pytest.mark.django_db(transaction=True)
def test_a_deadlock(logged, marker):
    def wait_for_the_first():
        with another_session() as session:
            session.execute("SELECT pg_advisory_xact_lock(2)")
            holding.set()
            session.execute("SELECT pg_advisory_xact_lock(1)")

    def wait_for_the_second():
        execute("SELECT pg_advisory_xact_lock(1)")
        other.start()
        assert holding.wait(10)
        time.sleep(1.5)  # the later of the two finds the deadlock, a second after it began to wait
        execute("SELECT pg_advisory_xact_lock(2), %s", marker)

    holding, other = threading.Event(), threading.Thread(target=wait_for_the_first)
    line = failure(logged, wait_for_the_second)
    other.join()
    assert "DeadlockDetected, SQLSTATE 40P01: deadlock detected" in line["message"]


def test_a_statement_timeout(db, logged, marker):
    def take_long():
        execute("SET LOCAL statement_timeout = '50ms'")
        execute("SELECT pg_sleep(5), %s", marker)

    line = failure(logged, take_long)
    assert "QueryCanceled, SQLSTATE 57014: canceling statement due to statement timeout" in line["message"]


def test_a_value_that_psycopg_cannot_send(db, logged, marker):
    assert "psycopg.DataError" in failure(logged, lambda: execute("SELECT %s", f"{marker}\0"))["exception"]


@pytest.mark.parametrize("kind", [ValueError, KeyError, TypeError, ValidationError, ResponseError, AssertionError])
def test_an_exception_whose_message_quotes_a_value(logged, marker, kind):
    def fail():
        raise kind(f"{marker} is no number")

    with pytest.raises(kind) as failed:
        fail()
    try:
        raise RuntimeError(marker) from failed.value
    except RuntimeError as error:
        error.add_note(marker)
        logger.exception(error)
        logger.error("%(error)s", {"error": error}, extra={"details": {"error": error}})
    first, second = logged()[-2:]
    assert (first["message"], second["message"], second["error"]) == ("RuntimeError",) * 3
    assert f"{kind.__name__}\n" in first["exception"]
    assert first["exception"].endswith("RuntimeError")
    assert "in fail" in first["exception"]


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("couldn't get a connection after 30.00 sec"),
        psycopg.OperationalError("connection failed: connection to server on socket"),
        RedisConnectionError("Error 111 connecting to cache1:6379. Connection refused."),
        FileNotFoundError(2, "No such file", "/etc/x"),
        AttributeError("'NoneType' object has no attribute 'pk'"),
    ],
)
def test_what_an_operator_needs_is_logged(logged, error):
    logger.error("it failed: %s", error)
    assert logged()[-1]["message"].endswith(f"{type(error).__name__}: {error}")


def test_a_thread_that_fails(logged, marker, monkeypatch, capsys):
    def fail():
        raise ValueError(marker)

    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    logs.configuration("INFO")
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert "in fail" in logged()[-1]["exception"]
    assert marker not in "".join(capsys.readouterr())


def test_a_record_that_cannot_be_formatted_prints_no_argument(marker, capsys, settings):
    assert settings.LOGGING["handlers"]["stdout"]["formatter"] == "json"
    stray = logging.getLogger("tests.stray")
    stray.addHandler(logging.StreamHandler())
    stray.error("%d", marker)
    assert marker not in "".join(capsys.readouterr())


def test_a_query_s_parameters_are_not_logged_at_any_level():
    for level in ("DEBUG", "INFO", "ERROR"):
        chosen = logs.configuration(level)["loggers"]["django.db.backends"]["level"]
        assert chosen == ("INFO" if level == "DEBUG" else level)


def test_requests_that_are_refused(api, logged, body, marker):
    assert api.post(URL, body).status_code == 201
    assert api.post(URL, body).status_code == 400
    assert api.post(URL, body | {"email": marker, "city": marker * 50}).status_code == 400
    assert api.post(URL, {marker: marker}).status_code == 400
    assert api.post(URL, marker, content_type="application/json").status_code == 400
    assert api.get(URL, {"search": marker, "ordering": marker}).status_code == 400
    assert any(line["message"] == "slow request" for line in logged())


def test_a_slow_query_with_a_value_in_its_text(db, logged, marker):
    execute(f"SELECT '{marker}', 'it''s {marker}', E'\\'{marker}', $${marker}$$, 7")
    assert logged()[-1]["sql"] == "SELECT '…', '…', E'…', '…', 7"


def test_slow_queries(api, logged, body, marker):
    api.post(URL, body)
    assert api.get(URL, {"search": marker, "city": marker}).status_code in (200, 400)
    assert api.get(URL, {"search": marker}).status_code == 200
    assert any(line["message"] == "slow query" for line in logged())


def test_a_login_that_is_refused(anonymous, db, logged, marker):
    answer = anonymous.post("/api/token/", {"username": marker, "password": marker})
    assert answer.status_code in (400, 401, 403)
    assert anonymous.post("/admin/login/", {"username": marker, "password": marker}).status_code < 500


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [RuntimeError, psycopg.errors.DataError])
def test_a_server_error(api, logged, body, marker, monkeypatch, kind):
    def fail(*arguments, **fields):
        raise Error from kind(f"{arguments} {fields} {marker}")

    monkeypatch.setattr(idempotency, "store", fail)
    monkeypatch.setattr("customers.selectors.customer_page", fail)
    api.raise_request_exception = False
    assert api.post(URL, body, headers={"Idempotency-Key": "k"}).status_code == 500
    assert api.get(URL, {"search": marker}).status_code == 500
    first, second = (line for line in logged() if line["logger"] == "django.request")
    assert first["message"] == second["message"] == f"Internal Server Error: {URL}"
    assert "in fail" in first["exception"]
    assert kind.__name__ in first["exception"]


def test_what_django_refuses_is_logged_without_the_headers_that_it_quotes(client, caplog):
    referer = "https://intranet.example/?q=Lovelace"
    browser = Client(enforce_csrf_checks=True, headers={"X-Forwarded-Proto": "https", "Referer": referer})
    assert browser.post("/admin/login/").status_code == 403
    [record] = [each for each in caplog.records if each.name == "django.security.csrf"]
    assert "Lovelace" in record.getMessage()
    assert "Lovelace" not in logs.JsonFormatter().format(record)
