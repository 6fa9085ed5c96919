"""Reads from replicas, on the running stack: nobody ever reads less than they wrote."""

import re
from contextlib import contextmanager
from uuid import uuid4

import pytest
from toolbox import curl, eventually, name_of

testinfra_hosts = ["app"]

URL = "/api/customers/"
READS = re.compile(r'^app_reads_total\{database="(\w+)",reason="(\w+)"\} ([\d.e+]+)$', re.MULTILINE)


@pytest.fixture(scope="module")
def balancers(browse, names):
    return [browse(name) for name in names("loadbalancer")]


def reads(hosts, cluster):
    """Of all instances together, by database and reason."""
    total = {}
    balancer = hosts("loadbalancer")[0]
    for host in hosts("app"):
        for number in range(1, cluster.cluster_app_instances + 1):
            answer = curl(balancer, f"https://{name_of(host)}:{8000 + number}/metrics", certificate="nginx-upstream")
            for database, reason, value in READS.findall(answer.body):
                total[database, reason] = total.get((database, reason), 0) + float(value)
    return total


@contextmanager
def replay_paused(replicas):
    """The process that replays is stopped, which Patroni does not undo; sessions go on."""
    pids = {}
    try:
        for host in replicas:
            pids[host] = host.check_output("pgrep -u postgres -f 'postgres: .*startup'").split()[0]
            host.check_output("kill -STOP %s", pids[host])
        yield
    finally:
        for host, pid in pids.items():
            host.check_output("kill -CONT %s", pid)


def person():
    return {"first_name": "Infra", "last_name": "Replay", "email": f"{uuid4().hex}@example.com"}


def test_reads_go_to_replicas_and_never_show_less_than_ones_own_writes(
    balancers, authorization, hosts, replicas, cluster
):
    """With replicas that stand still, and pooled connections to them already open; a client that changes balancers."""
    for client in balancers:
        for number in range(8):
            client.get(URL, params={"page_size": 10 + number}, headers=authorization)
    assert reads(hosts, cluster).get(("replica", "replayed"), 0) > 0
    created = []
    try:
        with replay_paused(replicas):
            before = reads(hosts, cluster)
            for number in range(6):
                writer, reader = balancers[number % len(balancers)], balancers[(number + 1) % len(balancers)]
                answer = writer.post(URL, json=person(), headers=authorization)
                assert answer.status_code == 201, answer.text
                created.append(answer.json())
                seen = reader.get(f"{URL}{created[-1]['id']}/", headers=authorization)
                assert (seen.status_code, seen.json()["email"]) == (200, created[-1]["email"])
                rows = reader.get(URL, params={"page_size": 5}, headers=authorization).json()["results"]
                assert rows[0]["id"] == created[-1]["id"]
                changed = reader.patch(f"{URL}{created[-1]['id']}/", json={"city": str(number)}, headers=authorization)
                assert changed.status_code == 200
                assert writer.get(f"{URL}{created[-1]['id']}/", headers=authorization).json()["city"] == str(number)
            after = reads(hosts, cluster)
            assert after["primary", "replica_behind"] > before.get(("primary", "replica_behind"), 0)

        def replicas_serve_again():
            before = reads(hosts, cluster)
            balancers[0].get(URL, params={"search": uuid4().hex[:12]}, headers=authorization)
            return reads(hosts, cluster)["replica", "replayed"] > before["replica", "replayed"]

        assert eventually(replicas_serve_again, 30)
    finally:
        for customer in created:
            balancers[0].delete(f"{URL}{customer['id']}/", headers=authorization)


def test_the_switch_works_without_a_restart(balancers, authorization, hosts, cluster):
    """On all app hosts, and back."""
    off = "/etc/customers/replica-reads.off"

    def where(count=8):
        before = reads(hosts, cluster)
        for _ in range(count):
            balancers[0].get(URL, params={"search": uuid4().hex[:12]}, headers=authorization)
        after = reads(hosts, cluster)
        return {key for key, value in after.items() if value > before.get(key, 0)}

    assert ("replica", "replayed") in where()
    try:
        for host in hosts("app"):
            host.check_output("touch %s", off)
        assert where() == {("primary", "switched_off")}
    finally:
        for host in hosts("app"):
            host.check_output("rm -f %s", off)
    assert ("replica", "replayed") in where()


def test_what_is_warm_is_not_read_at_all(balancers, authorization, hosts, cluster):
    parameters = {"page_size": 7}
    # It is kept once a process has been asked for it twice, and there are fewer processes than this.
    for client in balancers * 10:
        first = client.get(URL, params=parameters, headers=authorization)
    before = reads(hosts, cluster)
    for client in balancers * 10:
        again = client.get(URL, params=parameters, headers=authorization | {"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
    # A token may have to be looked up in a process that has not seen it for 5 seconds.
    instances = len(hosts("app")) * cluster.cluster_app_instances
    assert sum(reads(hosts, cluster).values()) - sum(before.values()) <= instances
