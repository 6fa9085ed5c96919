"""A verifier that can't fail is no verifier: every tier of a healthy cluster is broken once, on purpose.

All breakages stand at the same time. Exactly the tests that belong to them must turn red (and some may), `make status`
must name each of them and nothing else, and when `site.yml` and, where it can't, an order of ours has mended them, all
is green again.

Only for hosts that nobody needs: `make molecule` runs it, after the tests of healthy hosts.
"""

import datetime
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
import testinfra
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from testinfra.utils.ansible_runner import AnsibleRunner
from toolbox import eventually, patroni_cluster, site

PROJECT = Path(__file__).parents[2]
PSQL = "cd / && runuser -u postgres -- psql -XAtqc"
# Two run site.yml. The third fills the pools of the app, which in session mode give nothing back to others.
LEFT_OUT = ("stack/test_rerun.py", "stack/test_check_mode.py", "app/test_connection_budget.py")
HAPROXY = (
    "python3 -c \"import socket; link = socket.socket(socket.AF_UNIX); link.connect('/run/haproxy/admin.sock'); "
    "link.sendall(b'{}\\n'); print(link.makefile().read())\""
)


@dataclass
class Breakage:
    """One thing that is done to one host. {primary}, {standby} and {replica} stand for who has that part now."""

    title: str
    host: str
    do: str
    finding: str  # what `make status` says of it
    red: set[str]  # the tests of tests/infra that notice
    undo: str = ""  # without it site.yml mends
    may: frozenset[str] = frozenset()  # those that notice or do not, by chance


