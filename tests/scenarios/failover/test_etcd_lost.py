"""The consensus store loses its majority for a minute, and then all of its data; the database goes on. Then it loses
them while a replica does not answer, so that the primary gives up."""

import time
import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, primaries, states
from toolbox import eventually, name_of

# The primary asks its replicas instead, as all of them are there, and stays what it is.
BOUND = Bound(failed=0, gap_s=3)
# A new Patroni takes the place of the primary's: HAProxy hears nothing of it for some seconds, and lets nobody through
# to PostgreSQL. Writes that are under way there fail, and those that come are told to come again.
FOUNDED = Bound(failed=100, gap_s=10)
PACE = Settings(reads_per_second=120, writes_per_second=15)
LOST_SECONDS = 60
LOSE = "systemctl kill --signal=KILL etcd; systemctl stop etcd; rm -r /var/lib/etcd/pergola"
PATRONI = "systemctl kill --kill-whom=main --signal={} patroni"
STANDS = "cd / && runuser -u postgres -- psql -XAtqc 'SELECT' postgres"


@pytest.fixture(scope="module")
def story(lab, hosts, visitors, verb, site):
    """What happened, in this order."""
    told = types.SimpleNamespace(before=leader(hosts))
    members = hosts("etcd")
    told.refused = verb("rebuild_etcd")(status=2)
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        for host in members[1:]:
            host.check_output("systemctl stop etcd")
        time.sleep(LOST_SECONDS)
        for host in members[1:]:
            host.check_output("systemctl start --no-block etcd")
        assert eventually(lambda: is_well(hosts), seconds=60), states(hosts)
        assert probe.answered(15)
    told.majority = probe.report

    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        for host in members:
            host.check_output(LOSE)
        verb("rebuild_etcd")()
        assert eventually(lambda: is_well(hosts), seconds=60), states(hosts)
        assert probe.answered(15)
    told.everything = probe.report

    # Of elections there have been more than the next store will have seen.
    for host in members:
        host.check_output("systemctl restart etcd")
    assert eventually(lambda: is_well(hosts), seconds=60), states(hosts)
    away = next(host for host in hosts("postgres") if name_of(host) != told.before)
    away.check_output(PATRONI.format("STOP"))
    for host in members:
        host.check_output(LOSE)
    assert eventually(lambda: not primaries(hosts), seconds=60)
    away.check_output(PATRONI.format("CONT"))
    assert eventually(lambda: all(host.run(STANDS).succeeded for host in hosts("postgres")), seconds=60)
    told.nobody = verb("rebuild_etcd")(status=2)
    verb("rebuild_etcd")("-e", f"primary={told.before}")
    assert eventually(lambda: is_well(hosts), seconds=60), states(hosts)
    told.again = site()
    return told


def is_well(hosts):
    """Whether there is a primary by Patroni's word, and all others stream."""
    return leader(hosts) and states(hosts) == ["running", "streaming", "streaming"]


def test_a_store_that_is_well_is_not_founded_anew(story):
    assert "a majority of etcd's members agrees" in story.refused.output
    assert story.refused.changed == {}


def test_where_nobody_is_primary_somebody_has_to_be_named(story, hosts):
    output = " ".join(story.nobody.output.split())
    assert "Nobody is primary" in output
    assert all(f"{name_of(host)}: timeline " in output for host in hosts("postgres"))
    assert "say who is to be the primary, by -e primary= and its name" in output
    assert story.nobody.changed == {}
    assert not [host for host in hosts("etcd") if host.file("/etc/pergola/verb.lock").exists]


def test_the_primary_stays(story, hosts):
    assert leader(hosts) == story.before
    assert story.again.changed == {}


def test_all_members_agree_again(story, hosts):
    for host in hosts("etcd"):
        health = host.check_output(
            "curl --silent --cacert /etc/pergola/tls/control-ca.crt --cert /etc/pergola/tls/etcd.crt "
            "--key /etc/pergola/tls/etcd.key https://127.0.0.1:2379/health"
        )
        assert '"health":"true"' in health, name_of(host)


def test_the_bounds_held(story):
    assert record("etcd has no majority for a minute", [story.majority], BOUND), str(story.majority)
    assert record("all data of etcd are lost and founded anew", [story.everything], FOUNDED), str(story.everything)
