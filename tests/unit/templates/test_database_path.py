"""From the app to the primary: PgBouncer and HAProxy."""

import configparser
import os
import re
import subprocess
import sys
import time
import types

import pytest

TWO_APPS = {
    "cluster_apps": [
        {"name": "shop", "path": "app", "wsgi": "config.wsgi:application", "settings": "config.settings", "port": 8000},
        {
            "name": "forum",
            "path": "app",
            "wsgi": "config.wsgi:application",
            "settings": "config.settings",
            "port": 8100,
        },
    ],
    "secrets_apps": {
        name: {"database_password": f"{name}-runs", "database_owner_password": f"{name}-owns"}
        for name in ("shop", "forum")
    },
}


def parse(text):
    parser = configparser.ConfigParser(interpolation=None, delimiters="=")
    parser.read_string(text)
    return parser


def pairs(text):
    return dict(pair.split("=") for pair in text.split())


@pytest.fixture(scope="module")
def pgbouncer(render):
    return parse(render("pgbouncer", "pergola.ini.j2", "app1"))


def test_both_databases_lead_to_haproxy(pgbouncer):
    assert dict(pgbouncer["databases"]).keys() == {"customers", "customers_ro"}
    assert pairs(pgbouncer["databases"]["customers"]) == {
        "host": "postgresql.pergola.internal",
        "port": "5000",
        "dbname": "customers",
        "user": "customers",
        "pool_size": "20",
    }
    assert pairs(pgbouncer["databases"]["customers_ro"]) == {
        "host": "postgresql.pergola.internal",
        "port": "5001",
        "dbname": "customers",
        "user": "customers",
        "pool_size": "20",
        "server_lifetime": "60",
    }


def test_a_transaction_is_what_a_client_gets(pgbouncer):
    settings = pgbouncer["pgbouncer"]
    assert settings["pool_mode"] == "transaction"
    assert settings["max_prepared_statements"] == "40"
    assert settings["max_client_conn"] == "1000"


def test_the_socket_is_the_only_way_in(pgbouncer, render):
    settings = pgbouncer["pgbouncer"]
    assert settings["unix_socket_dir"] == "/run/pgbouncer"
    assert settings["listen_port"] == "6432"
    assert "listen_addr" not in settings
    rules = [line for line in render("pgbouncer", "hba.conf.j2").splitlines() if line and not line.startswith("#")]
    assert rules == ["local pgbouncer root peer", "local customers,customers_ro customers peer"]


def test_the_way_out_is_verified(pgbouncer):
    settings = pgbouncer["pgbouncer"]
    assert settings["server_tls_sslmode"] == "verify-full"
    assert settings["server_tls_ca_file"] == "/etc/pergola/tls/services-ca.crt"


def test_a_failover_is_waited_for(pgbouncer):
    settings = pgbouncer["pgbouncer"]
    assert float(settings["server_login_retry"]) == 0.5
    assert settings["server_fast_close"] == "1"
    assert settings["server_connect_timeout"] == "3"
    assert settings["tcp_user_timeout"] == "10000"
    assert int(settings["query_wait_timeout"]) > 25


def test_two_apps_share_the_budget(render):
    databases = parse(render("pgbouncer", "pergola.ini.j2", "app1", **TWO_APPS))["databases"]
    assert set(databases) == {"shop", "shop_ro", "forum", "forum_ro"}
    assert {pairs(value)["pool_size"] for value in databases.values()} == {"10"}
    assert pairs(databases["forum_ro"])["user"] == "forum"


def test_one_variable_overrides_a_pool(render):
    databases = parse(render("pgbouncer", "pergola.ini.j2", "app1", pgbouncer_rw_pool_size=7))["databases"]
    assert pairs(databases["customers"])["pool_size"] == "7"
    assert pairs(databases["customers_ro"])["pool_size"] == "20"


def test_passwords_of_runtime_roles_alone(render):
    users = render("pgbouncer", "users.txt.j2", "app1", **TWO_APPS)
    assert '"shop" "shop-runs"' in users
    assert "owns" not in users


def sections(text):
    """{'backend primary': [lines]}"""
    found, current = {}, []
    for line in text.splitlines():
        if re.match(r"\w", line):
            current = found.setdefault(line.strip(), [])
        elif line.strip() and not line.strip().startswith("#"):
            current.append(line.strip())
    return found


@pytest.fixture(scope="module")
def haproxy(render):
    return sections(render("haproxy", "pergola.cfg.j2", "app1"))


