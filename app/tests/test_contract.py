"""Whatever is asked, the answer is one that the schema describes."""

from pathlib import Path

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import OperationalError, close_old_connections, transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis import Case, Config, checks
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks as openapi

from config.wsgi import application
from customers import selectors
from serving import idempotency, throttles
from tests.access import header
from tests.contract import hooks

LIST, DETAIL, TOKEN = "/api/customers/", "/api/customers/{id}/", "/api/token/"
CHECKS = [
    checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]
VALID = {
    "first_name": "Ann",
    "last_name": "O’Brien",
    "email": "ann@example.com",
    "phone": "+353 1 555 1234",
}

CONFIG = Config.from_path(Path(hooks.__file__).with_name("schemathesis.toml"))
schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True), config=CONFIG)
schema.app = application


@pytest.fixture(autouse=True)
def kept_connection(settings):
    """The end of a request would close it, and with it the transaction of the test."""
    settings.ALLOWED_HOSTS = ["localhost"]
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def authorization(user) -> dict[str, str]:
    return {"Authorization": header(user)}


def conforming(case: Case, headers: dict[str, str], *, accepted=CHECKS, **options) -> Response:
    headers = {"X-Forwarded-Proto": "https", **headers}
    return case.call_and_validate(headers=headers, checks=accepted, **options)


@schema.parametrize()
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_no_answer_is_outside_the_schema(case, authorization, make):
    """Valid requests are accepted, others are refused, by every check that schemathesis has."""
    with transaction.atomic():
        hooks.created[:] = [make().pk]
        case.call_and_validate(headers={"X-Forwarded-Proto": "https", **authorization})
        transaction.set_rollback(True)


def test_nor_is_one_that_has_to_be_brought_about(authorization, user, make, monkeypatch):
    hooks.created[:] = pk, other = make().pk, make(email="other@example.com").pk
    body = {name: VALID[name] for name in ("first_name", "last_name", "email")}

    def answered(path: str, method: str, headers=(), *, known: bool = True, body=body, **options) -> int:
        parameters = {"path_parameters": {"id": pk}} if path == DETAIL else {}
        if method in ("POST", "PUT", "PATCH"):
            parameters |= {"body": body, "media_type": "application/json"}
        case = schema[path][method].Case(headers={}, **parameters)
        headers = {**(authorization if known else {}), **dict(headers)}
        return conforming(case, headers, **options).status_code

    key = {"Idempotency-Key": "k"}
    assert [answered(LIST, "POST", key) for _ in range(2)] == [201, 201]
    assert answered(LIST, "POST", key, body={**body, "city": "Cork"}) == 422
    assert answered(TOKEN, "POST", body=hooks.login) == 200
    assert answered(LIST, "GET", known=False) == 401
    assert answered(LIST, "GET", {"Accept": "text/html"}) == 406
    assert answered(DETAIL, "PATCH", {"If-Match": '"another"'}) == 412
    assert answered(DETAIL, "GET", {"If-None-Match": "*"}) == 304
    assert answered(DETAIL, "DELETE") == 204
    pk = other
    assert answered(DETAIL, "PUT", body={**body, "email": "third@example.com"}) == 200

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    session = {"sessionid": browser.cookies["sessionid"].value}
    assert answered(LIST, "POST", known=False, cookies=session) == 403

    def fail(error):
        def raising(*arguments, **options):
            raise error

        return raising

    monkeypatch.setattr(idempotency, "lock", fail(idempotency.InProgressError))
    assert answered(LIST, "POST", {"Idempotency-Key": "other"}) == 409
    monkeypatch.setattr(selectors, "customer_page", fail(OperationalError("the server is away")))
    assert answered(LIST, "GET", accepted=CHECKS[1:]) == 503
    monkeypatch.setattr(throttles.UserThrottle, "allow_request", lambda *_: False)
    assert answered(LIST, "GET") == 429
