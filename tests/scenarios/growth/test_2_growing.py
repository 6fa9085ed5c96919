"""The inventory gets hosts of every tier, and an address that load balancers share; the playbook runs under load."""

import json
import types

import pytest
from probe import Bound, Probe, Settings, Target, record
from scenarios.cluster import leader, states
from scenarios.growth.conftest import BEFORE
from testinfra.utils.ansible_runner import AnsibleRunner
from toolbox import eventually, name_of, patroni_cluster, sql

BOUND = Bound(failed=0)
PACE = Settings(reads_per_second=120, writes_per_second=6)
UNITS = "nginx haproxy pgbouncer redis-server patroni etcd 'customers@*.service'"
PROCESSES = f"systemctl show --property=Id,MainPID {UNITS}"
ETCDCTL = (
    "ETCDCTL_CACERT=/etc/pergola/tls/control-ca.crt ETCDCTL_CERT=/etc/pergola/tls/etcd.crt "
    "ETCDCTL_KEY=/etc/pergola/tls/etcd.key etcdctl --write-out=json"
)


def running(text):
    """Main processes by service, from `systemctl show`, of those that run."""
    found = {}
    for block in text.split("\n\n"):
        unit = dict(line.split("=", 1) for line in block.split())
        if unit and unit["MainPID"] != "0":
            found[unit["Id"]] = unit["MainPID"]
    return found


def started(hosts):
    """Since when PostgreSQL runs on the hosts that had it: Patroni's process alone does not tell."""
    return [sql(hosts(name)[0], "SELECT pg_postmaster_start_time()") for name in ("db1", "db2")]


@pytest.fixture(scope="module")
def story(hosts, variables, public_url, trust, authorization, site):
    """What happened, in this order."""
    before = AnsibleRunner.get_runner(str(BEFORE)).get_hosts("cluster")

    def processes():
        return {name: running(hosts(name)[0].run(PROCESSES).stdout) for name in before}

    told = types.SimpleNamespace(before=processes(), leader=leader(hosts), started_at=started(hosts))
    # By the load balancer that there is: the shared address is yet to come.
    visitors = Target(
        url=f"https://{variables('lb1').host_address}",
        trust=trust,
        headers=authorization | {"Host": public_url.removeprefix("https://")},
    )
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        told.grown = site()
        assert probe.answered(15)
        told.after = processes()
    told.report = probe.report
    told.again = site()
    return told


def test_what_was_there_goes_on_in_the_same_processes(story):
    assert all(story.before.values())
    for host, services in story.before.items():
        assert {name: story.after[host].get(name) for name in services} == services, host


def test_the_primary_stays_and_the_new_database_streams(story, hosts):
    assert started(hosts) == story.started_at
    assert leader(hosts) == story.leader
    assert eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=60), states(hosts)
    assert {member["name"] for member in patroni_cluster(hosts("postgres")[0])} == {"db1", "db2", "db3"}


def test_the_new_database_is_a_copy_of_a_replica(story, hosts):
    (replica,) = {"db1", "db2"} - {story.leader}
    said = hosts("db3")[0].check_output("journalctl --unit=patroni --output=cat --grep='bootstrap.* from '")
    assert f"from replica '{replica}'" in said


def test_all_members_of_etcd_vote(story, hosts):
    answer = json.loads(hosts("etcd")[0].check_output(f"{ETCDCTL} member list"))
    voters = {member["name"] for member in answer["members"] if not member.get("isLearner")}
    assert voters == {name_of(host) for host in hosts("etcd")}
    for host in hosts("etcd"):
        host.check_output(f"{ETCDCTL} endpoint health")


def test_the_run_after_that_changes_nothing(story):
    assert story.again.changed == {}


def test_no_visitor_noticed(story):
    assert record("hosts of every tier join", [story.report], BOUND), str(story.report)
