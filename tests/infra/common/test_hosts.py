"""What every host has: a sound system, the names of all others, packages of the right kind, no open port too many."""

import re
from pathlib import Path

import pytest

testinfra_hosts = ["cluster"]

# The major version of what a host of each group runs, as Debian 13 has it.
PACKAGES = {
    "etcd": {"etcd-server": "3.5."},
    "postgres": {"postgresql-17": "17.", "patroni": "4.0."},
    "redis": {"redis-server": "5:8.0."},
    "app": {"pgbouncer": "1.24.", "python3": "3.13."},
    "router": {"haproxy": "3.0."},
    "loadbalancer": {"nginx": "1.26."},
    "keepalived": {"keepalived": "1:2.3."},
}

# Everything that a host listens on, by group, as the page says: | `app` | 8001, 8002 | host | ...
ROW = re.compile(r"^\| `(\w+)` \| ([\d, ]+) \| ([\w., ]+) \|", re.MULTILINE)
PAGE = Path(__file__).parents[3] / "docs" / "ports.md"


def documented_ports():
    """{group: {(where, port), ...}}"""
    found = {}
    for group, ports, places in ROW.findall(PAGE.read_text()):
        pairs = {(place.strip(), int(port)) for place in places.split(",") for port in ports.split(",")}
        found[group] = found.get(group, set()) | pairs
    return found


def of_groups(table, groups):
    """What a table by group says of a host in `groups`."""
    return [table[group] for group in table if group in groups]


def test_it_is_debian_13(host):
    assert (host.system_info.distribution, host.system_info.release.split(".")[0]) == ("debian", "13")


def test_no_unit_has_failed(host):
    state = host.run("systemctl is-system-running --wait").stdout.strip()
    failed = host.check_output("systemctl list-units --failed --plain --no-legend")
    assert (state, failed) == ("running", "")


def test_it_has_its_name_and_knows_everybody_elses(host, name, names, variables):
    assert host.check_output("hostname") == name
    expected = {other: variables(other).host_address for other in names("cluster")}
    lines = host.check_output(f"getent ahostsv4 {' '.join(expected)}").splitlines()
    known = {}
    for address, kind, *canonical in (line.split() for line in lines):
        if kind == "STREAM" and canonical:
            known[canonical[0]] = address
    assert known == expected


def test_the_database_is_reached_through_the_router_beside_the_app(host, groups):
    found = host.run("getent hosts postgresql.pergola.internal").stdout.split()
    assert found[:1] == (["127.0.0.2"] if "router" in groups else [])


def test_packages_are_of_the_right_major_version(host, groups):
    for package, version in (pair for packages in of_groups(PACKAGES, groups) for pair in packages.items()):
        assert host.package(package).version.startswith(version), package


def test_packages_are_held_there(host, groups):
    """Whatever other sources a host may get, apt would install no other major version."""
    for package, version in (pair for packages in of_groups(PACKAGES, groups) for pair in packages.items()):
        policy = host.check_output("apt-cache policy %s", package)
        candidate = re.search(r"Candidate: (\S+)", policy).group(1)
        assert candidate.startswith(version), policy
        assert re.search(rf"^ (\*\*\*|   ) {re.escape(version)}\S* 990$", policy, re.MULTILINE), policy


def test_it_listens_on_what_the_page_of_ports_says(host, groups, address):
    places = dict.fromkeys(("0.0.0.0", "[::]", "*"), "any") | {address: "host", "[::1]": "127.0.0.1"}
    found = set()
    for line in host.check_output("ss -Hltn").splitlines():
        where, port = line.split()[3].rsplit(":", 1)
        found.add((places.get(where, where), int(port)))
    assert found == set().union(*of_groups(documented_ports(), groups))


def test_it_answers_no_datagrams(host):
    assert host.check_output("ss -Hlun") == ""


def test_it_speaks_no_other_protocol_but_vrrp_where_that_is_needed(host, groups):
    protocols = {line.split()[3].rsplit(":", 1)[1] for line in host.check_output("ss -Hanw").splitlines()}
    assert protocols == ({"112"} if "keepalived" in groups else set())


@pytest.mark.parametrize(
    ("group", "port"), [("app", 5000), ("app", 5001), ("app", 6432), ("loadbalancer", 8081), ("redis", 16379)]
)
def test_doors_that_are_local_are_closed_to_others(host, name, names, group, port):
    if names("cluster") == [name]:
        pytest.skip("there is no other host")
    for other in names(group):
        if other != name:
            assert host.run("timeout 5 bash -c %s", f"</dev/tcp/{other}/{port}").rc == 1


def test_passwords_open_no_shell(host):
    settings = host.check_output("sshd -T").lower().splitlines()
    assert "permitrootlogin yes" not in settings
