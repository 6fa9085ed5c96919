"""Which host may leave the cluster, and what is said of one that may not."""

import pytest
from removal import removal_faults

GROUPS = {
    "cluster": ["lb1", "lb2", "app1", "app2", "db1", "db2", "db3", "cache1"],
    "loadbalancer": ["lb1", "lb2"],
    "app": ["app1", "app2"],
    "postgres": ["db1", "db2", "db3"],
    "redis": ["cache1"],
    "etcd": ["lb1", "lb2", "cache1"],
}
TWO = GROUPS | {"postgres": ["db1", "db2"]}


@pytest.mark.parametrize("node", ["lb2", "app1", "db2", "db3"])
def test_a_host_that_others_stand_in_for_may_go(node):
    assert removal_faults(node, GROUPS, "db1") == []


@pytest.mark.parametrize(
    ("node", "groups", "words"),
    [
        ("", GROUPS, "which host is to be removed was not said: type NODE="),
        ("", GROUPS, "(or -e node=) and one of app1, app2, cache1"),
        ("web9", GROUPS, "web9 is no host of this inventory: type NODE= (or -e node=)"),
        ("cache1", GROUPS, "cache1 is the only host of redis: add another one"),
        ("db1", GROUPS, "db1 is the primary: let another host be it first, by make switchover"),
        ("db2", TWO, "db2 is one of the last two database hosts"),
    ],
)
def test_why_a_host_may_not_go(node, groups, words):
    (fault,) = removal_faults(node, groups, "db1")
    assert words in fault


def test_no_database_host_goes_while_nobody_knows_the_primary():
    (fault,) = removal_faults("db2", GROUPS, "")
    assert "no database host says that it is the primary, and db2 might be" in fault
    assert removal_faults("app1", GROUPS, "") == []


def test_all_reasons_are_said_at_once():
    assert len(removal_faults("db1", TWO, "db1")) == 2
    faults = removal_faults("one", {group: ["one"] for group in GROUPS}, "one")
    assert [fault.split(":")[0] for fault in faults] == [
        f"one is the only host of {tier}" for tier in ("app", "etcd", "loadbalancer", "postgres", "redis")
    ]
