"""Hosts leave for good under load: an app host, a replica, and a load balancer that is a member of etcd as well."""

import json
import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, states, traces
from toolbox import eventually, name_of

# The shared address moves once, and takes no open connection along: at most one request of each of twenty visitors.
BOUND = Bound(failed=20, gap_s=6)
PACE = Settings(reads_per_second=120, writes_per_second=10)
ETCDCTL = (
    "etcdctl --cacert=/etc/pergola/tls/control-ca.crt --cert=/etc/pergola/tls/etcd.crt --key=/etc/pergola/tls/etcd.key "
    "--write-out=json member list"
)


@pytest.fixture(scope="module")
def story(hosts, visitors, verb, without):
    """What happened, in this order."""
    primary = leader(hosts)
    replica = next(name_of(host) for host in hosts("postgres") if name_of(host) != primary)
    told = types.SimpleNamespace(primary=primary, gone=["app2", replica, "lb2"])
    told.refused = verb("remove_node")("-e", f"node={primary}", status=2)
    told.only = verb("remove_node")("-e", "node=cache1", status=2)
    with Probe(visitors, PACE) as probe:
        assert probe.answered(5)
        for number, name in enumerate(told.gone):
            # Who is gone has been deleted from the inventory when the next one goes.
            remove = without(told.gone[:number], file="ansible/playbooks/remove_node.yml")
            if name == "app2":  # what the operator's machine does not live to see, the next run finishes
                remove.killed_in("Remove packages and their settings", "-e", f"node={name}")
            remove("-e", f"node={name}")
            assert probe.answered(5)
        # Three members of etcd, and two load balancers for the shared address.
        site = without(told.gone, instead={"etcd": "app1", "loadbalancer": "app1"})
        told.forgotten = site()
        assert probe.answered(5)
    told.report = probe.report
    told.again = site()
    return told


def test_the_primary_and_the_only_host_of_a_tier_stay(story):
    assert f"{story.primary} is the primary: let another host be it first, by make switchover" in story.refused.output
    assert "cache1 is the only host of redis" in story.only.output


def test_nothing_of_the_cluster_is_left_on_them(story, hosts):
    for name in story.gone:
        assert traces(hosts(name)[0]) == "", name


def test_the_others_go_on_without_them(story, hosts):
    assert leader(hosts, without=story.gone) == story.primary
    assert eventually(lambda: states(hosts, without=story.gone) == ["running", "streaming"], seconds=60)
    members = json.loads(hosts("lb1")[0].check_output(ETCDCTL))["members"]
    assert sorted(member["name"] for member in members if not member.get("isLearner")) == ["app1", "cache1", "lb1"]
    assert story.again.changed == {}


def test_who_left_them_in_the_inventory_is_told_so(story, site):
    run = site("--check", status=2)
    for name in story.gone:
        assert f"{name} was removed from the cluster and is still in the inventory" in run.output


def test_nobody_noticed(story):
    assert record("an app host, a replica and a load balancer leave", [story.report], BOUND), str(story.report)