BREAKAGES = [
    Breakage(
        "a replica stops streaming",
        host="{primary}",
        do=f"{PSQL} 'ALTER ROLE replicator NOLOGIN' && {PSQL} "
        "\"SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = '{replica}'\"",
        undo=f"{PSQL} 'ALTER ROLE replicator LOGIN'",
        finding="{replica}: the replica does not stream",
        red={
            "postgresql/test_cluster.py::test_there_is_one_primary_and_every_replica_streams",
            "postgresql/test_cluster.py::test_the_primary_sends_to_every_replica_over_tls_and_waits_for_one",
            "postgresql/test_cluster.py::test_a_replica_receives_from_the_primary",
            "postgresql/test_cluster.py::test_replicas_replay_what_the_primary_has_written",
            "postgresql/test_cluster.py::test_all_members_are_on_one_timeline",
            "stack/test_front_door.py::test_a_write_is_read_back_from_each_replica",
        },
        # The other replica is not to be had on app2, and on app1, where sessions keep their server, it is a matter of
        # which one they got. Reads go to the primary then.
        may=frozenset(
            {
                "app/test_replica_reads.py::test_reads_go_to_replicas_and_never_show_less_than_ones_own_writes",
                "app/test_replica_reads.py::test_the_switch_works_without_a_restart",
            }
        ),
    ),
    Breakage(
        "pg_hba lets in a whole network",
        host="{standby}",
        do="echo 'host all all 10.0.0.0/8 scram-sha-256' >> $(find /var/lib/postgresql -name pg_hba.conf) && "
        f"{PSQL} 'SELECT pg_reload_conf()'",
        undo="sed -i '/10.0.0.0.8/d' $(find /var/lib/postgresql -name pg_hba.conf) && "
        f"{PSQL} 'SELECT pg_reload_conf()'",
        finding="{standby}: pg_hba is too wide",
        red={
            "postgresql/test_access.py::test_login",
            "postgresql/test_access.py::test_every_rule_for_the_network_demands_tls_and_scram",
        },
    ),
    Breakage(
        "Redis asks strangers for no password",
        host="cache1",
        do="sed -i 's/^user default .*/user default on nopass ~* +@all/' /etc/redis/users.acl && "
        "echo 'protected-mode no' >> /etc/redis/pergola.conf && systemctl restart redis-server",
        finding="cache1: Redis asks strangers for no password",
        red={
            "redis/test_redis.py::test_the_unauthenticated_are_refused",
            "redis/test_redis.py::test_there_is_no_user_but_the_apps",
        },
    ),
    Breakage(
        "nginx uses one instance",
        host="lb2",
        do="sed -i -E '/^ +server app(1:8002|2:)/d' /etc/nginx/nginx.conf && systemctl reload nginx",
        finding="lb2: nginx uses 1 of 4 instances of customers",
        red={"nginx/test_nginx.py::test_it_balances_over_all_instances"},
    ),
    Breakage(
        "a load balancer stands aside",
        host="lb2",
        do="systemctl stop virtual-address",
        undo="systemctl start virtual-address",
        finding="lb2: stands aside from",
        red={
            "keepalived/test_keepalived.py::test_it_runs_and_starts_at_boot",
            "keepalived/test_keepalived.py::test_no_host_stands_aside",
        },
    ),
    Breakage(
        "a sandbox is gone",
        host="app2",
        do="sed -i '/^ProtectSystem=/d' /etc/systemd/system/pgbouncer.service.d/*.conf && "
        "systemctl daemon-reload && systemctl restart pgbouncer",
        finding="app2: pgbouncer.service runs without ProtectSystem",
        red={
            "common/test_sandbox.py::test_exposure",
            "common/test_sandbox.py::test_properties",
            "common/test_sandbox.py::test_they_see_no_system_that_they_could_change",
        },
    ),
    Breakage(
        "a secret is open to others",
        host="app2",
        do="chmod 0644 /etc/pgbouncer/users.txt",
        finding="app2: /etc/pgbouncer/users.txt is open to others",
        red={
            "common/test_secrets.py::test_their_files_are_closed_to_others",
            "common/test_secrets.py::test_files_that_anybody_may_read_hold_none",
        },
    ),
    Breakage(
        "PgBouncer pools by session",
        host="app1",
        do="sed -i 's/^pool_mode = .*/pool_mode = session/' /etc/pgbouncer/pergola.ini && systemctl reload pgbouncer",
        finding="app1: PgBouncer pools customers(_ro)? by session, not transaction",
        red={
            "app/test_pgbouncer.py::test_configuration",
            "app/test_pgbouncer.py::test_a_server_connection_is_a_clients_for_one_transaction_only",
        },
    ),
    Breakage(
        "HAProxy reads from one replica only",
        host="app2",
        do=HAPROXY.format("set server replicas/{standby} state maint"),
        undo=HAPROXY.format("set server replicas/{standby} state ready"),
        finding="app2: HAProxy sends no reads to {standby}",
        red={"app/test_haproxy.py::test_reads_go_to_every_replica"},
    ),
    Breakage(
        "a certificate has expired",
        host="lb1",
        do="printf %s '{expired}' > /etc/pergola/tls/nginx.crt",
        finding="lb1: /etc/pergola/tls/nginx.crt expired",
        red={
            "common/test_certificates.py::test_none_expires_soon",
            "common/test_certificates.py::test_each_is_signed_by_its_authority_and_not_by_the_other",
            "nginx/test_nginx.py::test_the_certificate_carries_the_public_name",
        },
    ),
    Breakage(
        "etcd would not start at boot",
        host="lb1",
        do="systemctl disable etcd",
        finding="lb1: etcd.service would not start at boot",
        red={"etcd/test_etcd.py::test_it_runs_and_starts_at_boot"},
    ),
    Breakage(
        "an instance would not start at boot",
        host="app1",
        do="systemctl disable customers@2.socket",
        finding="app1: customers@2.socket would not start at boot",
        red={"app/test_gunicorn.py::test_it_runs_behind_its_socket"},
    ),
]


