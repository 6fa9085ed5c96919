"""What a service may not do, should it be taken over. Bounds are systemd's own score: 0 nothing, 10 everything."""

import pytest

testinfra_hosts = ["cluster"]

# Per group and unit: the highest score that is accepted.
UNITS = {
    "etcd": {"etcd.service": 1.5},
    "postgres": {"patroni.service": 1.5},
    "redis": {"redis-server.service": 1.1},
    "router": {"haproxy.service": 1.5},
    "app": {
        "pgbouncer.service": 1.5,
        "customers@1.service": 1.5,
        "customers@2.service": 1.5,
    },
    "loadbalancer": {"nginx.service": 2.7},
    "keepalived": {"keepalived.service": 2.8},
}

PROPERTIES = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectControlGroups": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
}

# Who runs the main process, where that is not the user who is named like the group.
USERS = {
    "etcd.service": "etcd",
    "patroni.service": "postgres",
    "redis-server.service": "redis",
    "haproxy.service": "haproxy",
    "pgbouncer.service": "postgres",
    "customers@1.service": "customers",
    "customers@2.service": "customers",
    "nginx.service": "root",
    "keepalived.service": "root",
}

# The one power of these that a service needs.
POWERS = {"keepalived.service": {"cap_net_admin"}}


@pytest.fixture(scope="module")
def units(groups):
    """The units of the host under test, with their bounds."""
    return {unit: bound for group in sorted(groups) for unit, bound in UNITS.get(group, {}).items()}


def show(host, unit, *properties):
    """Properties of a unit as systemd applies them."""
    text = host.check_output("systemctl show %s --property=%s", unit, ",".join(properties))
    return dict(line.split("=", 1) for line in text.splitlines())


def test_exposure(host, units):
    for unit, bound in units.items():
        line = host.check_output("systemd-analyze security --no-pager %s", unit).splitlines()[-1]
        exposure = float(line.split(":")[1].split()[0])
        assert exposure <= bound, f"{unit}: {exposure}"


def test_properties(host, units):
    for unit in units:
        assert show(host, unit, *PROPERTIES) == PROPERTIES, unit


def test_system_calls_are_filtered(host, units):
    for unit in units:
        found = show(host, unit, "SystemCallFilter", "CapabilityBoundingSet")
        assert "read" in found["SystemCallFilter"].split(), unit
        powers = {"cap_sys_admin", "cap_sys_ptrace", "cap_net_admin", "cap_sys_module"}
        assert powers & set(found["CapabilityBoundingSet"].split()) == POWERS.get(unit, set()), unit


def test_main_processes_are_who_they_should_be(host, units):
    for unit in units:
        process = show(host, unit, "MainPID")["MainPID"]
        assert host.check_output("ps -o user:32= -p %s", process).strip() == USERS[unit], unit


def test_they_see_no_system_that_they_could_change(host, units):
    """As the process itself sees it, not as the unit says."""
    for unit in units:
        process = show(host, unit, "MainPID")["MainPID"]
        mounts = [line.split() for line in host.check_output(f"cat /proc/{process}/mountinfo").splitlines()]
        options = {mount[4]: mount[5].split(",") for mount in mounts}
        assert "ro" in options.get("/usr", options["/"]), f"{unit} could write to /usr"
