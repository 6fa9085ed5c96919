"""`make status`: what it calls wrong, what it says to type, and what one screen shows."""

import copy
import re
from pathlib import Path

import pytest
from host_status import SANDBOX as ASKED
from host_status import upstream
from status.__main__ import assemble
from status.findings import findings
from status.screen import render

SANDBOX = {"NoNewPrivileges": True, "ProtectSystem": True, "PrivateTmp": True}
SERVERS = ("app1:8001", "app1:8002", "app2:8001", "app2:8002")


def unit(state="active"):
    return {"state": state, "enabled": True, "pid": 100, "sandbox": dict(SANDBOX)}


def host(address, tiers, **status):
    system = {
        "failed_units": [],
        "disks": {"/": {"free_mb": 20000, "used_percent": 40}},
        "certificates": {"/etc/pergola/tls/services-ca.crt": 3649},
        "secrets": {},
    }
    return {
        "address": address,
        "tiers": ["cluster", *tiers],
        "unreachable": False,
        "message": "",
        "status": {"system": system, **status},
    }


def balancer():
    return {
        "units": {"nginx.service": unit()},
        "upstreams": {"customers": dict.fromkeys(SERVERS, "ok")},
        "front": {"customers": "ok"},
        "static": {"customers": "1a2b3c4-9f8e7d6c"},
    }


def member(leader=False):
    return {
        "units": {"etcd.service": unit()},
        "version": "3.5.16",
        "leader": True,
        "is_leader": leader,
        "size_mb": 0.2,
        "learner": False,
        "healthy": True,
        "reason": "",
    }


def rule(kind, database, user, address, method, netmask="255.255.255.255", line=1):
    return {
        "line": line,
        "type": kind,
        "database": database,
        "user": user,
        "address": address,
        "netmask": netmask if address else None,
        "method": method,
        "error": None,
    }


def database(**state):
    return {
        "units": {"patroni.service": unit()},
        "cluster": {"members": {"db3": {"name": "db3", "role": "replica", "state": "starting"}}, "paused": False},
        "role": "replica",
        "replay_paused": False,
        "receiver": "streaming",
        "timeline": 3,
        "max_connections": 100,
        "connections": 7,
        "pending_restart": "",
        "rules": [
            rule("local", "all", "postgres", None, "peer"),
            rule("hostssl", "replication", "replicator", "10.9.8.31", "scram-sha-256", line=2),
            rule("hostssl", "customers", "customers,customers_owner", "10.9.8.21", "scram-sha-256", line=3),
        ],
        **state,
    }


def sharer(holds=False):
    return {"units": {"keepalived.service": unit()}, "holds": holds, "stands_aside": False}


def application():
    instance = {"release": "1a2b3c4-9f8e7d6c", "socket": "active", "service": "active"}
    return {
        "apps": {
            "customers": {
                "live": "1a2b3c4-9f8e7d6c",
                "units": {"customers@1.socket": unit(), "customers@1.service": unit()},
                "instances": {"1": {"port": 8001, **instance}, "2": {"port": 8002, **instance}},
            }
        }
    }


def pgbouncer():
    pool = {"mode": "transaction", "paused": False, "active": 2, "waiting": 0, "max_wait_s": 0}
    return {
        "units": {"pgbouncer.service": unit()},
        "pools": {"customers": {"size": 20, **pool}, "customers_ro": {"size": 20, **pool}},
    }


def haproxy():
    return {
        "units": {"haproxy.service": unit()},
        "backends": {
            "primary": {"db1": "DOWN", "db2": "UP", "db3": "DOWN"},
            "replicas": {"db1": "UP", "db2": "DOWN", "db3": "UP"},
        },
    }


def app_host(address):
    return host(address, ["app"], app=application(), haproxy=haproxy(), pgbouncer=pgbouncer())


