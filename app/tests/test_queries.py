"""What the hot endpoints cost. The first query is the token's."""

import pytest

URL = "/api/customers/"


@pytest.fixture
def queries(django_assert_num_queries):
    return django_assert_num_queries


@pytest.mark.parametrize("parameters", [{}, {"search": "ada"}, {"page_size": 2}, {"is_active": "true"}])
def test_a_list_is_one_query_however_long(api, make, queries, parameters):
    for _ in range(5):
        make()
    with queries(2) as captured:
        api.get(URL, parameters)
    sql = captured[1]["sql"]
    assert "COUNT" not in sql
    assert "OFFSET" not in sql
    assert "notes" not in sql
    assert sql.startswith('SELECT "customers_customer"."id"')


def test_detail_is_one_query(api, make, queries):
    pk = make().pk
    with queries(2) as captured:
        api.get(f"{URL}{pk}/")
    assert "search_text" not in captured[1]["sql"]


def test_stats_are_one_query(api, make, queries):
    make()
    with queries(2):
        api.get(f"{URL}stats/")


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
