"""Sizes: expected numbers as literals, and properties that hold for every host."""

import budget
import pytest
import sizing
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

TIERS = ["postgres", "app", "redis", "etcd", "loadbalancer", "monitoring", "backup"]


@pytest.mark.parametrize(
    ("memory", "groups", "tier", "expected"),
    [
        # the lab's hosts
        (1024, ["postgres"], "postgres", 768),
        (1024, ["app"], "app", 768),
        (1024, ["redis", "etcd"], "redis", 496),
        (1024, ["redis", "etcd"], "etcd", 272),
        (1024, ["loadbalancer", "etcd"], "loadbalancer", 352),
        # everything on one host of 4 GB
        (4096, ["postgres", "app", "redis", "etcd", "loadbalancer"], "postgres", 1510),
        (4096, ["postgres", "app", "redis", "etcd", "loadbalancer"], "app", 1134),
        # a large database host
        (65536, ["postgres", "cluster", "all"], "postgres", 65280),
    ],
)
def test_a_tier_gets_its_part_of_the_host(memory, groups, tier, expected):
    assert sizing.tier_memory_mb(memory, groups, tier) == expected


@pytest.mark.parametrize("fact", [968, 991, 1000, 1023])
def test_memory_is_rounded_down_so_that_a_reboot_resizes_nothing(fact):
    assert sizing.tier_memory_mb(fact, ["postgres"], "postgres") == 704


@given(st.integers(1600, 2**20), st.sets(st.sampled_from(TIERS), min_size=1))
def test_the_parts_of_all_tiers_fit_the_host(memory, tiers):
    parts = [sizing.tier_memory_mb(memory, list(tiers), tier) for tier in tiers]
    assert sum(parts) <= memory - 256
    assert min(parts) >= 64


@given(st.integers(1536, 2**20), st.sampled_from(TIERS))
def test_another_tier_on_the_host_takes_memory_away(memory, tier):
    alone = sizing.tier_memory_mb(memory, [tier], tier)
    assert all(sizing.tier_memory_mb(memory, [tier, other], tier) < alone for other in TIERS if other != tier)


def test_a_host_that_is_too_small_is_refused_with_the_numbers():
    with pytest.raises(
        AnsibleFilterError, match=r"has 512 MB and needs 768 MB \(system 256 \+ etcd 128 \+ postgres 384"
    ):
        sizing.tier_memory_mb(512, ["etcd", "postgres"], "postgres")


def test_a_tier_that_is_not_on_the_host_is_refused():
    with pytest.raises(AnsibleFilterError, match=r"'redis' is not a tier of this host, which has app"):
        sizing.tier_memory_mb(1024, ["app"], "redis")


@pytest.mark.parametrize(("memory", "complaint"), [("a lot", "whole number, not 'a lot'"), (0, "at least 1, not 0")])
def test_memory_that_is_no_number_is_refused(memory, complaint):
    with pytest.raises(AnsibleFilterError, match=f"host_memory_mb must be .*{complaint}"):
        sizing.tier_memory_mb(memory, ["app"], "app")


@pytest.mark.parametrize(
    ("memory", "shared_buffers", "cache", "work_mem", "maintenance"),
    [
        (768, 192, 576, 4, 48),
        (704, 176, 528, 4, 32),
        (1792, 448, 1344, 8, 112),
        (65280, 16320, 48960, 64, 1024),
    ],
)
def test_postgresql(memory, shared_buffers, cache, work_mem, maintenance):
    assert sizing.shared_buffers_mb(memory) == shared_buffers
    assert sizing.effective_cache_size_mb(memory) == cache
    assert sizing.work_mem_mb(memory, 100) == work_mem
    assert sizing.maintenance_work_mem_mb(memory) == maintenance


@pytest.mark.parametrize(("memory", "expected"), [(496, 288), (768, 448), (16128, 9664), (64, 32)])
def test_redis(memory, expected):
    assert sizing.redis_maxmemory_mb(memory) == expected


