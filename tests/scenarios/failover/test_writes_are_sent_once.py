"""What an app host sends to load balancers gets lost just after writes were sent to it."""

import types
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from toolbox import name_of

ROWS = 40


@pytest.fixture(scope="module")
def client(visitors):
    """A client with connections enough for all requests at once."""
    limits = httpx.Limits(max_connections=2 * ROWS)
    target = {"base_url": visitors.url, "verify": visitors.trust, "headers": visitors.headers}
    with httpx.Client(**target, limits=limits, timeout=90, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def rows(client):
    """Customers with their ETags."""
    created = []
    for number in range(ROWS):
        body = {"first_name": "Sent", "last_name": "Once", "email": f"sent-once-{number}@example.com"}
        created.append(client.post("/api/customers/", json=body))
        assert created[-1].status_code == 201, created[-1].text
    yield [(answer.json(), answer.headers["ETag"]) for answer in created]
    for answer in created:
        client.delete(f"/api/customers/{answer.json()['id']}/")


@pytest.fixture(scope="module")
def result(lab, hosts, client, rows):
    """The answers of reads and writes while the packets of one app host get lost."""

    def read(row):
        return client.get(f"/api/customers/{row[0]['id']}/")

    def write(row):
        content, etag = row
        body = {name: content[name] for name in ("first_name", "email")} | {"last_name": "Twice"}
        return client.put(f"/api/customers/{content['id']}/", json=body, headers={"If-Match": etag})

    balancers = [name_of(host) for host in hosts("loadbalancer")]
    with ThreadPoolExecutor(2 * ROWS) as pool:
        list(pool.map(read, rows * 4))  # nginx now has idle connections to each instance
        with lab.cut_off(name_of(hosts("app")[0]), balancers):
            writes, reads = pool.map(write, rows), pool.map(read, rows)
            seen = types.SimpleNamespace(writes=list(writes), reads=list(reads))
    seen.after = [read(row).json()["last_name"] for row in rows]
    return seen


def test_no_write_is_repeated(result):
    """A repeated one would be answered 412, since the first had changed the ETag."""
    statuses = {answer.status_code for answer in result.writes}
    assert statuses <= {200, 502, 504}, statuses
    assert statuses & {502, 504}, "no write was under way on the host"


def test_writes_that_failed_say_so_in_json(result):
    for answer in result.writes:
        assert answer.headers["Content-Type"].split(";")[0] == "application/json"


def test_acknowledged_writes_were_done(result):
    done = [name for answer, name in zip(result.writes, result.after, strict=True) if answer.status_code == 200]
    assert set(done) == {"Twice"}


def test_reads_are_answered_by_another_instance(result):
    assert {answer.status_code for answer in result.reads} == {200}
