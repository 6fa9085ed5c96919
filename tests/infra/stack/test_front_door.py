"""The stack as its users meet it: through the front door, down to the last replica."""

import uuid

import httpx
import pytest
from toolbox import eventually, sql


@pytest.fixture(scope="module")
def customers(front, authorization):
    """Two customers who are created through the front door, and gone afterwards."""
    created = []
    for _ in range(2):
        email = f"{uuid.uuid4().hex}@tests-infra.example"
        body = {"first_name": "Zoë", "last_name": "Łukasiewicz", "email": email}
        answer = front.post("/api/customers/", json=body, headers=authorization)
        assert answer.status_code == 201, answer.text
        created.append(answer.json())
    yield created
    for customer in created:
        path = f"/api/customers/{customer['id']}/"
        assert front.delete(path, headers=authorization).status_code == 204
        assert front.get(path, headers=authorization).status_code == 404


@pytest.fixture
def customer(customers):
    """One of them."""
    return customers[0]


@pytest.fixture
def next_page(front, authorization, customers):
    """The link to the second page of customers, for a request with further headers: next_page(**headers)."""

    def get(**headers):
        answer = front.get("/api/customers/", params={"page_size": 1}, headers=authorization | headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["next"]

    return get


def test_the_published_address_answers(public_url, trust, authorization):
    answer = httpx.get(f"{public_url}/api/customers/", headers=authorization, verify=trust, trust_env=False)
    assert answer.status_code == 200
    assert "results" in answer.json()


def test_a_write_is_read_back_from_each_replica(customer, replicas):
    query = f"SELECT last_name FROM customers_customer WHERE id = {int(customer['id'])}"
    for replica in replicas:
        assert eventually(lambda host=replica: sql(host, query, "customers")) == ["Łukasiewicz"]


def test_a_write_through_one_balancer_is_read_through_every_other(customer, browse, names, authorization):
    path = f"/api/customers/{customer['id']}/"
    for balancer in names("loadbalancer"):
        client = browse(balancer)
        assert eventually(lambda client=client: client.get(path, headers=authorization).is_success), balancer


@pytest.mark.parametrize("path", ["/api/customers/", "/api/customers/stats/", "/api/customers/1/"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Token {'0' * 40}"}], ids=["anonymous", "wrong token"])
def test_strangers_read_nothing(front, path, headers):
    answer = front.get(path, headers=headers)
    assert answer.status_code in (401, 403)
    assert set(answer.json()) == {"detail"}


def test_strangers_write_nothing(front):
    body = {"first_name": "A", "last_name": "B", "email": "stranger@tests-infra.example"}
    assert front.post("/api/customers/", json=body).status_code in (401, 403)


def test_the_app_knows_the_public_scheme_name_and_port(next_page, public_url):
    """Its links are made of the headers that the load balancer forwards."""
    assert next_page().startswith(f"{public_url}/api/customers/?")


def test_what_a_client_claims_to_have_forwarded_is_not_believed(next_page, public_url):
    claims = {
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-For": "192.0.2.1",
        "Forwarded": "for=192.0.2.1;host=evil.example;proto=http",
    }
    assert next_page(**claims).startswith(f"{public_url}/api/customers/?")


def test_the_schema_and_its_pages_are_public(front):
    assert front.get("/api/schema/").status_code == 200
    assert front.get("/api/docs/").status_code == 200


def test_the_admin_asks_who_is_there(front):
    answer = front.get("/admin/")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/admin/login/")


def test_no_migration_is_missing_and_djangos_checks_pass(hosts):
    for command in ("migrate --check", "check --deploy --fail-level WARNING"):
        answer = hosts("app")[0].run(f"customers-manage {command}")
        assert answer.succeeded, answer
