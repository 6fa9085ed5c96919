"""The router to the live primary, on every app host."""

import csv

import pytest
from toolbox import name_of

testinfra_hosts = ["app"]

SHOW_STAT = """
import socket
link = socket.socket(socket.AF_UNIX)
link.connect("/run/haproxy/admin.sock")
link.sendall(b"show stat\\n")
print(link.makefile().read())
"""


@pytest.fixture(scope="module", autouse=True)
def router(groups):
    """What is tested here."""
    if "router" not in groups:
        pytest.skip("there is one PostgreSQL host, and PgBouncer goes straight to it")


@pytest.fixture(scope="module")
def servers(host):
    """HAProxy's state of each server, by backend: {"primary": {"db1": "UP", ...}, ...}."""
    text = host.check_output("python3 -c %s", SHOW_STAT)
    found = {}
    for row in csv.DictReader(text.removeprefix("# ").splitlines()):
        if row["svname"] not in ("FRONTEND", "BACKEND"):
            found.setdefault(row["pxname"], {})[row["svname"]] = row["status"]
    return found


def up(servers, backend):
    """Names of the servers that get connections."""
    return sorted(server for server, status in servers[backend].items() if status.startswith("UP"))


def test_it_runs_and_starts_at_boot(host):
    assert host.service("haproxy").is_running
    assert host.service("haproxy").is_enabled


def test_writes_go_to_the_primary_alone(servers, primary):
    assert up(servers, "primary") == [name_of(primary)]


def test_reads_go_to_every_replica(servers, replicas):
    assert up(servers, "replicas") == sorted(name_of(replica) for replica in replicas)


def test_it_knows_every_database_host(servers, names):
    assert sorted(servers["primary"]) == sorted(servers["replicas"]) == names("postgres")


def test_its_orders_are_for_itself_and_root(host):
    socket = host.file("/run/haproxy/admin.sock")
    assert (socket.user, socket.group, socket.mode) == ("haproxy", "haproxy", 0o660)
