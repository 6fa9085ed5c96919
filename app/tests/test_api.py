import pytest

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
    assert (answer["next"], answer["previous"]) == (None, None)


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
        ({"search": "x" * 101}, "search"),
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


def test_malformed_json_is_the_clients_mistake(api):
    response = api.generic("POST", URL, "{", content_type="application/json")
    assert response.status_code == 400


def test_a_list_instead_of_an_object_is_the_clients_mistake(api):
    assert api.post(URL, [1, 2]).status_code == 400


def test_method_not_allowed(api):
    assert api.delete(URL).status_code == 405
