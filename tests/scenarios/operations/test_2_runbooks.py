"""Runbooks' situations are made, under load; the page's commands end them, as typed but for the names of hosts."""

import os
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, states
from scenarios.lab import ROOT
from toolbox import eventually, name_of

PACE = Settings(reads_per_second=120, writes_per_second=10)
PAGES = ROOT / "docs" / "runbooks"
# Where nothing is wrong these refuse, or do harm; tests/scenarios/deploy and failover/test_etcd_lost.py run them.
ELSEWHERE = {"make rollback", "make rebuild-etcd", "make rebuild-etcd ARGS='-e primary=db1'"}


def commands(page):
    """What a page says to type, line by line."""
    blocks = re.findall(r"^```\n(.*?)^```$", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def typed(inventory, lab):
    """typed("make status"): what it prints, for this inventory."""
    here = inventory.relative_to(ROOT)

    def run(command, check=True):
        command = re.sub(r"^make .*", rf"\g<0> INVENTORY={here}", command)
        command = re.sub(r"^\.venv/bin/ansible-playbook", rf"\g<0> -i {here}", command)
        command = re.sub(r"^ssh", f"{' '.join(lab.ssh)}", command)
        environment = os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "NO_COLOR": "1"}
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def is_well(hosts):
    """Whether there is a primary, and all others stream."""
    return states(hosts) == ["running", "streaming", "streaming"]


def replica(hosts):
    """A host that is no primary."""
    return next(host for host in hosts("postgres") if name_of(host) != leader(hosts))


def lose_the_primary(lab, hosts, secrets):
    """Its host dies, and is switched on again once its absence has been seen."""
    name = leader(hosts)
    lab.kill(name)
    assert eventually(lambda: leader(hosts, without=[name]) not in (None, name), seconds=90)
    return name, lambda: lab.start(name)


def stop_a_replica(lab, hosts, secrets):
    """Its data stay as they are."""
    host = replica(hosts)
    host.check_output("systemctl stop patroni")
    return name_of(host), lambda: host.check_output("systemctl start patroni")


def lose_a_member_of_etcd(lab, hosts, secrets):
    """With all that it kept."""
    host = hosts("etcd")[0]
    host.check_output("systemctl stop etcd; rm -r /var/lib/etcd/pergola")
    return name_of(host), lambda: None


def let_a_certificate_end(lab, hosts, secrets):
    """Redis', an hour ago; whoever asks Redis by TLS turns away."""
    host = hosts("redis")[0]
    path = "/etc/pergola/tls/redis.crt"
    authority = secrets["secrets_authorities"]["services"]
    issuer = x509.load_pem_x509_certificate(authority["certificate"].encode())
    key = load_pem_private_key(authority["key"].encode(), password=None)
    old = x509.load_pem_x509_certificate(host.check_output(f"cat {path}").encode())
    now = datetime.now(UTC)
    new = x509.CertificateBuilder(
        issuer_name=issuer.subject,
        subject_name=old.subject,
        public_key=old.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=2),
        not_valid_after=now - timedelta(hours=1),
        extensions=list(old.extensions),
    ).sign(key, hashes.SHA256())
    host.check_output(
        f"cat > {path} <<'END'\n{new.public_bytes(Encoding.PEM).decode()}END\nsystemctl restart redis-server"
    )
    return name_of(host), lambda: None


CASES = [
    ("primary-lost.md", lose_the_primary, "cannot be reached over ssh", Bound(failed=20, gap_s=40)),
    ("replica-lagging.md", stop_a_replica, "patroni.service is inactive", Bound(failed=0, gap_s=25)),
    ("etcd-member-lost.md", lose_a_member_of_etcd, "etcd.service is inactive", Bound(failed=0, gap_s=5)),
    ("certificate-expired.md", let_a_certificate_end, "redis.crt expired", Bound(failed=0, gap_s=5)),
]


@pytest.mark.parametrize(("page", "break_it", "finding", "bound"), CASES, ids=[case[0] for case in CASES])
def test_a_page_ends_its_situation(page, break_it, finding, bound, lab, inventory, hosts, visitors, typed):
    secrets = yaml.safe_load((inventory / "group_vars" / "cluster" / "secrets.yml").read_text())
    with Probe(visitors, PACE) as probe:
        assert probe.answered(10)
        name, before_the_commands = break_it(lab, hosts, secrets)
        assert finding in typed("make status", check=False)
        before_the_commands()
        for command in commands(page):
            if command not in ELSEWHERE:
                typed(re.sub(r"\bdb\d\b", name, command), check=command != "make status")
        assert eventually(lambda: is_well(hosts), seconds=90), states(hosts)
        assert probe.answered(20)
    typed("make status")  # which fails where something is left to do
    assert record(f"runbook {page.removesuffix('.md')}", [probe.report], bound), str(probe.report)


def test_the_look_for_space_works_on_a_disk_that_has_some(typed):
    for command in commands("disk-full.md"):
        assert "/var" in typed(command)


def test_every_page_is_tried():
    tried = {"disk-full.md", *(page for page, *_ in CASES)}
    left = {path.name for path in PAGES.glob("*.md")} - tried - {"README.md"}
    assert {command for page in left for command in commands(page)} <= ELSEWHERE
