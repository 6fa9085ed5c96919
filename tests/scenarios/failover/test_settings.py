"""Settings of a live cluster change under load. What a daemon refuses stops before it is touched, a run that dies
half-way is finished by the next one, and what needs a restart of PostgreSQL waits until that is asked for."""

import json
import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, states
from toolbox import eventually, name_of, sql

BOUND = Bound(failed=0)
# Bounds that the load does not reach before the last test.
PACE = Settings(reads_per_second=134, writes_per_second=6, seconds=4 * 3600, requests=10_000_000)

# By tier: what preflight can't know to be wrong, and the words in which the daemon, or its app, says so. For etcd,
# PgBouncer and keepalived there is nothing of the kind.
REFUSED = {
    "postgresql": ({"postgresql_parameters": {"work_mem": "4XB"}}, 'invalid value for parameter "work_mem"'),
    "redis": ({"redis_commands": ["+nonsense"]}, "Unknown command or category name"),
    "haproxy": ({"haproxy_session_timeout": "soon"}, "timeout client"),
    "app": ({"app_environment": {"SLOW_QUERY_SECONDS": "soon"}}, "SLOW_QUERY_SECONDS must be a number, not 'soon'"),
    "nginx": ({"nginx_body_size": "lots"}, "client_max_body_size"),
}
# One of each tier, so that every daemon restarts or reloads.
CHANGED = {
    "etcd_quota_mb": 600,
    "postgresql_role_settings": {"statement_timeout": "14s"},
    "postgresql_parameters": {"work_mem": "5MB"},
    "redis_maxclients": 4000,
    "haproxy_session_timeout": "5h",
    "pgbouncer_query_wait_timeout": 29,
    "app_environment": {"HSTS_SECONDS": 60, "SLOW_REQUEST_SECONDS": 2},
    "nginx_body_size": "3m",
    "keepalived_advert_interval": 0.4,
}
# Where the run is killed: a task, and so many seconds after it began.
KILLED_IN = [
    ("etcd : Configure the member", 0.5),
    ("etcd : Restart the member", 1),
    ("postgresql : Configure Patroni", 1),
    ("postgresql : Give every member a round to see what is new", 1),
    ("redis : Write the configuration", 1),
    ("haproxy : Write the configuration", 1),
    ("pgbouncer : Write the configuration", 1),
    ("app : Write the environments", 2),
    ("app : Restart what is older than its configuration", 3),
    ("nginx : Write the configuration", 1),
]
WAITING = {"postgresql_parameters": {"shared_buffers": "208MB"}}
PROCESSES = (
    "systemctl show --property=Id,MainPID "
    "nginx keepalived haproxy pgbouncer redis-server patroni etcd 'customers@*'; pgrep -o postgres"
)


def extra(settings):
    """As an option of ansible-playbook."""
    return "--extra-vars", json.dumps(settings)


@pytest.fixture(scope="module")
def processes(hosts):
    """All services' main processes, by host."""
    return lambda: {name_of(host): host.run(PROCESSES).stdout for host in hosts("cluster")}


@pytest.fixture(scope="module")
def load(visitors):
    """Visitors throughout."""
    with Probe(visitors, PACE) as probe:
        assert probe.answered(10)
        yield probe


@pytest.mark.parametrize("tag", REFUSED)
def test_what_a_daemon_refuses_stops_before_it_is_touched(tag, load, processes, site):
    settings, words = REFUSED[tag]
    before = processes()
    run = site("--tags", tag, *extra(settings), status=2)
    assert words in run.output
    assert run.changed == {}
    assert processes() == before


@pytest.fixture(scope="module")
def story(load, hosts, site, processes):
    """Ten runs that are killed, the one that finishes, and one more."""
    told = types.SimpleNamespace()
    for task, seconds in KILLED_IN:
        site.killed_in(task, *extra(CHANGED), after=seconds)
    told.finished = site(*extra(CHANGED))
    told.again = site(*extra(CHANGED))
    return told


def test_a_run_after_ten_that_were_killed_finishes_the_job(story):
    assert story.finished.changed
    assert story.again.changed == {}


def test_every_daemon_has_the_new_settings(story, hosts):
    for host in hosts("postgres"):
        assert sql(host, "SHOW work_mem") == ["5MB"]
    for host in hosts("app"):
        shown = host.check_output("cd / && psql -XAt -h /run/pgbouncer -p 6432 -U root pgbouncer -c 'SHOW CONFIG'")
        assert "query_wait_timeout|29|" in shown
        for number in (1, 2):
            pid = host.check_output(f"systemctl show --property=MainPID --value customers@{number}")
            assert "SLOW_REQUEST_SECONDS=2" in host.check_output("tr '\\0' '\\n' < /proc/%s/environ", pid)
    for host in hosts("redis"):
        # The limit of open files is what the process was started with.
        pid = host.check_output("systemctl show --property=MainPID --value redis-server")
        assert host.check_output("prlimit --pid %s --nofile --output SOFT --noheadings", pid).strip() == "5024"
    for host in hosts("etcd"):
        pid = host.check_output("systemctl show --property=MainPID --value etcd")
        assert f"ETCD_QUOTA_BACKEND_BYTES={600 * 2**20}" in host.check_output("tr '\\0' '\\n' < /proc/%s/environ", pid)


def test_what_needs_a_restart_of_postgresql_waits_until_that_is_asked_for(story, hosts, site, processes):
    settings = CHANGED | {"postgresql_parameters": CHANGED["postgresql_parameters"] | WAITING["postgresql_parameters"]}
    before, first = processes(), leader(hosts)
    run = site("--tags", "postgresql", *extra(settings))
    assert "settings wait for a restart of PostgreSQL" in run.output
    assert processes() == before
    site("--tags", "postgresql", *extra(settings), *extra({"postgresql_restart": True}))
    assert leader(hosts) != first
    for host in hosts("postgres"):
        assert sql(host, "SHOW shared_buffers") == ["208MB"]
    assert eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=60), states(hosts)
    assert site(*extra(settings)).changed == {}


def test_no_visitor_noticed(load):
    load.stop()
    assert record("settings change, ten runs are killed, PostgreSQL restarts", [load.report], BOUND), str(load.report)
