"""The load balancer that visitors come to dies under load, three times; later its successor restarts nginx."""

import time
import types
from itertools import pairwise

import pytest
from probe import Bound, Probe, Report, Settings, record
from toolbox import eventually, name_of

# Half a second between signs of life, of which three stay out; then a client's next attempt. What was under way on the
# host is lost with it: three times at most one request of each of twenty visitors.
KILLED = Bound(failed=60, gap_s=3)
# Nobody waits for signs of life here.
RESTARTED = Bound(failed=20, gap_s=1.5)
PACE = Settings(reads_per_second=120, writes_per_second=15)
KILLS = 3


@pytest.fixture(scope="module")
def story(lab, hosts, cluster, visitors):
    """What happened, in this order."""
    told = types.SimpleNamespace(kills=[], killed=[])

    def holders(without=()):
        asked = [host for host in hosts("loadbalancer") if name_of(host) not in without]
        command = f"ip -4 -o address show to {cluster.cluster_virtual_address}/32"
        return [name_of(host) for host in asked if host.check_output(command)]

    for _ in range(KILLS):
        [first] = holders()
        with Probe(visitors, PACE) as probe:
            time.sleep(10)
            lab.kill(first)
            second = eventually(lambda first=first: holders(without=[first]))
            time.sleep(10)
            lab.start(first)
            time.sleep(5)
            assert probe.answered(10)
            told.kills.append((first, second, holders()))
        told.killed.append(probe.report)
    [told.second] = holders()
    with Probe(visitors, PACE) as probe:
        time.sleep(10)
        hosts(told.second)[0].check_output("systemctl restart nginx")
        told.after_restart = holders()
        time.sleep(10)
    told.restarted = probe.report
    return told


def test_another_one_takes_the_address(story):
    assert all(len(second) == 1 for _, second, _ in story.kills)
    for (_, [holder], _), (first, _, _) in pairwise(story.kills):
        assert first == holder


def test_a_host_that_comes_back_does_not_take_it_back(story):
    for _, second, after_return in story.kills:
        assert after_return == second


def test_the_address_leaves_before_nginx_stops(story):
    assert len(story.after_restart) == 1
    assert story.after_restart != [story.second]


def test_the_bounds_held(story):
    total = sum(story.killed, Report())
    assert record("the load balancer with the address is killed", story.killed, KILLED), str(total)
    assert record("nginx restarts where the address is", [story.restarted], RESTARTED), str(story.restarted)
