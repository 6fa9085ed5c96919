"""The secrets playbook, run for real, and the filters behind it."""

import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import credentials
import pytest
import yaml
from ansible.errors import AnsibleFilterError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from harness import PROJECT, make_inventory

BIN = Path(sys.executable).parent
CUSTOMERS = [{"name": "customers"}]
EVERYTHING = [
    "secrets_postgresql_replication_password",
    "secrets_postgresql_rewind_password",
    "secrets_authorities.control",
    "secrets_authorities.services",
    "secrets_apps.customers.secret_key",
    "secrets_apps.customers.database_password",
    "secrets_apps.customers.database_owner_password",
    "secrets_apps.customers.redis_password",
    "secrets_apps.customers.admin_password",
]


def leaves(value):
    """Every string in nested mappings."""
    return [value] if isinstance(value, str) else [leaf for item in value.values() for leaf in leaves(item)]


class Secrets:
    """One inventory without secrets, and the playbook that makes them."""

    def __init__(self, directory):
        self.inventory = make_inventory(directory, secrets=None)
        self.file = self.inventory / "group_vars" / "cluster" / "secrets.yml"
        self.main = self.inventory / "group_vars" / "cluster" / "main.yml"
        # Whatever an inventory says of its hosts, the controller is not one of them.
        lab = self.file.with_name("lab.yml")
        lab.write_text(lab.read_text() + "ansible_become: true\nansible_python_interpreter: /nonexistent\n")

    def make(self, *arguments):
        return subprocess.run(
            [BIN / "ansible-playbook", "-i", self.inventory, "ansible/playbooks/secrets.yml", "--diff", *arguments],
            cwd=PROJECT,
            env=os.environ | {"ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg")},
            capture_output=True,
            text=True,
            check=False,
        )

    def content(self):
        return yaml.safe_load(self.file.read_text())


@pytest.fixture
def inventory_secrets(tmp_path):
    return Secrets(tmp_path / "inventory")


def test_it_makes_what_is_missing_and_changes_nothing_else(inventory_secrets):
    first = inventory_secrets.make()
    assert first.returncode == 0, first.stdout
    assert "changed=1" in first.stdout
    assert stat.S_IMODE(inventory_secrets.file.stat().st_mode) == 0o600
    made = inventory_secrets.content()
    assert not [leaf for leaf in leaves(made) if leaf.strip() in first.stdout + first.stderr], "a secret was printed"

    text = inventory_secrets.file.read_text()
    second = inventory_secrets.make()
    assert "changed=0" in second.stdout
    assert inventory_secrets.file.read_text() == text

    # One more app, and something of the user's own
    inventory_secrets.file.write_text(text + "secrets_of_our_own: kept\n")
    inventory_secrets.file.chmod(0o644)
    inventory_secrets.main.write_text(inventory_secrets.main.read_text() + "  - {name: shop}\n")
    assert inventory_secrets.make().returncode == 0
    grown = inventory_secrets.content()
    assert grown["secrets_apps"].pop("shop").keys() == made["secrets_apps"]["customers"].keys()
    assert grown == made | {"secrets_of_our_own": "kept"}
    assert stat.S_IMODE(inventory_secrets.file.stat().st_mode) == 0o600


def test_an_encrypted_file_is_read_but_not_written(inventory_secrets, tmp_path):
    password = tmp_path / "password"
    password.write_text("swordfish\n")
    vault = ["--vault-password-file", str(password)]
    inventory_secrets.file.write_text(credentials.completed_secrets("", CUSTOMERS, "pergola"))
    subprocess.run([BIN / "ansible-vault", "encrypt", *vault, inventory_secrets.file], check=True, capture_output=True)
    encrypted = inventory_secrets.file.read_text()

    assert inventory_secrets.make(*vault).returncode == 0

    inventory_secrets.main.write_text(inventory_secrets.main.read_text() + "  - {name: shop}\n")
    refused = inventory_secrets.make(*vault)
    assert refused.returncode != 0
    assert "is encrypted and lacks secrets_apps.shop.secret_key" in refused.stdout
    assert f"Type: ansible-vault decrypt {inventory_secrets.file}" in refused.stdout
    assert inventory_secrets.file.read_text() == encrypted


def test_an_inventory_without_a_name_is_told_so(inventory_secrets):
    inventory_secrets.main.write_text("---\ncluster_apps: [{name: customers}]\n")
    refused = inventory_secrets.make()
    assert refused.returncode != 0
    assert "Set cluster_name and cluster_apps in" in refused.stdout
    assert not inventory_secrets.file.exists()