@pytest.fixture
def report():
    """The lab on a good day; db2 is primary."""
    replica = {"state": "streaming", "sync": "async", "lag": 0}
    redis = {"units": {"redis-server.service": unit()}, "memory_mb": 12, "plain": ""}
    return copy.deepcopy(
        {
            "cluster": "pergola",
            "inventory": "inventories/lab",
            "time": "2030-01-01 12:00 UTC",
            "apps": [{"name": "customers", "port": 8000}],
            "instances": 2,
            "virtual_address": "10.9.8.10",
            "front_door": {"url": "https://localhost:8443", "answer": "ok"},
            "hosts": {
                "lb1": host(
                    "10.9.8.11",
                    ["loadbalancer", "etcd"],
                    loadbalancer=balancer(),
                    keepalived=sharer(holds=True),
                    etcd=member(leader=True),
                ),
                "lb2": host(
                    "10.9.8.12",
                    ["loadbalancer", "etcd"],
                    loadbalancer=balancer(),
                    keepalived=sharer(),
                    etcd=member(),
                ),
                "app1": app_host("10.9.8.21"),
                "app2": app_host("10.9.8.22"),
                "db1": host("10.9.8.31", ["postgres"], postgres=database()),
                "db2": host(
                    "10.9.8.32",
                    ["postgres"],
                    postgres=database(role="primary", replicas={"db1": {**replica, "sync": "sync"}, "db3": replica}),
                ),
                "db3": host("10.9.8.33", ["postgres"], postgres=database()),
                "cache1": host(
                    "10.9.8.41",
                    ["redis", "etcd"],
                    redis={**redis, "anonymous": "-NOAUTH Authentication required."},
                    etcd=member(),
                ),
            },
        }
    )


def at(report, path):
    """The dictionary that holds the last key of a path such as db1/postgres/role, and that key."""
    name, *keys, last = path.split("|")
    place = report["hosts"][name]["status"]
    for key in keys:
        place = place[key]
    return place, last


def said(report):
    """(host, what) of each finding."""
    return [(finding.host, finding.what) for finding in findings(report)]


def unreachable(report, *names):
    for name in names:
        report["hosts"][name].update(unreachable=True, status={}, message="Connection timed out")


def test_nothing_is_wrong_on_a_good_day(report):
    assert findings(report) == []


