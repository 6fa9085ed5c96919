"""Two authorities, and from each exactly the certificates that a host needs, good for what they are for."""

import pytest

testinfra_hosts = ["cluster"]

TLS = "/etc/pergola/tls"
MONTH = 30 * 24 * 3600
SERVER, CLIENT = "TLS Web Server Authentication", "TLS Web Client Authentication"

# By group and file name: the authority, what it is good for, whose key it is, names beside the host's own.
CERTIFICATES = {
    "etcd": {"etcd": ("control", {SERVER, CLIENT}, "etcd", ["localhost"])},
    "postgres": {
        "patroni": ("control", {SERVER, CLIENT}, "postgres", []),
        "postgresql": ("services", {SERVER}, "postgres", ["postgresql.pergola.internal"]),
    },
    "redis": {"redis": ("services", {SERVER}, "redis", [])},
    "app": {"customers": ("services", {SERVER}, "customers", ["customers.pergola.internal"])},
    "loadbalancer": {
        "nginx": ("services", {SERVER}, "root", ["localhost"]),
        "nginx-upstream": ("services", {CLIENT}, "root", []),
    },
}


@pytest.fixture(scope="module")
def expected(groups):
    """The rows of the table for the host under test."""
    return {file: row for group in sorted(groups) for file, row in CERTIFICATES.get(group, {}).items()}


def test_there_are_no_others(host, expected):
    files = set(host.check_output("ls %s", TLS).split())
    wanted = {f"{file}.{kind}" for file in expected for kind in ("crt", "key")}
    # What a certificate was signed from may stay beside it.
    assert {file for file in files if not file.endswith(".csr")} == wanted | {"control-ca.crt", "services-ca.crt"}


def test_each_is_signed_by_its_authority_and_not_by_the_other(host, expected):
    for file, (authority, *_) in expected.items():
        other = {"control": "services", "services": "control"}[authority]
        verify = "openssl verify -x509_strict -CAfile %s %s"
        good = host.run(verify, f"{TLS}/{authority}-ca.crt", f"{TLS}/{file}.crt")
        assert good.succeeded, f"{file}: {good.stderr}"
        assert host.run(verify, f"{TLS}/{other}-ca.crt", f"{TLS}/{file}.crt").failed, file


def test_each_is_good_for_its_purpose_alone(host, expected):
    for file, (_, usages, _, _) in expected.items():
        text = host.check_output("openssl x509 -noout -ext extendedKeyUsage -in %s", f"{TLS}/{file}.crt")
        assert set(text.splitlines()[-1].strip().split(", ")) == usages, file


def test_none_expires_soon(host):
    for file in host.check_output(f"ls {TLS}/*.crt").split():
        assert host.run("openssl x509 -noout -checkend %s -in %s", str(MONTH), file).succeeded, file


def test_each_names_its_host(host, expected, name, address, cluster):
    for file, (_, usages, _, further) in expected.items():
        text = host.check_output("openssl x509 -noout -ext subjectAltName -in %s", f"{TLS}/{file}.crt")
        found = {entry.strip() for entry in text.splitlines()[-1].split(",")}
        wanted = {f"DNS:{entry}" for entry in [name, *further]}
        if SERVER in usages:
            wanted.add(f"IP Address:{address}")
        if file == "nginx" and hasattr(cluster, "cluster_virtual_address"):
            wanted.add(f"IP Address:{cluster.cluster_virtual_address}")
        assert wanted <= found <= wanted | {"IP Address:127.0.0.1"}, file


def test_each_fits_its_key(host, expected):
    for file in expected:
        of_key = host.check_output("openssl pkey -pubout -in %s", f"{TLS}/{file}.key")
        assert host.check_output("openssl x509 -noout -pubkey -in %s", f"{TLS}/{file}.crt") == of_key, file


def test_keys_are_their_owners_alone(host, expected):
    for file, (_, _, owner, _) in expected.items():
        key = host.file(f"{TLS}/{file}.key")
        assert (key.user, key.mode) == (owner, 0o600), file


def test_no_host_has_an_authoritys_key(host, secrets):
    """Searched for by what only that key has."""
    keys = {name: value for name, value in secrets.items() if name.endswith(".key")}
    assert len(keys) == 2
    found = host.run(f"cd {TLS} && cat $(find . -name '*.key')").stdout
    assert [name for name, value in keys.items() if value in found] == []


def test_authorities_sign_nothing_but_leaves(host):
    for authority in ("control", "services"):
        text = host.check_output(
            "openssl x509 -noout -ext basicConstraints,keyUsage -in %s", f"{TLS}/{authority}-ca.crt"
        )
        assert "CA:TRUE, pathlen:0" in text
        assert "Certificate Sign, CRL Sign" in text