@pytest.mark.parametrize(
    ("cpus", "instances", "memory", "expected"),
    [
        (1, 2, 768, 1),
        (1, 1, 768, 1),
        (2, 2, 768, 1),
        (3, 2, 768, 2),
        (4, 2, 4096, 2),
        (8, 2, 8192, 4),
        (8, 2, 768, 2),  # memory, not processors, is the limit
    ],
)
def test_gunicorn_workers(cpus, instances, memory, expected):
    assert sizing.gunicorn_workers(cpus, instances, memory) == expected


@given(st.integers(1, 128), st.integers(1, 8), st.integers(1280, 2**17))
def test_gunicorn_fits_its_memory(cpus, instances, memory):
    workers = sizing.gunicorn_workers(cpus, instances, memory)
    assert workers >= 1
    assert instances * (40 + workers * 120) <= memory


def test_too_little_memory_for_gunicorn_is_refused_with_the_numbers():
    with pytest.raises(
        AnsibleFilterError, match=r"2 instances need 320 MB \(each 40 \+ 120 per worker\) .* has 300 MB"
    ):
        sizing.gunicorn_workers(1, 2, 300)


@pytest.mark.parametrize(
    ("max_connections", "hosts", "apps", "expected"),
    [
        (100, 2, 1, {"rw": 20, "ro": 20}),
        (100, 3, 1, {"rw": 13, "ro": 13}),
        (100, 2, 2, {"rw": 10, "ro": 10}),
        (100, 1, 1, {"rw": 40, "ro": 40}),
        (200, 4, 1, {"rw": 23, "ro": 22}),
        (100, ["app1", "app2"], [{"name": "shop"}], {"rw": 20, "ro": 20}),
    ],
)
def test_pools(max_connections, hosts, apps, expected):
    assert budget.pgbouncer_pool_sizes(max_connections, hosts, apps) == expected


@given(st.integers(40, 5000), st.integers(1, 15), st.integers(1, 3))
def test_all_pools_and_the_reserve_fit_one_primary(max_connections, hosts, apps):
    try:
        pools = budget.pgbouncer_pool_sizes(max_connections, hosts, apps)
    except AnsibleFilterError:
        assert 20 + hosts * apps * 4 > max_connections
    else:
        assert min(pools.values()) >= 2
        assert hosts * apps * (pools["rw"] + pools["ro"]) + 20 <= max_connections


def test_a_budget_that_does_not_fit_shows_the_arithmetic():
    with pytest.raises(AnsibleFilterError) as error:
        budget.pgbouncer_pool_sizes(50, 4, 2)
    assert str(error.value) == (
        "max_connections 50 - 20 reserved (superuser 3, patroni 4, migrations 6, monitoring 4, backup 3) = 30 for "
        "4 app hosts x 2 apps x 4 connections = 32: raise cluster_max_connections to 52 or more"
    )


@pytest.mark.parametrize("value", [0, "many", []])
def test_a_count_that_is_none_is_refused(value):
    with pytest.raises(AnsibleFilterError, match="app hosts must be"):
        budget.pgbouncer_pool_sizes(100, value, 1)


@pytest.mark.parametrize(
    ("processes", "clients", "expected"), [(2, 1000, 10), (200, 1000, 2), (50, 1000, 10), (3, 10, 1)]
)
def test_pool_of_one_process(processes, clients, expected):
    assert budget.app_pool_max(processes, clients) == expected


def test_the_processes_of_a_lab_host_can_fill_the_pool_that_they_share():
    """Else requests wait within a process while PgBouncer and PostgreSQL have nothing to do."""
    pools = budget.pgbouncer_pool_sizes(100, 2, 1)
    assert 2 * budget.app_pool_max(2) >= pools["rw"]


def test_more_processes_than_pgbouncer_has_clients_are_refused():
    with pytest.raises(
        AnsibleFilterError, match="600 processes x 2 aliases = 1200 connections, PgBouncer accepts 1000"
    ):
        budget.app_pool_max(600)
