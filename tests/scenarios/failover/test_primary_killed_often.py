"""The primary's host dies under load, and whoever took over dies next: how long writes wait is not luck."""

import statistics

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, states
from toolbox import eventually

KILLS = 5
# A claim is good for 20 s after its last renewal, which is up to 5 s old when the host dies; then come a vote, a
# promotion, and the checks of those who ask.
BOUND = Bound(failed=20 * KILLS, gap_s=35)
MEDIAN_S = 22
PACE = Settings(reads_per_second=120, writes_per_second=15)


@pytest.fixture(scope="module")
def reports(lab, hosts, visitors):
    """One of each kill."""
    found = []
    for _ in range(KILLS):
        primary = leader(hosts)
        with Probe(visitors, PACE) as probe:
            assert probe.answered(10)
            lab.kill(primary)
            assert eventually(another_leader(hosts, primary), seconds=90)
            assert probe.answered(60)
        found.append(probe.report)
        lab.start(primary)
        assert eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=120), states(hosts)
    return found


def another_leader(hosts, killed):
    """A question: is there a primary again, and another one?"""
    return lambda: leader(hosts, without=[killed]) not in (None, killed)


def test_every_acknowledged_write_is_there_and_the_bound_held(reports):
    assert record("the primary's host is killed, five times", reports, BOUND), [str(report) for report in reports]


def test_half_of_the_outages_are_shorter(reports):
    outages = [report.longest_write_gap_s for report in reports]
    assert statistics.median(outages) <= MEDIAN_S, outages