def test_haproxy_listens_on_this_host_alone(haproxy):
    binds = [line for lines in haproxy.values() for line in lines if line.startswith("bind")]
    assert binds == ["bind 127.0.0.2:5000", "bind 127.0.0.2:5001"]


def test_patroni_says_who_is_primary(haproxy):
    assert "option httpchk GET /primary" in haproxy["backend primary"]
    assert "option httpchk GET /replica?lag=16MB" in haproxy["backend replicas"]
    assert """http-check expect string '"role": "primary"'""" in haproxy["backend primary"]
    for backend in ("backend primary", "backend replicas"):
        assert "http-check expect status 200" in haproxy[backend]
        servers = [line for line in haproxy[backend] if line.startswith("server ")]
        assert servers == [f"server {name} {name}:5432 verifyhost {name}" for name in ("db1", "db2", "db3")]


def test_reads_fall_back_to_the_primary(haproxy):
    assert haproxy["frontend ro"][1:] == ["use_backend primary if { nbsrv(replicas) eq 0 }", "default_backend replicas"]
    assert haproxy["frontend rw"][1:] == ["default_backend primary"]


def test_checks_are_fast_and_verified(haproxy):
    defaults = " ".join(haproxy["defaults"])
    assert "inter 1s fastinter 500ms downinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions" in defaults
    assert "check port 8008 check-ssl verify required ca-file /etc/pergola/tls/control-ca.crt" in defaults
    assert "verify none" not in str(haproxy)


def test_nothing_is_controlled_over_the_network(haproxy):
    assert not [line for line in haproxy["global"] if "stats socket" in line and "/run/" not in line]
    assert "stats enable" not in str(haproxy)


@pytest.fixture
def pause_writes(render, tmp_path, monkeypatch):
    """The script's names, with a psql that notes what it is told, and a HAProxy that leads to db1."""
    (tmp_path / "psql").write_text(f"#!/bin/sh\ncat >> {tmp_path}/told\n")
    (tmp_path / "psql").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    script = {"__name__": "pause-writes"}
    exec(compile(render("pgbouncer", "pause-writes.py.j2", "app1", **TWO_APPS), "pause-writes", "exec"), script)
    stat = "# pxname,svname,status\nprimary,db1,UP 1/2\nprimary,db2,DOWN\nprimary,db3,DOWN\nprimary,BACKEND,UP\n"
    script["haproxy"] = lambda order: stat if order == "show stat" else script["orders"].append(order)
    script["orders"] = []
    script["told"] = lambda: (tmp_path / "told").read_text().splitlines() if (tmp_path / "told").exists() else []
    script["time"] = types.SimpleNamespace(time=time.time, sleep=lambda seconds: None)
    script["alarms"] = []
    script["signal"] = types.SimpleNamespace(setitimer=lambda _, s: script["alarms"].append(s), ITIMER_REAL=0)
    return script


def test_writes_wait_until_another_host_takes_them(pause_writes):
    asked = []

    def takes_writes(host):
        while len(pause_writes["told"]()) < 2:
            time.sleep(0.01)
        assert sorted(pause_writes["told"]()) == ["PAUSE forum;", "PAUSE shop;"]
        asked.append(host)
        return host == "db2" and asked.count("db2") == 3

    pause_writes["takes_writes"] = takes_writes
    pause_writes["pause"](time.time() - 1)
    assert 8 < pause_writes["alarms"][0] <= 9  # seconds from now: ten from that moment
    assert set(asked) == {"db2", "db3"}
    assert pause_writes["orders"] == ["set server primary/db2 health up; set server primary/db1 health down"]
    assert sorted(pause_writes["told"]()[2:]) == ["RESUME forum;", "RESUME shop;"]


@pytest.mark.parametrize(("status", "told"), [("0", []), ("TERM", ["RESUME forum;", "RESUME shop;"])])
def test_what_ended_well_has_resumed(pause_writes, monkeypatch, status, told):
    monkeypatch.setenv("EXIT_STATUS", status)
    pause_writes["resume"]()
    assert sorted(pause_writes["told"]()) == told


def test_a_host_that_does_not_answer_takes_no_writes(pause_writes, monkeypatch):
    def refuse(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr(pause_writes["ssl"], "create_default_context", lambda cafile: None)
    monkeypatch.setattr(pause_writes["http"].client.HTTPSConnection, "request", refuse)
    assert pause_writes["takes_writes"]("db2") is False


@pytest.mark.parametrize("arguments", [[], ["soon"], ["1", "2"]])
def test_who_lets_writes_wait_names_the_moment(render, arguments):
    script = render("pgbouncer", "pause-writes.py.j2", "app1")
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert "MOMENT |" in done.stderr
