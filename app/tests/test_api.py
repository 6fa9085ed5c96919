import pytest
from django.db import connection

URL = "/api/customers/"
ANN = {"first_name": "Ann", "last_name": "O’Brien", "email": "Ann@Example.com", "phone": "+353 1 555 1234"}


def test_create_answers_with_the_customer(api):
    response = api.post(URL, ANN)
    assert response.status_code == 201
    created = response.json()
    assert api.get(f"{URL}{created['id']}/").json() == created
    assert {name: created[name] for name in ANN} == ANN
    assert created["is_active"] is True
    assert created["created_at"].endswith("Z")
    assert "search_text" not in created


def test_what_is_stored_is_tidied_but_keeps_its_case(api):
    created = api.post(URL, ANN | {"first_name": " Rene\u0301  mac ", "last_name": "McDONALD"}).json()
    assert created["first_name"] == "Ren\u00e9 mac"
    assert created["last_name"] == "McDONALD"


def test_put_replaces_and_patch_changes(api, make):
    url = f"{URL}{make(company='Acme').pk}/"
    assert api.put(url, ANN).json()["email"] == "Ann@Example.com"
    changed = api.patch(url, {"is_active": False}).json()
    assert changed["is_active"] is False
    assert changed["first_name"] == "Ann"
    assert api.put(url, {"first_name": "Ann"}).status_code == 400


def test_update_moves_updated_at_only(api, make):
    before = api.get(f"{URL}{make().pk}/").json()
    after = api.patch(f"{URL}{before['id']}/", {"city": "Dublin"}).json()
    assert after["updated_at"] > before["updated_at"]
    assert after["created_at"] == before["created_at"]


def test_what_the_server_decides_is_not_taken_from_the_client(api):
    created = api.post(URL, ANN | {"id": 1_000_000, "created_at": "2001-01-01T00:00:00Z"}).json()
    assert created["id"] != 1_000_000
    assert not created["created_at"].startswith("2001")


def test_delete(api, make):
    url = f"{URL}{make().pk}/"
    response = api.delete(url)
    assert (response.status_code, response.content) == (204, b"")
    assert api.get(url).status_code == 404
    assert api.delete(url).status_code == 404


@pytest.mark.parametrize("pk", [0, 2**31, 2**63, 10**30])
def test_an_unknown_customer_is_404(api, pk):
    for method in (api.get, api.put, api.patch, api.delete):
        response = method(f"{URL}{pk}/")
        assert response.status_code == 404
        assert "detail" in response.json()


def test_list_is_lean_and_newest_first(api, make):
    old, new = make(notes="long"), make()
    answer = api.get(URL).json()
    assert [row["id"] for row in answer["results"]] == [new.pk, old.pk]
    assert set(answer["results"][0]) == {
        "id", "first_name", "last_name", "email", "phone", "is_active", "company", "city", "created_at", "updated_at",
    }  # fmt: skip
    assert (answer["next"], answer["previous"], answer["count"]) == (None, None, None)


def test_list_and_detail_agree(api, make):
    pk = make(phone="+49 30 1234567").pk
    detail = api.get(f"{URL}{pk}/").json()
    [row] = api.get(URL).json()["results"]
    assert row.items() <= detail.items()


def test_filter_by_activity(api, make):
    active, inactive = make(), make(is_active=False)
    for value, expected in [("true", {active.pk}), ("false", {inactive.pk}), ("", {active.pk, inactive.pk})]:
        rows = api.get(URL, {"is_active": value}).json()["results"]
        assert {row["id"] for row in rows} == expected


def test_filter_by_creation(api, make):
    ids = [make(created_at=f"2024-0{month}-01T00:00:00Z").pk for month in (1, 2, 3)]

    def found(**parameters) -> list[int]:
        return [row["id"] for row in api.get(URL, parameters).json()["results"]]

    assert found(created_from="2024-02-01T00:00:00Z") == [ids[2], ids[1]]
    assert found(created_before="2024-02-01T00:00:00Z") == [ids[0]]
    assert found(created_from="2024-01-15", created_before="2024-03-01T01:00:00+01:00", search="ada") == [ids[1]]


def test_orderings(api, make):
    bob = make(first_name="Bob", last_name="Åberg", email="C@example.com", created_at="2024-01-02T00:00:00Z").pk
    amy = make(first_name="Amy", last_name="Aberg", email="b@example.com", created_at="2024-01-03T00:00:00Z").pk
    eve = make(first_name="Eve", last_name="zu Aal", email="a@example.com", created_at="2024-01-01T00:00:00Z").pk
    expected = {"created_at": [eve, bob, amy], "name": [amy, bob, eve], "email": [eve, amy, bob]}
    for ordering, ids in expected.items():
        for name, order in [(ordering, ids), (f"-{ordering}", ids[::-1])]:
            rows = api.get(URL, {"ordering": name}).json()["results"]
            assert [row["id"] for row in rows] == order, name


