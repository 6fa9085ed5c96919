"""PostgreSQL's main process is killed where the primary is, under load; the host lives."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, primaries, states
from toolbox import eventually

# Patroni starts it again, and it repeats what had not been written to its files. What was under way is lost with it: at
# most one request of each of twenty visitors.
BOUND = Bound(failed=20, gap_s=6)
PACE = Settings(reads_per_second=120, writes_per_second=15)
POSTMASTER = "head -n 1 /var/lib/postgresql/17/main/postmaster.pid"


@pytest.fixture(scope="module")
def story(lab, hosts, visitors):
    """What happened, in this order."""
    told = types.SimpleNamespace()
    host = hosts(leader(hosts))[0]
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        told.before = host.check_output(POSTMASTER)
        host.check_output(f"kill -KILL {told.before}")
        assert probe.answered(30)
        assert eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=60), states(hosts)
        told.after = host.check_output(POSTMASTER)
    told.report = probe.report
    return told


def test_it_runs_again(story, hosts):
    assert story.after != story.before
    assert len(primaries(hosts)) == 1


def test_the_bounds_held(story):
    assert record("the primary's postmaster is killed", [story.report], BOUND), str(story.report)
