"""The certificate that visitors see, where it is not one of the internal authority."""

import ipaddress
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from .groups import is_address
from .inventory import PROJECT

VAULT = b"$ANSIBLE_VAULT"  # what is encrypted can't be looked into here


def of_visitors(inventory):
    """The two files are there and belong to each other, to the public names and to this time."""
    found = {}
    for host in inventory.groups.get("loadbalancer", []):
        if host not in inventory.hostvars:
            continue
        files = tuple(str(inventory.guess(host, f"nginx_tls_{part}") or "") for part in ("certificate", "key"))
        found.setdefault(files, []).append(host)
    for certificate, key in found:
        if certificate and key:
            yield from pair(inventory, PROJECT / Path(certificate).expanduser(), PROJECT / Path(key).expanduser())
        elif certificate or key:
            yield "nginx_tls_certificate and nginx_tls_key are both file names on the controller, or both empty"


def pair(inventory, certificate_file, key_file):
    """What is wrong with a certificate and its key."""
    missing = [
        f"{name}: there is no file {file} on the controller: correct the path"
        for name, file in (("nginx_tls_certificate", certificate_file), ("nginx_tls_key", key_file))
        if not file.is_file()
    ]
    if missing:
        yield from missing
        return
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    except ValueError:
        file = certificate_file
        yield f"nginx_tls_certificate: {file} holds no certificate in PEM: give the certificate, then its chain"
        return
    yield from validity(certificate, certificate_file)
    yield from coverage(inventory, certificate, certificate_file)
    yield from match(certificate, certificate_file, key_file)


def validity(certificate, file):
    """Browsers refuse it before and after its time."""
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc < now:
        yield f"nginx_tls_certificate: {file} expired on {certificate.not_valid_after_utc:%Y-%m-%d}: renew it"
    if certificate.not_valid_before_utc > now:
        begin = certificate.not_valid_before_utc
        yield f"nginx_tls_certificate: {file} is valid only from {begin:%Y-%m-%d}: wait, or set the controller's clock"


def coverage(inventory, certificate, file):
    """Every public name is in it."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        covered = [name.lower() for name in alternatives.get_values_for_type(x509.DNSName)]
        covered += map(str, alternatives.get_values_for_type(x509.IPAddress))
    except x509.ExtensionNotFound:
        covered = []
    listed = [inventory.shared("cluster_public_names"), *(app.get("server_names") for app in inventory.apps())]
    names = dict.fromkeys(str(name) for part in listed if isinstance(part, list) for name in part)
    lacking = [name for name in names if not covers(covered, name.lower())]
    if lacking:
        yield (
            f"nginx_tls_certificate: {file} is for {', '.join(covered) or 'no name'} and not for {', '.join(lacking)}: "
            "get one for all public names"
        )


def covers(covered, name):
    """Whether a name is among those of a certificate, of which one may begin with *."""
    if is_address(name):
        return str(ipaddress.ip_address(name)) in covered
    return name in covered or f"*.{name.partition('.')[2]}" in covered


def match(certificate, certificate_file, key_file):
    """The key is the certificate's, and nginx can read it without a passphrase."""
    content = key_file.read_bytes()
    if content.startswith(VAULT):
        return
    try:
        public = load_pem_private_key(content, None).public_key()
    except TypeError:
        yield f"nginx_tls_key: {key_file} asks for a passphrase, which nobody can type: take it off by openssl pkey"
        return
    except ValueError:
        yield f"nginx_tls_key: {key_file} holds no key in PEM: correct the path"
        return
    shape = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*shape) != certificate.public_key().public_bytes(*shape):
        yield f"nginx_tls_key: {key_file} is not the key of {certificate_file}: give the two that belong together"
