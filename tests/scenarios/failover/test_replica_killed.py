"""The replica that commits wait for dies under load, and comes back."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, states
from toolbox import eventually, patroni_cluster

# Its host leaves no word behind: commits wait for it until its claim has run out, after 20 s. Reads that were under way
# on it are done again on the primary.
BOUND = Bound(failed=0, gap_s=40)
READ_GAP_S = 5
PACE = Settings(reads_per_second=120, writes_per_second=15)


@pytest.fixture(scope="module")
def story(lab, hosts, visitors):
    """What happened, in this order."""
    told = types.SimpleNamespace(leader=leader(hosts))
    members = patroni_cluster(hosts(told.leader)[0])
    told.killed = next(member["name"] for member in members if member["role"] == "sync_standby")
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        lab.kill(told.killed)
        told.resumed = probe.answered(60)
        lab.start(told.killed)
        told.mended = eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=120)
        assert probe.answered(15)
    told.report = probe.report
    return told


def test_the_primary_stays_and_takes_writes_again(story, hosts):
    assert story.resumed
    assert leader(hosts) == story.leader


def test_the_replica_comes_back_by_itself(story):
    assert story.mended


def test_reads_go_on(story):
    assert story.report.longest_read_gap_s <= READ_GAP_S, str(story.report)


def test_the_bounds_held(story):
    assert record("the synchronous replica's host is killed", [story.report], BOUND), str(story.report)
