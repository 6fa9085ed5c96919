"""The consensus store: three voters that talk to owners of a control-plane certificate alone."""

import base64
import json

import pytest
from toolbox import curl

testinfra_hosts = ["etcd"]

KEY = base64.b64encode(b"/tests/infra").decode()
VALUE = base64.b64encode(b"written by a test").decode()
READ = {"key": KEY}
WRITE = {"key": KEY, "value": VALUE}

# How the TLS layer, which is where it must end, turns away who has no certificate and who has the wrong one.
REFUSALS = ("certificate required", "bad certificate", "unknown ca", "decrypt error", "handshake failure")


def ask(host, server, verb, body, **identity):
    """One request to etcd's JSON interface."""
    return curl(host, f"https://{server}:2379/v3/kv/{verb}", "-d", json.dumps(body), authority="control", **identity)


def test_it_runs_and_starts_at_boot(host):
    unit = host.service("etcd")
    assert unit.is_running
    assert unit.is_enabled


def test_the_three_voters_are_healthy_and_follow_one_leader(host, names):
    voters = names("etcd")
    assert len(voters) == 3
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


def test_no_voter_is_a_database_host(groups):
    """A lost database host must not cost a vote at the same moment."""
    assert "postgres" not in groups


def test_the_owner_of_a_certificate_reads_and_writes(host, name):
    assert ask(host, name, "put", WRITE, certificate="etcd").status == 200
    found = ask(host, name, "range", READ, certificate="etcd").json["kvs"]
    assert [entry["value"] for entry in found] == [VALUE]
    assert ask(host, name, "deleterange", READ, certificate="etcd").json["deleted"] == "1"


@pytest.mark.parametrize(("verb", "body"), [("range", READ), ("put", WRITE)])
def test_nobody_without_a_certificate_reads_or_writes(host, name, verb, body):
    answer = ask(host, name, verb, body)
    assert answer.status == 0, answer
    assert any(reason in answer.error for reason in REFUSALS), answer


@pytest.mark.parametrize(("verb", "body"), [("range", READ), ("put", WRITE)])
@pytest.mark.parametrize(("group", "certificate"), [("app", "customers"), ("loadbalancer", "nginx-upstream")])
def test_a_certificate_of_the_services_authority_is_refused(hosts, name, group, certificate, verb, body):
    answer = ask(hosts(group)[0], name, verb, body, certificate=certificate)
    assert answer.status == 0, answer
    assert any(reason in answer.error for reason in REFUSALS), answer


@pytest.mark.parametrize("port", [2379, 2380])
def test_nothing_is_said_in_plaintext(host, name, port):
    answer = curl(host, f"http://{name}:{port}/version")
    assert answer.status != 200, answer


def test_peers_show_certificates_too(host, name):
    answer = curl(host, f"https://{name}:2380/members", authority="control")
    assert answer.status == 0, answer
    assert any(reason in answer.error for reason in REFUSALS), answer


def test_the_data_belongs_to_etcd_alone(host):
    owner, mode = host.check_output("stat -c '%U %a' /var/lib/etcd/*/member").split()[:2]
    assert (owner, mode) == ("etcd", "700")
