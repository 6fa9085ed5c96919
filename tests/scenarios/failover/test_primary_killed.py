"""The primary's host dies under load and comes back later; then the unchanged playbook runs."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, primaries, states
from toolbox import eventually

# Patroni lets a silent primary's claim run out after 20 s, or 25 s when an etcd leader died with it.
BOUND = Bound(failed=20, gap_s=40)
READ_GAP_S = 5  # replicas answer meanwhile
PACE = Settings(reads_per_second=120, writes_per_second=15)


@pytest.fixture(scope="module")
def story(lab, hosts, site, visitors):
    """What happened, in this order."""
    told = types.SimpleNamespace(before=leader(hosts))
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        lab.kill(told.before)
        told.after = eventually(lambda: another_leader(hosts, told.before), seconds=90)
        told.resumed = probe.answered(60)
        lab.start(told.before)
        told.mended = site()
        told.primaries = primaries(hosts)
    told.again = site()
    told.report = probe.report
    return told


def another_leader(hosts, killed):
    """The primary that took over, if one has."""
    name = leader(hosts, without=[killed])
    return name if name != killed else None


def test_a_replica_takes_over(story):
    assert story.after
    assert story.after != story.before
    assert story.resumed


def test_the_playbook_leaves_the_new_primary_alone(story, hosts):
    assert story.primaries == [story.after]
    assert primaries(hosts) == [story.after]


def test_the_old_primary_streams_from_the_new_one(story, hosts):
    assert eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=60), states(hosts)


def test_the_run_after_that_changes_nothing(story):
    assert story.again.changed == {}


def test_reads_go_on(story):
    assert story.report.longest_read_gap_s <= READ_GAP_S, str(story.report)


def test_every_acknowledged_write_is_there_and_the_bound_held(story):
    assert record("the primary's host is killed, comes back, site.yml runs", [story.report], BOUND), str(story.report)
