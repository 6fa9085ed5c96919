"""The primary's host hears from no other database and from no member of etcd any more; apps still reach it."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, primaries, states
from toolbox import eventually, name_of

# As long as its claim has not run out nobody else may be the primary, and no replica confirms its commits: those that
# wait for one end with it, unacknowledged. It takes some seconds to stop, and says so to whoever asks: PgBouncer passes
# that on, and the app answers 503 with Retry-After, where writes of a dead primary would have waited.
BOUND = Bound(failed=200, gap_s=40)
PACE = Settings(reads_per_second=120, writes_per_second=15)


@pytest.fixture(scope="module")
def story(lab, hosts, visitors):
    """What happened, in this order."""
    told = types.SimpleNamespace(before=leader(hosts), at_once=[])
    peers = [name_of(host) for tier in ("postgres", "etcd") for host in hosts(tier)]
    peers = sorted(set(peers) - {told.before})

    def another():
        told.at_once.append(primaries(hosts))
        return [name for name in told.at_once[-1] if name != told.before]

    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        with lab.cut_off(told.before, peers):
            told.after = eventually(another, seconds=90)
            told.resumed = probe.answered(60)
            told.apart = primaries(hosts)
        told.mended = eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=120)
        assert probe.answered(15)
    told.report = probe.report
    return told


def test_a_replica_takes_over(story):
    assert len(story.after) == 1
    assert story.resumed


def test_there_are_never_two_primaries(story):
    assert all(len(names) <= 1 for names in story.at_once), story.at_once
    assert story.apart == story.after


def test_the_old_primary_comes_back_as_a_replica(story, hosts):
    assert story.mended
    assert primaries(hosts) == story.after


def test_every_acknowledged_write_is_there_and_the_bound_held(story):
    assert record("the primary is cut off from its peers", [story.report], BOUND), str(story.report)
