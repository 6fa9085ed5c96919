"""All certificates are replaced under load, and services take the new ones."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import states
from toolbox import eventually, name_of

# Redis, members of etcd and instances restart for theirs, one after the other; the others read theirs anew.
BOUND = Bound(failed=0, gap_s=5)
PACE = Settings(reads_per_second=120, writes_per_second=10)
SERIALS = (
    "cd /etc/pergola/tls && for file in $(ls *.crt | grep -v -- '-ca.crt$'); do "
    "echo $file $(openssl x509 -in $file -noout -serial); done"
)
# Who shows a certificate to whoever connects: (group, port, file).
SHOWN = [
    ("loadbalancer", 443, "nginx.crt"),
    ("app", 8001, "customers.crt"),
    ("redis", 6379, "redis.crt"),
    ("postgres", 8008, "patroni.crt"),
    ("etcd", 2379, "etcd.crt"),
]


def serials(hosts):
    """Of all certificates, by host and file."""
    found = {}
    for host in hosts("cluster"):
        for line in host.check_output(SERIALS).splitlines():
            file, serial = line.split()
            found[name_of(host), file] = serial
    return found


def shown(host, port):
    """The serial of the certificate that a port of this host shows."""
    address = f"{name_of(host)}:{port}"
    return host.check_output(
        f"openssl s_client -connect {address} </dev/null 2>/dev/null | openssl x509 -noout -serial"
    )


@pytest.fixture(scope="module")
def story(hosts, visitors, verb, site):
    """What was before and after."""
    told = types.SimpleNamespace(before=serials(hosts))
    with Probe(visitors, PACE) as probe:
        assert probe.answered(5)
        told.renewed = verb("renew_certificates")()
        assert probe.answered(5)
    told.report = probe.report
    told.after = serials(hosts)
    told.again = site()
    return told


def test_each_is_another_one(story):
    assert story.after.keys() == story.before.keys()
    assert [place for place, serial in story.after.items() if serial == story.before[place]] == []


@pytest.mark.parametrize(("group", "port", "file"), SHOWN, ids=[file for *_, file in SHOWN])
def test_services_show_theirs(story, hosts, group, port, file):
    for host in hosts(group):
        assert shown(host, port) == story.after[name_of(host), file], name_of(host)


def test_the_cluster_is_well_and_the_run_after_that_changes_nothing(story, hosts):
    assert eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=60), states(hosts)
    assert story.again.changed == {}


def test_nobody_noticed(story):
    assert record("all certificates are replaced", [story.report], BOUND), str(story.report)
