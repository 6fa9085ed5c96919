"""However many clients come, PostgreSQL never sees more of the app than its share, and nobody is simply turned away."""

import asyncio
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from toolbox import name_of

CLIENTS, REQUESTS = 60, 300
# Every 0.1 s, for longer than the load takes on a busy machine; psql ends when its input does.
SAMPLES = r"SELECT count(*) FROM pg_stat_activity WHERE usename = 'customers' \watch interval=0.1 count=200"


@pytest.fixture
def budget(cluster, names):
    """Server connections that all PgBouncers together may hold."""
    from budget import pgbouncer_pool_sizes

    sizes = pgbouncer_pool_sizes(cluster.cluster_max_connections, names("app"), cluster.cluster_apps)
    return (sizes["rw"] + sizes["ro"]) * len(names("app"))


def most_backends(host):
    """The most sessions of the app that PostgreSQL on `host` had while it was looked at."""
    command = r"printf '%%s\n' %s | (cd / && runuser -u postgres -- psql -XAtq)"
    return max(map(int, host.check_output(command, SAMPLES).split()))


async def search(client, numbers, answers):
    """Searches that nobody has made before, one after the other."""
    for _ in numbers:
        answers.append(await client.get("/api/customers/", params={"search": uuid.uuid4().hex[:6]}))


async def searches(**options):
    """The answers to all requests of all clients."""
    answers, numbers = [], iter(range(REQUESTS))
    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=90, **options) as client:
        await asyncio.gather(*[search(client, numbers, answers) for _ in range(CLIENTS)])
    return answers


def test_any_number_of_clients_stays_within_the_budget(hosts, front, trust, authorization, budget):
    headers = {"Host": front.headers["host"], **authorization}
    databases = hosts("postgres")
    with ThreadPoolExecutor() as pool:
        sampled = [pool.submit(most_backends, host) for host in databases]
        answers = asyncio.run(searches(base_url=front.base_url, headers=headers, verify=trust))
        most = {name_of(host): each.result() for host, each in zip(databases, sampled, strict=True)}
    statuses = Counter(answer.status_code for answer in answers)
    assert sum(statuses.values()) == REQUESTS
    assert set(statuses) <= {200, 503}, statuses
    assert statuses[200] > 0, statuses
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    assert max(most.values()) > 0, "no search reached a database"
    assert max(most.values()) <= budget, most
    assert sum(most.values()) <= budget, most
