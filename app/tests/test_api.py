import pytest
from django.db import connection

from customers import services

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
    url = f"{URL}{make(company='Acme', phone='+49 30 1234567', notes='x', is_active=False).pk}/"
    required = {name: ANN[name] for name in ("first_name", "last_name", "email")}
    replaced = api.put(url, required).json()
    assert replaced["email"] == "Ann@Example.com"
    assert [replaced[name] for name in ("company", "phone", "notes", "is_active")] == ["", "", "", True]
    assert api.get(url).json() == replaced
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
        ({"is_actve": "true"}, "is_actve"),
        ({"page": "2"}, "page"),
        ({"format": "json"}, "format"),
        ({"is_active": ["1", "0"]}, "is_active"),
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
    for method in ("DELETE", "TRACE", "PROPFIND"):
        response = api.generic(method, f"{URL}?is_active=1")
        assert (response.status_code, response["Allow"]) == (405, "GET, POST, HEAD, OPTIONS")


def test_an_unknown_field_is_named_with_what_was_meant(api, make):
    url = f"{URL}{make().pk}/"
    for method, path in [(api.post, URL), (api.put, url), (api.patch, url)]:
        response = method(path, ANN | {"emial": "ann@example.com", "x": 1, "city": "x" * 101})
        assert response.status_code == 400
        faults = response.json()
        assert faults.pop("emial") == ["Unknown field. Did you mean `email`?"]
        [fault] = faults.pop("x")
        assert fault.startswith("Unknown field. Known: `first_name`, ")
        assert "`id`" not in fault
        assert list(faults) == ["city"]


def test_what_was_read_can_be_written_back(api, make):
    """A client need not know which fields it can't change."""
    read = api.get(f"{URL}{make().pk}/").json()
    [row] = api.get(URL).json()["results"]
    written = api.put(f"{URL}{read['id']}/", read | {"city": "Cork"})
    assert written.status_code == 200
    assert written.json() == read | {"city": "Cork", "updated_at": written.json()["updated_at"]}
    assert api.patch(f"{URL}{read['id']}/", row).status_code == 200


def test_an_unknown_query_parameter_is_named_with_what_was_meant(api, make):
    url = f"{URL}{make().pk}/"
    response = api.get(f"{URL}?is_actve=true&page=2")
    assert response.json()["is_actve"] == ["Unknown query parameter. Did you mean `is_active`?"]
    assert response.json()["page"] == ["Unknown query parameter. Did you mean `page_size`?"]
    calls = [("GET", url), ("GET", f"{URL}stats/"), ("POST", URL)]
    calls += [(method, url) for method in ("PUT", "PATCH", "DELETE")]
    for method, path in calls:
        response = api.generic(method, f"{path}?is_active=1", "{}", content_type="application/json")
        assert response.status_code == 400, (method, path)
        assert response.json() == {"is_active": ["Unknown query parameter. This operation takes none."]}


def test_many_unknown_names_take_no_time_to_refuse(api):
    assert len(api.post(URL, {f"{number:0>1000}": 1 for number in range(2000)}).json()) < 50


@pytest.mark.parametrize("offset", ["+01:00", " 01:00", "+0100", " 01"])
def test_a_plus_that_arrives_as_a_space_is_read(api, make, offset):
    before, after = (make(created_at=f"2026-01-31T08:{minute}:00Z").pk for minute in (29, 30))
    for moment in ("2026-01-31T09:30:00", "2026-01-31 09:30", "2026-01-31T09:30:00.000"):
        rows = api.get(URL, {"created_from": moment + offset}).json()["results"]
        assert [row["id"] for row in rows] == [after], moment
        rows = api.get(URL, {"created_before": moment + offset}).json()["results"]
        assert [row["id"] for row in rows] == [before], moment
    assert api.get(URL, {"created_from": "2026-01-31 08:30"}).json()["results"][0]["id"] == after


@pytest.mark.parametrize("path", ["/api/customers", "/api/customers/1", "/api/token"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_missing_slash_keeps_method_and_body(api, method, path):
    response = api.generic(method, f"{path}?a=%2B", "{}", content_type="application/json")
    assert (response.status_code, response["Location"]) == (308, f"{path}/?a=%2B")


def test_a_write_without_the_slash_is_done(api):
    response = api.post("/api/customers", ANN, follow=True)
    assert response.status_code == 201
    assert api.get(URL).json()["results"][0]["id"] == response.json()["id"]


@pytest.mark.parametrize(("field", "longest"), [("first_name", 100), ("company", 200)])
def test_the_length_of_a_text_counts_as_it_is_stored(api, field, longest):
    grows = "\u0958"  # one character, which Unicode composes of two
    refused = api.post(URL, ANN | {field: grows * longest})
    assert refused.status_code == 400
    assert list(refused.json()) == [field]
    assert api.post(URL, ANN | {field: grows * (longest // 2)}).status_code == 201


def test_what_no_view_sees_is_answered_in_json_too(api, settings, monkeypatch):
    assert api.get("/api/nothing/").json() == {"detail": "Not found."}
    assert "<h1>" in api.get("/nothing/").text
    with monkeypatch.context() as patch:
        patch.setattr(api, "raise_request_exception", False)
        patch.setattr(services, "create_customer", lambda **_: 1 / 0)
        response = api.post(URL, ANN)
        assert (response.status_code, response.json()) == (500, {"detail": "Internal server error."})
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    response = api.post(URL, ANN, headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.json()) == (400, {"detail": "Bad request."})


def test_a_browsers_cache_buster_is_ignored(api):
    assert api.get(URL, {"_": "1733012345678"}).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"), [("company", 5), ("first_name", True), ("is_active", 1), ("is_active", "no"), ("notes", 1.5)]
)
def test_a_value_of_another_type_is_not_converted(api, field, value):
    response = api.post(URL, ANN | {field: value})
    assert response.status_code == 400
    assert list(response.json()) == [field]
