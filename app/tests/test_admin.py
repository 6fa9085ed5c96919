import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Customer

URL = "/admin/customers/customer/"
ANN = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com", "is_active": "on"}


@pytest.fixture
def admin(db) -> Client:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_people_find_by_the_same_search(admin, make):
    make(first_name="Zoë", last_name="Brontë")
    make()
    page = admin.get(URL, {"q": "bronte zoe"}).text
    assert "Brontë" in page
    assert "Lovelace" not in page


def test_add_change_delete(admin):
    assert admin.post(f"{URL}add/", ANN).status_code == 302
    customer = Customer.objects.get()
    assert admin.get(f"{URL}{customer.pk}/change/").status_code == 200

    assert admin.post(f"{URL}{customer.pk}/change/", ANN | {"city": "Dublin"}).status_code == 302
    changed = Customer.objects.get()
    assert changed.city == "Dublin"
    assert changed.updated_at > customer.updated_at

    assert admin.post(f"{URL}{customer.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Customer.objects.exists()
    assert list(LogEntry.objects.values_list("object_id", flat=True)) == [str(customer.pk)] * 3


def test_several_are_deleted_at_once(admin, make):
    action = {"action": "delete_selected", "_selected_action": [make().pk, make().pk], "post": "yes"}
    assert admin.post(URL, action).status_code == 302
    assert not Customer.objects.exists()


def test_the_form_says_what_is_wrong(admin, make):
    make(email="ANN@example.com")
    page = admin.post(f"{URL}add/", ANN | {"phone": "call me"}).text
    assert "country code" in page
    assert "exists already" in page


def test_markup_is_shown_as_text(admin, make):
    pk = make(notes="<script>alert(1)</script>", company="<b>Acme</b>").pk
    for page in (admin.get(URL).text, admin.get(f"{URL}{pk}/change/").text):
        assert "<script>alert" not in page
        assert "&lt;b&gt;Acme" in page
