"""The consensus store loses its majority for a minute, and then all of its data; the database goes on."""

import time
import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, states
from toolbox import eventually, name_of

# The primary asks its replicas instead, as all of them are there, and stays what it is.
BOUND = Bound(failed=0, gap_s=3)
# A new Patroni takes the place of the primary's: HAProxy hears nothing of it for some seconds, and lets nobody through
# to PostgreSQL. Writes that are under way there fail, and those that come are told to come again.
FOUNDED = Bound(failed=100, gap_s=10)
PACE = Settings(reads_per_second=120, writes_per_second=15)
LOST_SECONDS = 60


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
            host.check_output("systemctl kill --signal=KILL etcd; systemctl stop etcd; rm -r /var/lib/etcd/pergola")
        verb("rebuild_etcd")()
        assert eventually(lambda: is_well(hosts), seconds=60), states(hosts)
        assert probe.answered(15)
    told.everything = probe.report
    told.again = site()
    return told


def is_well(hosts):
    """Whether there is a primary by Patroni's word, and all others stream."""
    return leader(hosts) and states(hosts) == ["running", "streaming", "streaming"]


def test_a_store_that_is_well_is_not_founded_anew(story):
    assert "a majority of etcd's members agrees" in story.refused.output
    assert story.refused.changed == {}


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
