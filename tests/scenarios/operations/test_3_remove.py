"""Hosts leave for good under load: an app host, a replica, and a load balancer that is a member of etcd as well."""

import json
import types

import pytest
import yaml
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, states
from scenarios.lab import ROOT
from scenarios.playbook import Playbook
from toolbox import eventually, name_of

# The shared address moves once, and takes no open connection along: at most one request of each of twenty visitors.
BOUND = Bound(failed=20, gap_s=6)
PACE = Settings(reads_per_second=120, writes_per_second=10)
ETCDCTL = (
    "etcdctl --cacert=/etc/pergola/tls/control-ca.crt --cert=/etc/pergola/tls/etcd.crt --key=/etc/pergola/tls/etcd.key "
    "--write-out=json member list"
)
TRACES = (
    "ls -d /etc/pergola/tls /etc/patroni /var/lib/postgresql /var/lib/etcd /etc/nginx /etc/haproxy /etc/pgbouncer "
    "/opt/customers /etc/customers /var/www/customers /etc/systemd/system/customers* 2>/dev/null; "
    "dpkg-query --show --showformat='${Package} ${Status}\\n' postgresql-17 patroni etcd-server nginx haproxy "
    "pgbouncer keepalived 2>/dev/null | grep ' installed$'; "
    "ss -Htln 'sport != 22'; getent passwd customers; grep pergola /etc/hosts"
)


@pytest.fixture(scope="module")
def smaller(inventory, tmp_path_factory):
    """The inventory without some hosts; another host becomes a member of etcd, which needs three."""

    def make(gone, voter):
        tree = yaml.safe_load((inventory / "hosts.yml").read_text())
        for group in tree["cluster"]["children"].values():
            group["hosts"] = {name: values for name, values in group["hosts"].items() if name not in gone}
        tree["cluster"]["children"]["etcd"]["hosts"][voter] = None
        made = tmp_path_factory.mktemp("smaller")
        (made / "hosts.yml").write_text(yaml.safe_dump(tree))
        (made / "group_vars").symlink_to(ROOT / inventory / "group_vars")
        return Playbook(made)

    return make


@pytest.fixture(scope="module")
def story(hosts, visitors, verb, smaller):
    """What happened, in this order."""
    primary = leader(hosts)
    replica = next(name_of(host) for host in hosts("postgres") if name_of(host) != primary)
    told = types.SimpleNamespace(primary=primary, gone=["app2", replica, "lb2"])
    told.refused = verb("remove_node")("-e", f"node={primary}", status=2)
    told.only = verb("remove_node")("-e", "node=cache1", status=2)
    with Probe(visitors, PACE) as probe:
        assert probe.answered(5)
        for name in told.gone:
            verb("remove_node")("-e", f"node={name}")
            assert probe.answered(5)
        site = smaller(told.gone, "app1")
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
        assert hosts(name)[0].run(TRACES).stdout == "", name


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
