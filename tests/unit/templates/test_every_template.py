"""What holds for each file that is rendered onto a host."""

import re

import pytest
from harness import PROJECT

INTERFACES = {
    "__keepalived_interfaces": {
        "stdout": '[{"ifname": "eth0", "addr_info": [' + '{"local": "10.9.8.11", "prefixlen": 24}]}]'
    }
}

# How to render each template: what its task adds to what the role sees. A new template needs a line here.
CASES = {
    "app/environment.j2": {"__app_variables": {"NAME": "value"}},
    "app/gunicorn.conf.py.j2": {},
    "app/hourly.service.j2": {"app_hourly_command": "purge_expired"},
    "app/hourly.timer.j2": {"app_hourly_command": "purge_expired"},
    "app/instance.service.j2": {},
    "app/instance.socket.j2": {"item": 1},
    "app/manage.j2": {},
    "app/run.j2": {},
    "common/cloud-init.cfg.j2": {},
    "common/hosts.j2": {},
    "common/preferences.j2": {},
    "common/sudoers.j2": {},
    "etcd/etcd.env.j2": {},
    "etcd/founding.env.j2": {"__etcd_cluster": "lb1=https://lb1:2380", "__etcd_cluster_state": "new"},
    "etcd/pergola.conf.j2": {},
    "haproxy/haproxy.service.j2": {},
    "haproxy/pergola.cfg.j2": {},
    "keepalived/keepalived.conf.j2": INTERFACES,
    "keepalived/keepalived.service.j2": {},
    "keepalived/virtual-address.j2": {},
    "keepalived/virtual-address.service.j2": {},
    "nginx/nginx.conf.j2": {},
    "nginx/nginx.service.j2": {},
    "pgbouncer/hba.conf.j2": {},
    "pgbouncer/pause-writes.py.j2": {},
    "pgbouncer/pergola.ini.j2": {},
    "pgbouncer/pgbouncer.service.j2": {},
    "pgbouncer/users.txt.j2": {},
    "postgresql/createcluster.conf.j2": {},
    "postgresql/databases.sql.j2": {},
    "postgresql/patroni.service.j2": {},
    "postgresql/patroni.yml.j2": {},
    "redis/pergola.conf.j2": {},
    "redis/redis-server.service.j2": {},
    "redis/users.acl.j2": {},
}
# blockinfile brings its own marker, psql gets it on standard input, Redis takes no comments there.
UNMARKED = {"common/hosts.j2", "postgresql/databases.sql.j2", "redis/users.acl.j2"}
SECRETS_IN = {
    "pgbouncer/users.txt.j2": {"SECRET-database_password"},
    "postgresql/patroni.yml.j2": {"SECRET-replication", "SECRET-rewind"},
}
# What a service that starts as root keeps of its powers, and sockets of kinds that others do not have.
CAPABILITIES = {
    "nginx/nginx.service.j2": "CAP_CHOWN CAP_DAC_OVERRIDE CAP_KILL CAP_NET_BIND_SERVICE CAP_SETGID CAP_SETUID",
    "keepalived/keepalived.service.j2": "CAP_KILL CAP_NET_ADMIN CAP_NET_RAW CAP_SETGID CAP_SETUID",
}
FURTHER_FAMILIES = {
    "keepalived/keepalived.service.j2": " AF_NETLINK AF_PACKET",
    "keepalived/virtual-address.service.j2": " AF_NETLINK",
}
UNITS = [name for name in CASES if name.endswith(".service.j2") or name == "etcd/pergola.conf.j2"]


def rendered(render, name):
    role, template = name.split("/", 1)
    return render(role, template, **CASES[name])


def test_every_template_has_a_case():
    folder = PROJECT / "templates"
    assert CASES.keys() == {str(p.relative_to(folder)) for p in folder.rglob("*.j2") if p.parent.name != "_macros"}


@pytest.mark.parametrize("name", CASES)
def test_it_says_who_manages_it(render, name):
    first = rendered(render, name).splitlines()[:4]
    assert any("Ansible managed" in line for line in first) is (name not in UNMARKED)


@pytest.mark.parametrize("name", CASES)
def test_it_is_a_tidy_text_file(render, name):
    text = rendered(render, name)
    assert text.endswith("\n")
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    assert "\n\n\n\n" not in text
    assert "{{" not in text and "{%" not in text
    assert not re.search(r"\b(None|True|False|Undefined)\b", re.sub(r"#.*", "", text)) or name.endswith(".py.j2")


@pytest.mark.parametrize("name", CASES)
def test_it_renders_the_same_twice(render, name):
    assert rendered(render, name) == rendered(render, name)


@pytest.mark.parametrize("name", CASES)
def test_it_holds_no_secret_but_its_own(render, name):
    assert set(re.findall(r"SECRET-[\w-]+", rendered(render, name))) == SECRETS_IN.get(name, set())


@pytest.mark.parametrize("name", UNITS)
def test_units_are_sandboxed(render, name):
    if name.startswith("redis/"):
        pytest.skip("Debian's unit is sandboxed already, and this drop-in takes nothing away")
    lines = rendered(render, name).splitlines()
    assert {
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "SystemCallFilter=@system-service",
    } <= set(lines)
    families = {line for line in lines if line.startswith("RestrictAddressFamilies=")}
    capabilities = {line for line in lines if line.startswith("CapabilityBoundingSet=")}
    assert families == {f"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6{FURTHER_FAMILIES.get(name, '')}"}
    assert capabilities == {f"CapabilityBoundingSet={CAPABILITIES.get(name, '')}"}
