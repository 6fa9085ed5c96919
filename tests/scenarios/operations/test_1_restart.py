"""Each tier restarts, and then each host reboots, one after the other, under load."""

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, states
from toolbox import eventually, name_of

# What is under way on a connection to the shared address when that moves has to be asked again: at most one request of
# each of twenty visitors, for each load balancer.
MOVES = 40
PACE = Settings(reads_per_second=120, writes_per_second=10)
UNITS = {
    "etcd": "etcd",
    "redis": "redis-server",
    "postgres": "patroni",
    "app": "haproxy pgbouncer 'customers@*.service'",
    "loadbalancer": "nginx keepalived",
}


@pytest.fixture(scope="module")
def processes(hosts):
    """Main processes of a tier, by host."""

    def ask(tier):
        command = f"systemctl show --property=MainPID --value {UNITS[tier]}"
        return {name_of(host): host.check_output(command).split() for host in hosts(tier)}

    return ask


def is_well(hosts):
    """Whether there is one primary and all others stream."""
    return leader(hosts) and states(hosts) == ["running", "streaming", "streaming"]


@pytest.mark.parametrize("tier", UNITS)
def test_a_tier_restarts_and_nobody_notices(tier, hosts, visitors, verb, processes):
    before = {name: processes(name) for name in UNITS}
    with Probe(visitors, PACE) as probe:
        assert probe.answered(5)
        verb("restart")("-e", f"tier={tier}")
        assert probe.answered(5)
    for name, was in before.items():
        now = processes(name)
        if name == tier:
            assert all(not set(now[host]) & set(pids) for host, pids in was.items()), (was, now)
        else:
            assert now == was
    assert is_well(hosts)
    bound = Bound(failed=MOVES if tier == "loadbalancer" else 0, gap_s=3)
    assert record(f"{tier} restarts, host by host", [probe.report], bound), str(probe.report)


def test_all_hosts_reboot_and_nobody_notices(lab, hosts, visitors, verb):
    boot = "systemctl show --property=UserspaceTimestamp"
    before = {name_of(host): host.check_output(boot) for host in hosts("cluster")}
    with lab.rebooting(), Probe(visitors, PACE) as probe:
        assert probe.answered(5)
        verb("reboot")()
        assert probe.answered(5)
    after = {name_of(host): host.check_output(boot) for host in hosts("cluster")}
    assert all(after[name] != was for name, was in before.items())
    assert eventually(lambda: is_well(hosts), seconds=60)
    bound = Bound(failed=MOVES, gap_s=5)
    assert record("all hosts reboot, one by one", [probe.report], bound), str(probe.report)


def test_a_tier_that_is_none_is_refused(verb):
    run = verb("restart")("-e", "tier=web", status=2)
    assert "tier=web is no group of" in run.output
    assert "app, etcd, loadbalancer, postgres, redis" in run.output


def test_a_turn_that_would_be_nobody_s_is_refused(verb):
    run = verb("restart")("-e", "tier=redis", "--limit", "app1", status=2)
    assert "None of app1 is of tier redis, whose hosts are cache1" in run.output


def test_what_a_run_that_died_has_stopped_serves_before_another_host_leaves(verb, hosts):
    restart, host = verb("restart"), hosts("app")[-1]
    restart.killed_in("Restart the services", "-e", "tier=app", "--limit", name_of(host))
    assert not host.service("customers@1").is_running
    restart("-e", "tier=app")
    assert all(each.service(f"customers@{number}").is_running for each in hosts("app") for number in (1, 2))


def test_a_replica_stays_where_no_other_one_streams(verb, hosts):
    away, stays = (host for host in hosts("postgres") if name_of(host) != leader(hosts))
    away.check_output("systemctl stop patroni")
    try:
        for name, *options in (("restart", "--limit", name_of(stays)), ("remove_node", "-e", f"node={name_of(stays)}")):
            run = verb(name)(*options, status=2)
            assert f"{name_of(stays)} stays where it is, since no other replica streams" in " ".join(run.output.split())
            assert not [each for each in hosts("etcd") if each.file("/etc/pergola/verb.lock").exists]
    finally:
        away.check_output("systemctl start patroni")
    assert eventually(lambda: is_well(hosts), seconds=60)


def test_two_at_once_are_refused_and_nobody_waits_for_the_dead(verb, hosts, processes):
    lock = "/etc/pergola/verb.lock"
    restart, holder = verb("restart"), hosts("etcd")[0]
    restart.killed_in("See whether whoever has it is dead", "-e", "tier=redis")
    assert holder.file(lock).exists
    restart("-e", "tier=redis")
    assert not holder.file(lock).exists

    elsewhere = '{"run": "1", "by": "ann@elsewhere", "verb": "reboot", "since": "2026-01-01T00:00:00Z"}'
    holder.check_output(f"echo '{elsewhere}' > {lock}")
    before = processes("redis")
    for limit in ("all", "app1"):
        refused = restart("--limit", limit, status=2)
        assert "ann@elsewhere has been busy with reboot since 2026-01-01T00:00:00Z" in " ".join(refused.output.split())
        assert not hosts("etcd")[1].file(lock).exists
    assert processes("redis") == before
    restart("-e", "tier=redis", "-e", "unlock=true")
    assert processes("redis") != before
    assert not holder.file(lock).exists


def test_site_yml_does_not_begin_beside_a_verb(site, hosts, processes):
    lock, before = "/etc/pergola/verb.lock", processes("app")
    elsewhere = '{"run": "1", "by": "ann@elsewhere", "verb": "reboot", "since": "2026-01-01T00:00:00Z"}'
    try:
        for holder in hosts("etcd"):
            holder.check_output(f"echo '{elsewhere}' > {lock}")
        refused = site("--tags", "app", "-e", "app_workers=3", status=2)
        assert "ann@elsewhere has been busy with reboot since 2026-01-01T00:00:00Z: wait for" in refused.output
        assert refused.output.count("fatal: ") == 1
        assert refused.changed == {}
        assert site("--check", "--tags", "app").changed == {}
        site("--tags", "etcd", "-e", "unlock=true")
        assert not [each for each in hosts("etcd") if each.file(lock).exists]
        assert processes("app") == before
    finally:
        for holder in hosts("etcd"):
            holder.check_output(f"rm -f {lock}")


def test_no_release_changes_while_hosts_leave_service(verb, hosts, processes):
    verb_lock, deploy_lock = "/etc/pergola/verb.lock", "/opt/customers/deploy.lock"
    elsewhere = '{"run": "1", "by": "ann@elsewhere", "verb": "%s", "since": "2026-01-01T00:00:00Z"}'
    before = processes("redis"), processes("app")
    for holder, lock, other, refused in (
        (hosts("etcd")[0], verb_lock, "reboot", "deploy"),
        (hosts("etcd")[0], verb_lock, "reboot", "rollback"),
        (hosts("app")[-1], deploy_lock, "deploy", "restart"),
    ):
        holder.check_output(f"echo '{elsewhere % other}' > {lock}")
        run = verb(refused)(status=2)
        assert f"ann@elsewhere has been busy with {other} since 2026-01-01" in " ".join(run.output.split())
        holder.check_output(f"rm {lock}")
        assert not [each for each in hosts("etcd") if each.file(verb_lock).exists]
        assert not [each for each in hosts("app") if each.file(deploy_lock).exists]
    assert (processes("redis"), processes("app")) == before
