"""Check mode on a cluster that is as it should be: it has nothing to report, touches nothing and tells no secret."""

from pathlib import Path

import pytest
from toolbox import name_of, site

# What a run could touch: files with their modes, owners and times, and the processes of the services.
FILES = "find /etc /opt /usr/local /var/www -xdev -printf '%p %m %u %g %s %T@ %l\\n' | sort | sha256sum"
SERVICES = "nginx haproxy pgbouncer redis-server patroni etcd systemd-timesyncd 'customers@*'"
PROCESSES = f"systemctl show --property=Id,MainPID,ActiveEnterTimestamp {SERVICES}"


@pytest.fixture(scope="module")
def state(hosts, pytestconfig):
    """Everything that must stay as it is, on the hosts and here."""
    variables = Path(pytestconfig.option.ansible_inventory, "group_vars", "cluster")

    def look():
        there = {name_of(host): host.check_output(f"{FILES}; {PROCESSES}") for host in hosts("cluster")}
        here = {file.name: (file.read_bytes(), file.stat().st_mtime) for file in variables.glob("*.yml")}
        return there, here

    return look


def test_it_reports_nothing_touches_nothing_and_tells_no_secret(state, secrets, names, pytestconfig):
    before = state()
    said, recap = site(pytestconfig.option.ansible_inventory, "--check", "--diff")
    assert sorted(recap) == [(name, "0", "0", "0") for name in sorted(names("cluster"))], said
    assert state() == before
    assert [name for name, value in secrets.items() if value in said] == []
