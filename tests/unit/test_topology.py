"""Who talks to whom."""

import pytest
import topology
from ansible.errors import AnsibleFilterError

APPS = [{"name": "shop"}]
SECRETS = {"shop": {"database_password": "run", "database_owner_password": "own", "redis_password": "cache"}}


def test_addresses_are_sorted_by_name():
    hostvars = {"db2": {"host_address": "10.0.0.2"}, "db1": {"host_address": "10.0.0.1"}}
    addresses = topology.host_addresses(["db2", "db1"], hostvars)
    assert list(addresses.items()) == [("db1", "10.0.0.1"), ("db2", "10.0.0.2")]


def test_hosts_without_an_address_are_named():
    with pytest.raises(AnsibleFilterError, match="host_address is not set for db1, db2"):
        topology.host_addresses(["db2", "db1"], {"db1": {}, "db2": {"host_address": ""}})


def test_several_databases_are_reached_through_a_router():
    assert topology.database_route(["db1", "db2"], "example") == {
        "router": "127.0.0.2",
        "aliases": {"127.0.0.2": ["postgresql.example"]},
        "host": "postgresql.example",
        "rw_port": 5000,
        "ro_port": 5001,
    }


def test_the_only_database_is_reached_by_its_own_name():
    route = {"router": "", "aliases": {}, "host": "db1", "rw_port": 5432, "ro_port": 5432}
    assert topology.database_route(["db1"], "example") == route


INTERFACES = [
    {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
    {"ifname": "ens3", "addr_info": [{"local": "10.0.1.5", "prefixlen": 24}, {"local": "10.0.0.5", "prefixlen": 23}]},
]


def test_a_virtual_address_joins_the_interface_of_its_network():
    assert topology.interface_of(INTERFACES, "10.0.0.5", "10.0.1.250") == "ens3"


@pytest.mark.parametrize(
    ("address", "virtual", "complaint"),
    [
        ("10.0.1.5", "10.0.2.250", r"10.0.2.250 is not in 10.0.1.0/24, the network of 10.0.1.5: take a free address"),
        ("192.0.2.1", "192.0.2.9", r"no interface has host_address 192.0.2.1: set keepalived_interface"),
    ],
)
def test_a_virtual_address_without_an_interface(address, virtual, complaint):
    with pytest.raises(AnsibleFilterError, match=complaint):
        topology.interface_of(INTERFACES, address, virtual)


def test_databases():
    expected = {"name": "shop", "password": "run", "owner": "shop_owner", "owner_password": "own"}
    assert topology.app_databases(APPS, SECRETS) == [expected]


def test_cache_users():
    user = {"name": "shop", "password": "cache", "password_before": "", "prefix": "shop:"}
    assert topology.app_cache_users(APPS, SECRETS) == [user]


def test_redis_takes_the_password_before_until_a_rotation_is_settled():
    rotating = {"shop": {**SECRETS["shop"], "redis_password_before": "old"}}
    [user] = topology.app_cache_users(APPS, rotating)
    assert (user["password"], user["password_before"]) == ("cache", "old")
    [user] = topology.app_cache_users(APPS, rotating, settled=True)
    assert (user["password"], user["password_before"]) == ("cache", "")


@pytest.mark.parametrize("function", [topology.app_databases, topology.app_cache_users])
def test_an_app_without_secrets_is_named_with_what_to_type(function):
    with pytest.raises(AnsibleFilterError, match="nothing for the app forum: run make secrets"):
        function([{"name": "forum"}], SECRETS)


def test_what_a_host_runs_follows_from_its_tiers_and_the_topology():
    assert topology.tier_services(["cluster", "loadbalancer", "etcd"], True, True) == ["etcd", "nginx", "keepalived"]
    assert topology.tier_services(["app", "loadbalancer", "postgres", "redis", "etcd"], False, False) == [
        "etcd", "patroni", "redis-server", "pgbouncer", "nginx",
    ]  # fmt: skip
    assert topology.tier_services(["app"], True, False) == ["haproxy", "pgbouncer"]