# What is changed in the report of a good day, and the one line that must come of it.
BROKEN = {
    "virtual address with nobody": ({"lb1|keepalived|holds": False}, ("loadbalancer", "nobody holds 10.9.8.10")),
    "virtual address twice": (
        {"lb2|keepalived|holds": True},
        ("loadbalancer", "lb1, lb2 hold 10.9.8.10 at once: they do not hear each other (IP protocol 112)"),
    ),
    "balancer that stands aside": ({"lb2|keepalived|stands_aside": True}, ("lb2", "stands aside from 10.9.8.10")),
    "replica not streaming": (
        {"db2|postgres|replicas": {"db1": {"state": "streaming", "sync": "sync", "lag": 0}}},
        ("db3", "the replica does not stream: starting"),
    ),
    "replica catching up": (
        {"db2|postgres|replicas|db3|state": "catchup"},
        ("db3", "the replica does not stream: catchup"),
    ),
    "replica being made": (
        {
            "db3|postgres": {"units": {"patroni.service": unit()}, "error": "No such file or directory"},
            "db2|postgres|replicas": {"db1": {"state": "streaming", "sync": "sync", "lag": 0}},
        },
        ("db3", "the replica does not stream: starting"),
    ),
    "lagging replica": ({"db2|postgres|replicas|db3|lag": 40 * 2**20}, ("db3", "the replica is 40 MB behind")),
    "replay paused": ({"db1|postgres|replay_paused": True}, ("db1", "replay is paused: the replica shows old data")),
    "nobody synchronous": (
        {"db2|postgres|replicas|db1|sync": "async"},
        ("postgres", "no replica is synchronous: a failover may lose writes"),
    ),
    "no primary": ({"db2|postgres|role": "replica"}, ("postgres", "nobody is primary: every write fails")),
    "two primaries": ({"db1|postgres|role": "primary"}, ("postgres", "2 primaries: db1, db2")),
    "paused": ({"db1|postgres|cluster|paused": True}, ("postgres", "Patroni is paused: nobody takes over")),
    "restart pending": (
        {"db1|postgres|pending_restart": "max_connections"},
        ("db1", "PostgreSQL needs a restart for max_connections"),
    ),
    "connections run out": ({"db2|postgres|connections": 95}, ("db2", "95 of 100 connections are taken")),
    "pg_hba for the world": (
        {"db1|postgres|rules": [rule("host", "all", "all", "0.0.0.0", "trust", netmask="0.0.0.0", line=9)]},
        ("db1", "pg_hba is too wide in line 9: host all all 0.0.0.0 0.0.0.0 trust"),
    ),
    "pg_hba for a stranger": (
        {"db1|postgres|rules": [rule("hostssl", "customers", "customers", "10.9.8.99", "scram-sha-256")]},
        ("db1", "pg_hba is too wide in line 1: hostssl customers customers 10.9.8.99 255.255.255.255 scram-sha-256"),
    ),
    "pg_hba without TLS": (
        {"db1|postgres|rules": [rule("host", "customers", "customers", "10.9.8.21", "scram-sha-256")]},
        ("db1", "pg_hba is too wide in line 1: host customers customers 10.9.8.21 255.255.255.255 scram-sha-256"),
    ),
    "pg_hba by keyword": (
        {"db1|postgres|rules": [rule("hostssl", "customers", "customers", "samenet", "scram-sha-256", netmask=None)]},
        ("db1", "pg_hba is too wide in line 1: hostssl customers customers samenet scram-sha-256"),
    ),
    "pg_hba trusts sockets": (
        {"db1|postgres|rules": [rule("local", "all", "all", None, "trust")]},
        ("db1", "pg_hba is too wide in line 1: local all all trust"),
    ),
    "Redis open": (
        {"cache1|redis|anonymous": "+PONG"},
        ("cache1", "Redis asks strangers for no password: PING is answered by +PONG"),
    ),
    "Redis without TLS": ({"cache1|redis|plain": "-NOAUTH"}, ("cache1", "Redis speaks without TLS")),
    "session mode": (
        {"app1|pgbouncer|pools|customers_ro|mode": "session"},
        ("app1", "PgBouncer pools customers_ro by session, not transaction"),
    ),
    "pool paused": (
        {"app1|pgbouncer|pools|customers|paused": True},
        ("app1", "PgBouncer holds back customers: it is paused or disabled"),
    ),
    "pool exhausted": (
        {"app1|pgbouncer|pools|customers|waiting": 8, "app1|pgbouncer|pools|customers|max_wait_s": 5},
        ("app1", "8 waiting for a connection to customers, the first for 5 s"),
    ),
    "HAProxy without a replica": (
        {"app2|haproxy|backends|replicas|db3": "MAINT"},
        ("app2", "HAProxy sends no reads to db3"),
    ),
    "not enabled": (
        {"lb1|loadbalancer|units|nginx.service|enabled": False},
        ("lb1", "nginx.service would not start at boot"),
    ),
    "HAProxy lost": (
        {"app2|haproxy|backends|primary|db2": "DOWN"},
        ("app2", "HAProxy takes nobody for the primary"),
    ),
    "instance stopped": (
        {"app1|app|apps|customers|instances|2|socket": "inactive"},
        ("app1", "customers@2 does not listen: its socket is inactive"),
    ),
    "instance failed": (
        {"app1|app|apps|customers|instances|2|service": "failed"},
        ("app1", "customers@2 has failed"),
    ),
    "instance not ready": (
        {
            "lb1|loadbalancer|upstreams|customers|app2:8001": "503 database: refused",
            "lb2|loadbalancer|upstreams|customers|app2:8001": "503 database: refused",
        },
        ("app2", "customers@1 is not ready: 503 database: refused"),
    ),
    "instance degraded": (
        {
            "lb1|loadbalancer|upstreams|customers|app2:8001": "degraded, cache: timed out",
            "lb2|loadbalancer|upstreams|customers|app2:8001": "degraded, cache: timed out",
        },
        ("app2", "customers@1 is degraded, cache: timed out"),
    ),
    "all instances degraded": (
        {
            f"{name}|loadbalancer|upstreams|customers": dict.fromkeys(SERVERS, "degraded, cache: timed out")
            for name in ("lb1", "lb2")
        },
        ("app", "every instance of customers is degraded, cache: timed out"),
    ),
    "one balancer can't reach an instance": (
        {"lb1|loadbalancer|upstreams|customers|app2:8001": "timed out"},
        ("lb1", "cannot use app2:8001: timed out"),
    ),
    "nginx points at one instance": (
        {"lb1|loadbalancer|upstreams|customers": {"app1:8001": "ok"}},
        ("lb1", "nginx uses 1 of 4 instances of customers, not app1:8002, app2:8001, app2:8002"),
    ),
    "nginx passes nothing on": (
        {"lb2|loadbalancer|front|customers": "502 Bad Gateway"},
        ("lb2", "nginx does not pass on /healthz of customers: 502 Bad Gateway"),
    ),
    "app missing": ({"app1|app|apps|customers|live": ""}, ("app1", "customers has no release")),
    "releases differ": (
        {"app2|app|apps|customers|instances|1|release": "ffffff0-00000000"},
        (
            "app",
            "customers runs 2 releases: 1a2b3c4-9f8e7d6c on app1/1, app1/2, app2/2; ffffff0-00000000 on app2/1",
        ),
    ),
    "etcd without space": (
        {"lb2|etcd|healthy": False, "lb2|etcd|reason": "ALARM NOSPACE"},
        ("lb2", "etcd is not healthy: ALARM NOSPACE"),
    ),
    "etcd down": (
        {"lb2|etcd": {"units": {"etcd.service": unit("inactive")}, "error": "Connection refused"}},
        ("lb2", "etcd.service is inactive"),
    ),
    "unit failed": ({"db3|system|failed_units": ["logrotate.service"]}, ("db3", "logrotate.service has failed")),
    "tier mute": ({"cache1|redis": {"error": "timed out"}}, ("cache1", "redis cannot be asked: timed out")),
    "sandbox removed": (
        {"app1|app|apps|customers|units|customers@1.service|sandbox|ProtectSystem": False},
        ("app1", "customers@1.service runs without ProtectSystem"),
    ),
    "whole sandbox removed": (
        {"db1|postgres|units|patroni.service|sandbox": dict.fromkeys("ABCDE", False)},
        ("db1", "patroni.service runs without A, B, C and 2 more"),
    ),
    "certificate expiring": (
        {"app1|system|certificates": {"/etc/pergola/tls/customers.crt": 9}},
        ("app1", "/etc/pergola/tls/customers.crt expires in 9 days"),
    ),
    "certificate expired": (
        {"app1|system|certificates": {"/etc/pergola/tls/customers.crt": -2}},
        ("app1", "/etc/pergola/tls/customers.crt expired 2 days ago"),
    ),
    "verb unfinished": (
        {
            "lb1|system|verb": {
                "verb": "remove-node",
                "by": "ann@desk",
                "since": "2030-01-01T11:00:00Z",
                "options": "-e node=db2",
            },
            "cache1|system|verb": {"verb": "remove-node", "by": "ann@desk", "since": "2030-01-01T11:00:00Z"},
        },
        ("lb1, cache1", "the remove-node by ann@desk, since 2030-01-01T11:00:00Z, is not finished"),
    ),
    "verb of a lock that cannot be read": (
        {"lb1|system|verb": {"run": "unknown"}},
        ("lb1", "the verb by ?, since ?, is not finished"),
    ),
    "deploy unfinished": (
        {
            "app1|app|apps|customers|lock": {
                "verb": "deploy",
                "release": "ffffff0-00000000",
                "by": "ann@desk",
                "since": "2030-01-01T11:00:00Z",
            },
            "app1|app|apps|customers|instances|1|release": "ffffff0-00000000",
            "lb1|loadbalancer|static|customers": "ffffff0-00000000",
        },
        (
            "app1",
            "the deploy of customers to ffffff0-00000000 by ann@desk, since 2030-01-01T11:00:00Z, is not finished",
        ),
    ),
    "maintenance": (
        {
            "lb1|loadbalancer|maintenance": {"customers": "since 2030-01-01 11:00 UTC"},
            "lb1|loadbalancer|front|customers": "503 Maintenance",
        },
        ("loadbalancer", "customers is in maintenance on lb1: since 2030-01-01 11:00 UTC"),
    ),
    "old static files": (
        {"lb1|loadbalancer|static|customers": "ffffff0-00000000"},
        ("lb1", "static files of customers are those of ffffff0-00000000"),
    ),
    "key readable": (
        {"db1|system|secrets": {"/etc/pergola/tls/patroni.key": {"mode": "0640", "owner": "postgres", "group": "x"}}},
        ("db1", "/etc/pergola/tls/patroni.key is open to others: mode 0640, postgres:x"),
    ),
    "secret readable": (
        {"app1|system|secrets": {"/etc/customers/app.env": {"mode": "0644", "owner": "root", "group": "customers"}}},
        ("app1", "/etc/customers/app.env is open to others: mode 0644, root:customers"),
    ),
    "disk full": (
        {"db1|system|disks": {"/": {"free_mb": 100, "used_percent": 97}}},
        ("db1", "/ is 97 % full, 100 MB are free"),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_broken_thing_is_named_once(report, name):
    changes, expected = BROKEN[name]
    for path, value in changes.items():
        place, key = at(report, path)
        place[key] = value
    assert said(report) == [expected]


def test_a_group_readable_secret_of_its_own_group_is_fine(report):
    report["hosts"]["app1"]["status"]["system"]["secrets"] = {
        "/etc/customers/app.env": {"mode": "0640", "owner": "root", "group": "customers"}
    }
    assert findings(report) == []


def test_a_rejecting_rule_may_be_wide(report):
    place, key = at(report, "db1|postgres|rules")
    place[key].append(rule("host", "all", "all", "0.0.0.0", "reject", netmask="0.0.0.0"))
    assert findings(report) == []


def test_an_unreachable_replica_is_named_once_and_without_its_consequences(report):
    unreachable(report, "db3")
    report["hosts"]["db2"]["status"]["postgres"]["replicas"].pop("db3")
    assert said(report) == [("db3", "cannot be reached over ssh")]


def test_an_unreachable_app_host_is_named_once(report):
    unreachable(report, "app2")
    for name in ("lb1", "lb2"):
        servers = report["hosts"][name]["status"]["loadbalancer"]["upstreams"]["customers"]
        servers.update({"app2:8001": "timed out", "app2:8002": "timed out"})
    assert said(report) == [("app2", "cannot be reached over ssh")]


def test_etcd_without_quorum(report):
    unreachable(report, "lb2", "cache1")
    assert ("etcd", "no quorum: 1 of 3 members are healthy, so PostgreSQL cannot fail over") in said(report)


def test_the_front_door_as_seen_from_here(report):
    report["front_door"]["answer"] = "Connection refused"
    assert said(report) == [("here", "https://localhost:8443 does not answer: Connection refused")]


def test_a_host_where_the_module_broke(report):
    report["hosts"]["db3"].update(status={}, message="sudo: a password is required")
    assert ("db3", "could not be looked at: sudo: a password is required") in said(report)


def test_upstreams_by_address_count_as_by_name(report):
    servers = {"10.9.8.21:8001": "ok", "10.9.8.21:8002": "ok", "10.9.8.22:8001": "ok", "10.9.8.22:8002": "ok"}
    report["hosts"]["lb1"]["status"]["loadbalancer"]["upstreams"]["customers"] = servers
    assert findings(report) == []


def test_commands_work_as_typed_for_the_default_inventory(report):
    report["hosts"]["cache1"]["status"]["redis"]["anonymous"] = "+PONG"
    assert findings(report)[0].command == ".venv/bin/ansible-playbook site.yml --limit cache1"


def test_commands_name_any_other_inventory(report):
    report["inventory"] = "inventories/production"
    report["hosts"]["cache1"]["status"]["redis"]["anonymous"] = "+PONG"
    expected = ".venv/bin/ansible-playbook -i inventories/production site.yml --limit cache1"
    assert findings(report)[0].command == expected


def test_the_screen_of_a_good_day(report):
    assert (
        render(report, [])
        == """\
pergola: 8 of 8 hosts answer (inventories/lab, 2030-01-01 12:00 UTC)
Front door    https://localhost:8443  ok
  lb1         customers: 4 of 4 instances ready, holds 10.9.8.10
  lb2         customers: 4 of 4 instances ready
Application   customers, release 1a2b3c4-9f8e7d6c
  app1        instances 1 ok, 2 ok   pool rw 2/20, ro 2/20
  app2        instances 1 ok, 2 ok   pool rw 2/20, ro 2/20
Database      primary db2
  db1         replica   streaming, sync, lag 0 B
  db2         primary   timeline 3, 7 of 100 connections
  db3         replica   streaming, lag 0 B
Cache         cache1 up, 12 MB, refuses strangers
Consensus     3 of 3 members healthy, leader lb1, 0.2 MB
Certificates  8, first to expire app1 /etc/pergola/tls/services-ca.crt in 3649 days

Everything is well.
"""
    )


def test_the_screen_of_a_bad_day_fits_and_says_what_to_type(report):
    unreachable(report, "app2", "db2")
    report["hosts"]["cache1"]["status"]["redis"] = {
        "units": {"redis-server.service": unit("failed")},
        "error": "Connection refused",
    }
    text = render(report, findings(report))
    lines = text.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    assert "Database      primary NOBODY" in lines
    assert "  app2        unreachable" in lines
    assert "  app2: cannot be reached over ssh: .venv/bin/ansible app2 -m ansible.builtin.ping" in lines
    assert "  cache1: redis-server.service is failed: .venv/bin/ansible-playbook site.yml --limit cache1" in lines
    assert "Everything is well." not in text


def test_the_screen_shows_the_release_of_every_instance_where_they_differ(report):
    report["hosts"]["app2"]["status"]["app"]["apps"]["customers"]["instances"]["1"]["release"] = "ffffff0-00000000"
    lines = render(report, []).splitlines()
    assert "Application   customers, release 1a2b3c4-9f8e7d6c, ffffff0-00000000" in lines
    row = "  app2        instances 1 ok (ffffff0-00000000), 2 ok (1a2b3c4-9f8e7d6c)   pool rw 2/20, ro 2/20"
    assert row in lines


def test_the_screen_shows_maintenance(report):
    report["hosts"]["lb2"]["status"]["loadbalancer"]["maintenance"] = {"customers": "since noon"}
    report["front_door"]["answer"] = "503"
    text = render(report, findings(report))
    assert "  lb2         customers: 4 of 4 instances ready, customers in maintenance" in text
    assert "-e maintenance=off" in text
    assert "does not answer" not in text


def test_colour_only_where_asked(report):
    assert "\033[" not in render(report, findings(report))
    assert "\033[32mEverything is well." in render(report, findings(report), colour=True)


NGINX = """
http {
    upstream shop { server app1:9001; }
    upstream customers {
        zone customers 128k;
        least_conn;
        server app1:8001 max_fails=3 fail_timeout=5s;
        server app1:8001 max_fails=0 backup;
        server app1:8002 down;
        # server app9:8001;
        server app2:8001;
        keepalive 64;
    }
    server {
        server_name localhost;
    }
}
"""


def test_the_servers_that_nginx_uses_are_read_from_its_configuration():
    assert upstream(NGINX, "customers") == ["app1:8001", "app2:8001"]
    assert upstream(NGINX, "shop") == ["app1:9001"]
    assert upstream(NGINX, "nothing") == []


def test_the_whole_sandbox_is_looked_at():
    macro = (Path(__file__).resolve().parents[2] / "templates" / "_macros" / "systemd.j2").read_text()
    given = set(re.findall(r"^([A-Z]\w+)=", macro, re.MULTILINE))
    without_a_yes_or_no = {
        "CapabilityBoundingSet",
        "ReadWritePaths",
        "RestrictAddressFamilies",
        "SystemCallArchitectures",
    }
    assert set(ASKED) == given - without_a_yes_or_no


def test_a_report_is_put_together_from_what_each_host_said():
    answer = {
        "cluster": "pergola",
        "url": "https://127.0.0.1:1",
        "authority": "",
        "virtual_address": "",
        "apps": [{"name": "customers", "port": 8000}],
        "instances": 2,
        "groups": {"all": ["db1", "db2"], "cluster": ["db1", "db2"], "postgres": ["db1"]},
        "names": ["db1", "db2"],
        "addresses": ["10.0.0.1", "10.0.0.2"],
        "answers": [{"status": {"system": {}}}, {"unreachable": True, "msg": "no route"}],
    }
    report = assemble(answer, "inventories/production")
    assert report["inventory"] == "inventories/production"
    assert report["hosts"]["db1"]["tiers"] == ["all", "cluster", "postgres"]
    assert report["hosts"]["db2"]["unreachable"] is True
    assert report["front_door"]["answer"] != "ok"
