"""The consensus store: three voters that talk to owners of a control-plane certificate alone."""

import base64
import json

import pytest
from toolbox import FOREIGN_CERTIFICATE, NO_CERTIFICATE, curl, handshake

testinfra_hosts = ["etcd"]

KEY = base64.b64encode(b"/tests/infra").decode()
VALUE = base64.b64encode(b"written by a test").decode()
READ = {"key": KEY}
WRITE = {"key": KEY, "value": VALUE}

each_port = pytest.mark.parametrize("port", [2379, 2380], ids=["clients", "members"])


def ask(host, server, verb, body, **identity):
    """One request to etcd's JSON interface."""
    return curl(host, f"https://{server}:2379/v3/kv/{verb}", "-d", json.dumps(body), authority="control", **identity)


def test_it_runs_and_starts_at_boot(host):
    unit = host.service("etcd")
    assert unit.is_running
    assert unit.is_enabled


def test_the_voters_are_healthy_and_follow_one_leader(host, names):
    voters = names("etcd")
    assert len(voters) in (1, 3, 5)
    leaders = set()
    for voter in voters:
        health = curl(host, f"https://{voter}:2379/health", authority="control", certificate="etcd")
        assert (health.status, health.json["health"]) == (200, "true"), f"{voter}: {health}"
        status = curl(
            host, f"https://{voter}:2379/v3/maintenance/status", "-d", "{}", authority="control", certificate="etcd"
        )
        leaders.add(status.json["leader"])
        assert not status.json.get("isLearner")
    assert len(leaders) == 1


def test_members_are_the_voters_of_the_inventory_over_tls(host, names, name):
    url = f"https://{name}:2379/v3/cluster/member/list"
    members = curl(host, url, "-d", "{}", authority="control", certificate="etcd").json["members"]
    assert sorted(member["name"] for member in members) == names("etcd")
    for member in members:
        assert all(url.startswith("https://") for url in member["peerURLs"] + member["clientURLs"])


def test_no_voter_is_a_database_host(groups, names):
    """A lost database host must not cost a vote at the same moment."""
    if names("cluster") == names("postgres"):
        pytest.skip("every host is a database host")
    assert "postgres" not in groups


def test_the_owner_of_a_certificate_reads_and_writes(host, name):
    assert ask(host, name, "put", WRITE, certificate="etcd").status == 200
    found = ask(host, name, "range", READ, certificate="etcd").json["kvs"]
    assert [entry["value"] for entry in found] == [VALUE]
    assert ask(host, name, "deleterange", READ, certificate="etcd").json["deleted"] == "1"


@each_port
@pytest.mark.parametrize("group", ["etcd", "postgres", "app"])
def test_nobody_gets_in_without_a_certificate(hosts, name, port, group):
    assert handshake(hosts(group)[0], name, port, "control") == NO_CERTIFICATE


@each_port
@pytest.mark.parametrize(("group", "certificate"), [("app", "customers"), ("loadbalancer", "nginx-upstream")])
def test_nobody_gets_in_with_a_certificate_of_the_services_authority(hosts, name, port, group, certificate):
    assert handshake(hosts(group)[0], name, port, "control", certificate) == FOREIGN_CERTIFICATE


@pytest.mark.parametrize(("verb", "body"), [("range", READ), ("put", WRITE)])
def test_nobody_reads_or_writes_without_a_certificate(host, name, verb, body):
    assert ask(host, name, verb, body).status == 0


@each_port
def test_nothing_is_said_in_plaintext(host, name, port):
    answer = curl(host, f"http://{name}:{port}/version")
    assert answer.status != 200, answer


def test_the_data_belongs_to_etcd_alone(host):
    owner, mode = host.check_output("stat -c '%U %a' /var/lib/etcd/*/member").split()[:2]
    assert (owner, mode) == ("etcd", "700")
