"""The load balancer that visitors come to dies under load, and comes back; later its successor restarts nginx."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from toolbox import eventually, name_of

# Half a second between signs of life, of which three stay out; then a client's next attempt. What was under way on the
# host is lost with its connections, and as long as its kernel outlives nginx it refuses new ones at once.
KILLED = Bound(failed=60, gap_s=3)
# Nobody waits for signs of life here: at most one request of each of twenty visitors is under way.
RESTARTED = Bound(failed=20, gap_s=1.5)
PACE = Settings(reads_per_second=100, writes_per_second=15)


@pytest.fixture(scope="module")
def story(lab, hosts, cluster, visitors):
    """What happened, in this order."""
    told = types.SimpleNamespace()

    def holders(without=()):
        asked = [host for host in hosts("loadbalancer") if name_of(host) not in without]
        command = f"ip -4 -o address show to {cluster.cluster_virtual_address}/32"
        return [name_of(host) for host in asked if host.check_output(command)]

    [told.first] = holders()
    with Probe(visitors, PACE) as probe:
        assert probe.answered(10)
        lab.kill(told.first)
        told.second = eventually(lambda: holders(without=[told.first]))
        assert probe.answered(10)
        lab.start(told.first)
        assert probe.answered(10)
        told.after_return = holders()
    told.killed = probe.report
    with Probe(visitors, PACE) as probe:
        assert probe.answered(10)
        hosts(told.second[0])[0].check_output("systemctl restart nginx")
        told.after_restart = holders()
        assert probe.answered(10)
    told.restarted = probe.report
    return told


def test_another_one_takes_the_address(story):
    assert len(story.second) == 1
    assert story.second != [story.first]


def test_a_host_that_comes_back_does_not_take_it_back(story):
    assert story.after_return == story.second


def test_the_address_leaves_before_nginx_stops(story):
    assert story.after_restart == [story.first]


def test_the_bounds_held(story):
    assert record("the load balancer with the address is killed", [story.killed], KILLED), str(story.killed)
    assert record("nginx restarts where the address is", [story.restarted], RESTARTED), str(story.restarted)
