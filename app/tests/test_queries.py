"""What the hot endpoints cost. The first query is the token's."""

import pytest
from django.db import connection

from customers import selectors

URL = "/api/customers/"


@pytest.fixture
def queries(django_assert_num_queries):
    return django_assert_num_queries


LIST = (
    "SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at "
    "FROM customers_customer"
)
DETAIL = (
    "SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, address, notes "
    "FROM customers_customer WHERE id = $1::bigint"
)
# What hot requests cost.
FROZEN = {
    "": f"{LIST} ORDER BY created_at DESC, id DESC LIMIT 51",
    "?page_size=2": f"{LIST} ORDER BY created_at DESC, id DESC LIMIT 3",
    "?is_active=true": f"{LIST} WHERE is_active = %(is_active)s ORDER BY created_at DESC, id DESC LIMIT 51",
    f"?cursor={selectors.Cursor(('2024-02-29T12:00:00+00:00', 7)).encode()}": (
        f"{LIST} WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT 51"
    ),
    "?created_from=2024-01-01&created_before=2025-01-01": (
        f"{LIST} WHERE (created_at >= %(created_from)s AND created_at < %(created_before)s) "
        "ORDER BY created_at DESC, id DESC LIMIT 51"
    ),
    "stats/": (
        "SELECT count(*), count(*) FILTER (WHERE is_active), count(*) FILTER (WHERE created_at >= $1) "
        "FROM customers_customer"
    ),
}


@pytest.fixture
def statements():
    """What is asked about customers, without the values."""

    def note(execute, sql, params, many, context):
        if "customers_customer" in sql:
            noted.append(sql)
        return execute(sql, params, many, context)

    noted: list[str] = []
    with connection.execute_wrapper(note):
        yield noted


@pytest.mark.parametrize("request_", FROZEN)
def test_hot_requests_ask_one_thing_and_always_the_same(api, make, statements, request_):
    for _ in range(3):
        make()
    statements.clear()
    assert api.get(URL + request_).status_code == 200
    assert statements == [FROZEN[request_]]


def test_a_detail_is_one_query(api, make, statements):
    pk = make().pk
    statements.clear()
    api.get(f"{URL}{pk}/")
    assert statements == [DETAIL]
    assert api.get(f"{URL}{10**40}/").status_code == 404
    assert len(statements) == 1


@pytest.mark.django_db(transaction=True)
def test_lists_go_on_when_a_column_changes_its_type(api, make):
    make()
    with connection.copy().cursor() as elsewhere:
        try:
            for _ in range(10):
                assert api.get(URL).status_code == 200
            elsewhere.execute("ALTER TABLE customers_customer ALTER city TYPE varchar(101)")
            for _ in range(2):
                assert len(api.get(URL).json()["results"]) == 1
        finally:
            elsewhere.execute("ALTER TABLE customers_customer ALTER city TYPE varchar(100)")
            elsewhere.connection.close()


def test_a_search_is_one_query(api, make, queries):
    make()
    with queries(2) as captured:
        api.get(URL, {"search": "ada lovelace"})
    assert "notes" not in captured[1]["sql"]


def test_create_is_one_insert(api, queries):
    # The token, a savepoint (in production BEGIN and COMMIT) and the INSERT.
    with queries(4) as captured:
        api.post(URL, {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com"})
    assert [query["sql"].split()[0] for query in captured] == ["SELECT", "SAVEPOINT", "INSERT", "RELEASE"]


def test_patch_writes_only_what_changes(api, make, queries):
    pk = make().pk
    with queries(5) as captured:
        api.patch(f"{URL}{pk}/", {"city": "Dublin"})
    update = captured[3]["sql"]
    assert update.startswith("UPDATE")
    assert "last_name" not in update


def test_health_needs_no_user(anonymous, db, queries):
    with queries(0):
        anonymous.get("/healthz")