class Cluster:
    """The hosts of an inventory, and what can be asked and done about all of them."""

    def __init__(self, inventory):
        self.inventory = Path(inventory).absolute()
        members = {member["role"]: member["name"] for member in patroni_cluster(self.host("db1"))}
        self.words = {
            "{primary}": members["leader"],
            "{standby}": members["sync_standby"],
            "{replica}": members["replica"],
            "{expired}": self.expired_certificate(),
        }

    def host(self, name):
        return testinfra.get_host(f"ansible://{name}?ansible_inventory={self.inventory}")

    def fill_in(self, text):
        for word, value in self.words.items():
            text = text.replace(word, value)
        return text

    def order(self, breakage, command):
        self.host(self.fill_in(breakage.host)).check_output(self.fill_in(command))

    def expired_certificate(self):
        """What nginx on lb1 has, signed again by the same authority to end a day ago."""
        variables = AnsibleRunner.get_runner(str(self.inventory)).get_variables("lb1")
        authority = variables["secrets_authorities"]["services"]
        key = serialization.load_pem_private_key(authority["key"].encode(), None)
        old = x509.load_pem_x509_certificate(self.host("lb1").file("/etc/pergola/tls/nginx.crt").content)
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        new = x509.CertificateBuilder(
            issuer_name=old.issuer,
            subject_name=old.subject,
            public_key=old.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=yesterday - datetime.timedelta(days=1),
            not_valid_after=yesterday,
            extensions=list(old.extensions),
        )
        return new.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def red(self, report):
        """The tests of tests/infra that fail now, as file::function."""
        left_out = [f"--ignore=tests/infra/{name}" for name in LEFT_OUT]
        options = [*left_out, f"--ansible-inventory={self.inventory}", f"--junitxml={report}", "-q"]
        self.run("pytest", "tests/infra", *options)
        cases = ElementTree.parse(report).getroot().iter("testcase")
        failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        return {f"{file_of(case)}::{case.get('name').split('[')[0]}" for case in failed}

    def findings(self):
        """What `make status` says is wrong, as "host: what"."""
        environment = {"PYTHONPATH": str(PROJECT / "ansible")}
        done = self.run("status", "--json", "--inventory", str(self.inventory), **environment)
        return {f"{finding['host']}: {finding['what']}" for finding in json.loads(done.stdout)["findings"]}

    def mend(self):
        said, recap = site(self.inventory)
        assert [host for host, *_, failed in recap if failed != "0"] == [], said

    def run(self, module, *arguments, **environment):
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True)


def file_of(case):
    """tests.infra.redis.test_redis as redis/test_redis.py."""
    return case.get("classname").removeprefix("tests.infra.").replace(".", "/") + ".py"


@pytest.fixture(scope="module")
def cluster(pytestconfig):
    inventory = pytestconfig.option.ansible_inventory
    assert inventory, "name the hosts to break: --ansible-inventory=molecule/inventory"
    return Cluster(inventory)


@pytest.fixture(scope="module")
def broken(cluster, tmp_path_factory):
    """What is red, and what the status says, first while all is broken and then when all is mended."""
    directory = tmp_path_factory.mktemp("breakages")
    attempted = []
    try:
        for breakage in BREAKAGES:
            attempted.append(breakage)
            cluster.order(breakage, breakage.do)
        # What lost PgBouncer or Redis for a moment, as these were restarted, is to find them again.
        eventually(lambda: not any("ready" in each or "degraded" in each for each in cluster.findings()), seconds=60)
        seen = cluster.red(directory / "broken.xml"), cluster.findings()
    finally:
        for breakage in attempted:
            if breakage.undo:
                cluster.order(breakage, breakage.undo)
        cluster.mend()
    return *seen, cluster.red(directory / "mended.xml"), cluster.findings()


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.title)
def test_a_breakage_turns_its_tests_red(broken, breakage):
    red, *_ = broken
    assert breakage.red <= red


def test_no_other_test_turns_red(broken):
    red, *_ = broken
    assert red - set().union(*(breakage.red | breakage.may for breakage in BREAKAGES)) == set()


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.title)
def test_the_status_names_a_breakage(cluster, broken, breakage):
    _, findings, *_ = broken
    assert [finding for finding in findings if re.match(cluster.fill_in(breakage.finding), finding)]


def test_the_status_names_nothing_else(cluster, broken):
    _, findings, *_ = broken
    expected = [cluster.fill_in(breakage.finding) for breakage in BREAKAGES]
    assert [finding for finding in findings if not any(re.match(each, finding) for each in expected)] == []


def test_all_is_well_when_it_is_mended(broken):
    *_, red, findings = broken
    assert (red, findings) == (set(), set())
