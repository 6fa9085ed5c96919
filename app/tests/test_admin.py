import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.admin import CustomerAdmin
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


def test_the_best_matches_come_first_unless_a_column_was_chosen(admin, make, monkeypatch):
    monkeypatch.setattr("customers.admin.CustomerAdmin.search_limit", 2)
    make(first_name="Part", last_name="Xenakis")
    make(first_name="Xena", last_name="Whole")
    make(first_name="More", last_name="McXena")

    def shown(**parameters) -> list[str]:
        page = admin.get(URL, {"q": "xena", **parameters})
        assert ("best 2 matches of more" in page.text) != ("is_active__exact" in parameters)
        return [customer.first_name for customer in page.context["cl"].result_list]

    assert shown() == ["Xena", "Part"]
    assert shown(o="2") == ["Part", "Xena"]
    assert shown(is_active__exact="0") == []


@pytest.mark.parametrize("term", [" ", "nobody", "x" * 3000, "a\x00b"])
def test_any_term_is_answered(admin, make, term):
    make()
    assert admin.get(URL, {"q": term}).status_code == 200


@pytest.mark.parametrize("parameters", [{}, {"is_active__exact": "1"}, {"_facets": "1"}, {"q": "ada"}])
def test_a_large_table_is_neither_counted_nor_read_whole(admin, make, monkeypatch, parameters):
    """The search, where there is a term, how many pages there are, and one of them."""
    monkeypatch.setattr("customers.admin.CappedPaginator.limit", 3)
    monkeypatch.setattr("customers.admin.CustomerAdmin.list_per_page", 2)
    for _ in range(5):
        make()
    with CaptureQueriesContext(connection) as queries:
        page = admin.get(URL, parameters)
    statements = [query["sql"] for query in queries if "customers_customer" in query["sql"]]
    limits = [int(re.search(r"LIMIT (\d+)\D*$", statement)[1]) for statement in statements]
    assert limits == ([501] if "q" in parameters else []) + [3, 2]
    assert page.context["cl"].paginator.count == 3


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


def test_select_all_is_offered_for_an_exact_number_alone(admin, make, monkeypatch):
    monkeypatch.setattr("customers.admin.CustomerAdmin.list_per_page", 2)
    monkeypatch.setattr("customers.admin.CustomerAdmin.action_limit", 3)
    monkeypatch.setattr("customers.admin.CappedPaginator.limit", 5)
    for _ in range(3):
        make()
    assert "Select all 3 customers" in admin.get(URL).text
    make()
    page = admin.get(URL).text
    assert "Select all 4 customers" not in page
    assert "4 customers" in " ".join(page.split())
    make()
    make()
    assert "5 or more customers" in " ".join(admin.get(URL).text.split())


@pytest.mark.parametrize("post", [{}, {"post": "yes"}])
def test_an_action_on_more_than_its_limit_does_nothing(admin, make, monkeypatch, post):
    monkeypatch.setattr("customers.admin.CustomerAdmin.action_limit", 1)
    action = {"action": "delete_selected", "_selected_action": [make().pk, make().pk], "select_across": "1"} | post
    page = admin.post(URL, action, follow=True)
    assert "Nothing was done: these are more than 1 customers" in page.text
    assert Customer.objects.count() == 2


def test_all_of_a_search_are_deleted_in_one_statement(admin, make):
    ids = [make().pk for _ in range(5)]
    action = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    with CaptureQueriesContext(connection) as queries:
        admin.post(URL, action)
    assert len([query for query in queries if query["sql"].startswith('DELETE FROM "customers_customer"')]) == 1
    assert LogEntry.objects.count() == 5


def test_what_another_user_has_deleted_is_no_error(admin, make, monkeypatch):
    customer = make()

    def taken_away(original):
        def method(*arguments, **options):
            Customer.objects.all().delete()
            return original(*arguments, **options)

        return method

    for name in ("save_model", "delete_model", "delete_queryset"):
        monkeypatch.setattr(CustomerAdmin, name, taken_away(getattr(CustomerAdmin, name)))
    page = admin.post(f"{URL}{customer.pk}/change/", ANN, follow=True)
    assert "Another user has deleted this customer meanwhile" in page.text
    assert admin.post(f"{URL}{make().pk}/delete/", {"post": "yes"}).status_code == 302
    action = {"action": "delete_selected", "_selected_action": [make().pk], "post": "yes"}
    assert admin.post(URL, action).status_code == 302


def test_an_address_that_is_taken_meanwhile_is_reported(admin, make, monkeypatch):
    original = CustomerAdmin.save_model

    def save_model(*arguments, **options):
        make(email="Ann@Example.com")
        original(*arguments, **options)

    monkeypatch.setattr(CustomerAdmin, "save_model", save_model)
    page = admin.post(f"{URL}add/", ANN, follow=True)
    assert "Nothing was saved. A customer with this e-mail address exists already." in page.text