def test_missing_ones_are_named():
    assert credentials.missing_secrets("", CUSTOMERS) == EVERYTHING
    text = credentials.completed_secrets("", CUSTOMERS, "pergola")
    assert credentials.missing_secrets(text, CUSTOMERS) == []
    assert credentials.missing_secrets(text, [*CUSTOMERS, {"name": "shop"}])[0] == "secrets_apps.shop.secret_key"


def test_a_complete_file_is_returned_as_it_is():
    text = "# ours\n" + credentials.completed_secrets("", CUSTOMERS, "pergola")
    assert credentials.completed_secrets(text, CUSTOMERS, "pergola") == text


def test_values_encrypted_one_by_one_count_as_present():
    text = "secrets_postgresql_rewind_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3061\n"
    assert "secrets_postgresql_rewind_password" not in credentials.missing_secrets(text, CUSTOMERS)


def test_no_two_passwords_are_alike_and_none_needs_quoting():
    content = yaml.safe_load(credentials.completed_secrets("", CUSTOMERS, "pergola"))
    passwords = [leaf for leaf in leaves(content) if "BEGIN" not in leaf]
    assert len(set(passwords)) == 7
    assert all(password.isalnum() and len(password) >= 24 for password in passwords)
    assert len(content["secrets_apps"]["customers"]["secret_key"]) == 64


@pytest.mark.parametrize("name", ["control", "services"])
def test_authorities_are_strict(name):
    content = yaml.safe_load(credentials.completed_secrets("", CUSTOMERS, "pergola"))
    pair = content["secrets_authorities"][name]
    certificate = x509.load_pem_x509_certificate(pair["certificate"].encode())
    key = load_pem_private_key(pair["key"].encode(), password=None)
    assert certificate.public_key() == key.public_key()
    assert isinstance(key.curve, ec.SECP256R1)
    assert certificate.subject.rfc4514_string() == f"CN=pergola {name} authority"
    assert 3640 < (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days < 3660
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign and usage.value.crl_sign and not usage.value.digital_signature
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length == 0
    assert certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_accepts_an_authority_strictly(tmp_path):
    content = yaml.safe_load(credentials.completed_secrets("", CUSTOMERS, "pergola"))
    path = tmp_path / "ca.crt"
    path.write_text(content["secrets_authorities"]["control"]["certificate"])
    subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", path, path], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: b\nsecrets_x: hunter2: y\n", "not valid YAML at line 2"),
        ("- a\n", "must hold variables"),
        ("secrets_authorities: {control: {key: hunter2}}", "control has only its key: restore the other half"),
    ],
)
def test_a_damaged_file_is_refused_without_quoting_it(text, complaint):
    with pytest.raises(AnsibleFilterError, match=complaint) as error:
        credentials.missing_secrets(text, CUSTOMERS)
    assert "hunter2" not in str(error.value)


def test_a_rotation_changes_all_but_authorities_and_what_people_type():
    text = credentials.completed_secrets("", CUSTOMERS, "pergola")
    before, after = yaml.safe_load(text), yaml.safe_load(credentials.rotated_secrets(text, CUSTOMERS))
    assert after["secrets_authorities"] == before["secrets_authorities"]
    for name in credentials.CLUSTER_PASSWORDS:
        assert len(after[name]) == len(before[name])
        assert after[name] != before[name]
    old, new = before["secrets_apps"]["customers"], after["secrets_apps"]["customers"]
    assert {name for name in old if new[name] == old[name]} == {"admin_password"}
    assert new["secret_key_before"] == old["secret_key"]
    assert new["redis_password_before"] == old["redis_password"]


def test_a_rotation_that_is_under_way_makes_nothing_more_until_it_is_settled():
    begun = credentials.rotated_secrets(credentials.completed_secrets("", CUSTOMERS, "pergola"), CUSTOMERS)
    assert credentials.rotated_secrets(begun, CUSTOMERS) == begun
    settled = credentials.settled_secrets(begun)
    expected = {**yaml.safe_load(begun)}
    del expected[credentials.ROTATING], expected["secrets_apps"]["customers"]["redis_password_before"]
    assert yaml.safe_load(settled) == expected
    assert credentials.missing_secrets(settled, CUSTOMERS) == []
    assert credentials.rotated_secrets(settled, CUSTOMERS) != settled


def test_a_rotation_notes_when_the_secrets_were_made():
    text = credentials.rotated_secrets(credentials.completed_secrets("", CUSTOMERS, "pergola"), CUSTOMERS)
    made = yaml.safe_load(credentials.settled_secrets(text))[credentials.ROTATED]
    assert made <= f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert made > "2026-01-01T00:00:00Z"
