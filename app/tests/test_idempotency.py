"""A POST that is repeated with its Idempotency-Key is done once."""

import threading
from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from customers.models import Customer
from serving import idempotency
from serving.models import IdempotentRequest
from tests.access import header, permitted

URL = "/api/customers/"
ANN = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com"}
BOB = {"first_name": "Bob", "last_name": "Ray", "email": "bob@example.com"}


def post(api, body, key="k-1"):
    return api.post(URL, body, headers={"Idempotency-Key": key})


def another_session():
    return psycopg.connect(**connections["default"].get_connection_params() | {"cursor_factory": psycopg.Cursor})


def test_a_repeated_post_is_done_once_and_answered_the_same(api):
    first, second = post(api, ANN), post(api, ANN)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second["Content-Type"] == first["Content-Type"]
    assert (first.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (None, "true")
    assert Customer.objects.count() == 1


def test_without_a_key_nothing_is_remembered(api):
    assert [api.post(URL, ANN).status_code for _ in range(2)] == [201, 400]
    assert not IdempotentRequest.objects.exists()


def test_a_key_belongs_to_one_body(api):
    post(api, ANN)
    response = post(api, BOB)
    assert response.status_code == 422
    assert "another request" in response.json()["detail"]
    assert Customer.objects.count() == 1


def test_other_keys_are_other_requests(api):
    assert [post(api, body, key).status_code for body, key in [(ANN, "1"), (BOB, "2")]] == [201, 201]


def test_another_users_key_is_another_key(api):
    post(api, ANN)
    other = APIClient(HTTP_X_FORWARDED_PROTO="https")
    other.credentials(HTTP_AUTHORIZATION=header(permitted(User.objects.create(username="bob"))))
    assert post(other, BOB).status_code == 201
    assert post(other, BOB)["Idempotency-Replayed"] == "true"


def test_what_failed_may_be_mended_and_tried_again(api):
    assert post(api, ANN | {"email": "nonsense"}).status_code == 400
    assert not IdempotentRequest.objects.exists()
    assert post(api, ANN).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_answer_and_deed_are_one_transaction(api, monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "store", fail)
        api.raise_request_exception = False
        assert post(api, ANN).status_code == 500
    assert not Customer.objects.exists()
    assert post(api, ANN).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_while_it_is_under_way_the_second_one_is_told_so(user, api):
    begun, ended = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                idempotency.lock(user.pk, "k-1")
                begun.set()
                ended.wait(30)
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert begun.wait(30)
        response = post(api, ANN)
        assert (response.status_code, response["Retry-After"]) == (409, "1")
        assert post(api, BOB, "k-2").status_code == 201
    finally:
        ended.set()
        holder.join()
    assert post(api, ANN).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ä", "a b"])
def test_a_key_that_is_none_is_refused(api, key):
    assert post(api, ANN, key).status_code == 400
    assert not Customer.objects.exists()


def expire(*keys):
    chosen = IdempotentRequest.objects.filter(key__in=keys)
    assert chosen.update(created_at=timezone.now() - timedelta(hours=24)) == len(keys)


def stored_keys():
    return sorted(IdempotentRequest.objects.values_list("key", flat=True))


def test_a_key_is_forgotten_after_a_day(api):
    post(api, ANN)
    expire("k-1")
    first, second = post(api, BOB), post(api, BOB)
    assert (first.status_code, first.get("Idempotency-Replayed")) == (201, None)
    assert (second.content, second["Idempotency-Replayed"]) == (first.content, "true")
    assert IdempotentRequest.objects.count() == 1


def test_a_request_leaves_other_expired_keys_alone(api):
    post(api, ANN)
    expire("k-1")
    assert post(api, BOB, "k-2").status_code == 201
    assert stored_keys() == ["k-1", "k-2"]


@pytest.mark.django_db(transaction=True)
def test_an_uncommitted_request_locks_no_expired_key(api):
    """A commit waits where the synchronous replica has died: other requests must not wait for it."""
    post(api, ANN)
    expire("k-1")
    with transaction.atomic(), another_session() as session:
        assert post(api, BOB, "k-2").status_code == 201
        session.execute("SET lock_timeout = '1s'")
        rows = session.execute("SELECT key FROM serving_idempotentrequest FOR UPDATE").fetchall()
    assert rows == [("k-1",)]