@pytest.mark.parametrize("parameters", [{}, {"search": "ada"}, {"search": "ada", "is_active": "true"}])
def test_a_count_is_given_on_request_and_says_what_it_is(api, make, monkeypatch, parameters):
    for _ in range(3):
        make()

    def count(kind: str) -> dict:
        return api.get(URL, {"count": kind, "page_size": 1, **parameters}).json()["count"]

    assert count("exact") == count("capped") == {"value": 3, "kind": "exact"}
    assert count("estimated")["kind"] == "estimated"
    monkeypatch.setattr("customers.selectors.COUNTED_AT_MOST", 2)
    assert count("capped") == {"value": 2, "kind": "at_least"}
    assert count("exact") == {"value": 3, "kind": "exact"}


def test_what_takes_too_long_is_cut_with_a_hint(api, make):
    make()
    with connection.execute_wrapper(slowly):
        response = api.get(URL, {"search": "ada"})
    assert response.status_code == 503
    assert "Retry-After" not in response
    assert "Search for more" in response.json()["detail"]


def slowly(execute, sql, params, many, context):
    if "customers_customer" in sql:
        execute("SET LOCAL statement_timeout = 10", None, False, context)
        sql = f"SELECT pg_sleep(60), searched.* FROM ({sql}) searched"
    return execute(sql, params, many, context)


def test_stats(api, make):
    make()
    make(is_active=False)
    make(created_at="2001-01-01T00:00:00Z")
    assert api.get(f"{URL}stats/").json() == {
        "total": 3,
        "active": 2,
        "inactive": 1,
        "created_in_the_last_30_days": 2,
    }


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "201"}, "page_size"),
        ({"page_size": "many"}, "page_size"),
        ({"is_active": "perhaps"}, "is_active"),
        ({"search": "x" * 255}, "search"),
        ({"created_from": "yesterday"}, "created_from"),
        ({"ordering": "notes"}, "ordering"),
        ({"ordering": "name", "search": "ada"}, "ordering"),
        ({"count": "all"}, "count"),
        ({"search": "a\0b"}, "search"),
        ({"cursor": "?"}, "cursor"),
    ],
)
def test_a_bad_parameter_is_named(api, parameters, field):
    response = api.get(URL, parameters)
    assert response.status_code == 400
    assert set(response.json()) == {field}


def test_an_email_address_is_unique_whatever_its_case(api, make):
    first = make(email="Ada@Example.com")
    response = api.post(URL, ANN | {"email": "ada@example.COM"})
    assert response.status_code == 400
    assert response.json() == {"email": ["A customer with this e-mail address exists already."]}

    other = make()
    assert api.patch(f"{URL}{other.pk}/", {"email": "ADA@example.com"}).status_code == 400
    assert api.patch(f"{URL}{first.pk}/", {"email": "ADA@example.com"}).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_what_was_changed_meanwhile_is_not_written_over(api, make, method):
    url = f"{URL}{make().pk}/"
    read = api.get(url)["ETag"]
    changed = api.patch(url, {"city": "Dublin"})["ETag"]
    assert changed == api.get(url)["ETag"] != read

    def change(etag: str):
        return getattr(api, method)(url, ANN, headers={"If-Match": etag})

    assert change(read).status_code == 412
    assert "Read it again" in change('"made-up"').json()["detail"]
    assert change("nonsense").status_code == 412
    assert api.get(url)["ETag"] == changed
    # A proxy that compresses makes an ETag a weak one.
    assert change(f'"other", W/{changed}').status_code in (200, 204)


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}])
def test_who_names_no_version_writes_over_any(api, make, headers):
    url = f"{URL}{make().pk}/"
    api.patch(url, {"city": "Dublin"})
    assert api.patch(url, {"city": "Cork"}, headers=headers).status_code == 200


def test_a_created_customer_has_its_version(api):
    response = api.post(URL, ANN)
    assert response["ETag"] == api.get(f"{URL}{response.json()['id']}/")["ETag"]


def test_malformed_json_is_the_clients_mistake(api):
    response = api.generic("POST", URL, "{", content_type="application/json")
    assert response.status_code == 400


def test_a_list_instead_of_an_object_is_the_clients_mistake(api):
    assert api.post(URL, [1, 2]).status_code == 400


def test_method_not_allowed(api):
    assert api.delete(URL).status_code == 405


@pytest.mark.parametrize(("field", "longest"), [("first_name", 100), ("company", 200)])
def test_the_length_of_a_text_counts_as_it_is_stored(api, field, longest):
    grows = "\u0958"  # one character, which Unicode composes of two
    refused = api.post(URL, ANN | {field: grows * longest})
    assert refused.status_code == 400
    assert list(refused.json()) == [field]
    assert api.post(URL, ANN | {field: grows * (longest // 2)}).status_code == 201


def test_what_no_view_sees_is_answered_in_json_too(api, settings):
    assert api.get("/api/nothing/").json() == {"detail": "Not found."}
    assert "<h1>" in api.get("/nothing/").text
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    response = api.post(URL, ANN, headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.json()) == (400, {"detail": "Bad request."})
