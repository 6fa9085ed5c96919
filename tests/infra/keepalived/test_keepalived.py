"""The address that the load balancers share: one of them holds it, and the others could."""

import re
import uuid

import httpx
import pytest
from toolbox import curl, eventually, name_of

testinfra_hosts = ["loadbalancer"]

UNITS = ["keepalived.service", "virtual-address.service"]


@pytest.fixture(scope="module", autouse=True)
def shared(cluster, groups):
    """The address."""
    if "keepalived" not in groups:
        pytest.skip("cluster_virtual_address is not set")
    return cluster.cluster_virtual_address


@pytest.fixture(scope="module")
def holders(hosts, shared):
    """Who has the address."""

    def ask():
        found = {
            name_of(host): host.check_output(f"ip -4 -o address show to {shared}/32") for host in hosts("loadbalancer")
        }
        return [name for name, text in found.items() if text]

    return ask


@pytest.mark.parametrize("unit", UNITS)
def test_it_runs_and_starts_at_boot(host, unit):
    assert host.run("systemctl is-active %s", unit).stdout.strip() == "active"
    assert host.run("systemctl is-enabled %s", unit).stdout.strip() == "enabled"


def test_exactly_one_host_holds_the_address(holders):
    assert eventually(lambda: len(holders()) == 1, seconds=5), holders()


def test_no_host_stands_aside(host):
    assert host.file("/var/lib/keepalived/stands-aside").content_string.strip() == "0"


def test_each_knows_all_others_and_nobody_else(host, names, variables, name):
    text = host.file("/etc/keepalived/keepalived.conf").content_string
    peers = re.search(r"unicast_peer {([^}]*)}", text).group(1).split()
    assert sorted(peers) == sorted(variables(other).host_address for other in names("loadbalancer") if other != name)


def test_health_is_checked_without_roots_rights(host):
    """keepalived drops a script that somebody else could change, and says so."""
    assert host.user("keepalived_script").shell == "/usr/sbin/nologin"
    assert "script_user keepalived_script\n" in host.file("/etc/keepalived/keepalived.conf").content_string
    said = host.check_output("journalctl --no-pager --boot --unit keepalived --output cat")
    assert "SECURITY VIOLATION" not in said
    assert "VRRP_Script(nginx) succeeded" in said


def test_the_address_answers_over_tls_as_itself(hosts, shared):
    answer = curl(hosts("app")[0], f"https://{shared}/lb-health")
    assert (answer.status, answer.body.strip()) == (200, "ok"), answer


def test_visitors_reach_the_host_that_holds_it(hosts, holders, public_url, trust):
    agent = f"tests-infra-{uuid.uuid4()}"
    httpx.get(f"{public_url}/healthz", headers={"User-Agent": agent}, verify=trust, trust_env=False)

    def served():
        command = f"grep -c {agent} /var/log/nginx/access.log"
        return [name_of(host) for host in hosts("loadbalancer") if host.run(command).stdout.strip() == "1"]

    assert eventually(served) == holders()
