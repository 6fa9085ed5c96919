"""The secrets of one inventory: what has to exist, and what is missing of it.

Only this module makes secrets up; ansible/playbooks/secrets.yml and rotate_secrets.yml call it.
"""

import secrets
import string
from datetime import UTC, datetime, timedelta

import yaml
from ansible.errors import AnsibleFilterError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Letters and digits only: no configuration file or command needs to quote them.
ALPHABET = string.ascii_letters + string.digits

CLUSTER_PASSWORDS = {"secrets_postgresql_replication_password": 32, "secrets_postgresql_rewind_password": 32}
APP_PASSWORDS = {
    "secret_key": 64,
    "database_password": 32,
    "database_owner_password": 32,
    "redis_password": 32,
    "admin_password": 24,
}
KEPT = ("admin_password",)  # a person's, who changes it in the admin
ROTATING = "secrets_rotating"  # stands in the file until all hosts have what is new
ROTATED = "secrets_rotated"  # when they were made, by which preflight knows an older file
PASSWORD_BEFORE = "redis_password_before"  # of an app, while some instances know no other
AUTHORITIES = ("control", "services")
AUTHORITY_YEARS = 10

HEADER = "# Made by `make secrets`, which adds what is missing and changes nothing that is here. Keep a copy."


class _Loader(yaml.SafeLoader):
    """Reads what ansible-vault encrypted value by value as opaque text."""


class _Dumper(yaml.SafeDumper):
    """Writes PEM blocks as blocks."""


_Loader.add_constructor("!vault", _Loader.construct_yaml_str)
_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def _password(length):
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _authority(common_name):
    """A new certificate authority: P-256, strict enough for OpenSSL's x509_strict and Python 3.13."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    usages = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # hosts whose clock is late
        .not_valid_after(now + timedelta(days=365 * AUTHORITY_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usages), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"key": private.decode(), "certificate": certificate.public_bytes(serialization.Encoding.PEM).decode()}


def _load(text):
    try:
        content = _Loader(text).get_single_data() or {}
    except yaml.YAMLError as error:  # the parser's own message quotes the file
        line = error.problem_mark.line + 1 if getattr(error, "problem_mark", None) else "?"
        raise AnsibleFilterError(f"secrets.yml is not valid YAML at line {line}") from None
    if not isinstance(content, dict):
        raise AnsibleFilterError("secrets.yml must hold variables (name: value)")
    return content


def _wanted(apps, cluster_name=""):
    """Every secret of a cluster: its path in the file, and what makes it."""
    for name, length in CLUSTER_PASSWORDS.items():
        yield (name,), lambda length=length: _password(length)
    for name in AUTHORITIES:
        yield ("secrets_authorities", name), lambda name=name: _authority(f"{cluster_name} {name} authority")
    for app in apps:
        for name, length in APP_PASSWORDS.items():
            yield ("secrets_apps", str(app["name"]), name), lambda length=length: _password(length)


def _find(content, path):
    for name in path:
        content = (content or {}).get(name)
    return content


def missing_names(content, apps):
    """What the secrets `content` (a mapping) lack for `apps`, as dotted names."""
    for name in AUTHORITIES:
        parts = [part for part in ("key", "certificate") if _find(content, ("secrets_authorities", name, part))]
        if len(parts) == 1:
            raise AnsibleFilterError(
                f"secrets_authorities.{name} has only its {parts[0]}: restore the other half from a backup, "
                "or remove it to get a new authority"
            )
    return [".".join(path) for path, _ in _wanted(apps) if not _find(content, path)]


def missing_secrets(text, apps):
    """What a secrets file lacks.

    text:    the file's content, decrypted; empty when there is none
    apps:    cluster_apps
    returns: dotted names, such as secrets_apps.shop.redis_password
    raises:  AnsibleFilterError when the file is damaged
    """
    return missing_names(_load(text), apps)


def completed_secrets(text, apps, cluster_name):
    """A secrets file with what it lacked; exactly the same text when it lacked nothing.

    text:         the file's content, decrypted; empty when there is none
    apps:         cluster_apps
    cluster_name: part of the authorities' names
    returns:      the new content
    raises:       AnsibleFilterError when the file is damaged
    """
    content = _load(text)
    if not missing_names(content, apps):
        return text
    for path, make in _wanted(apps, cluster_name):
        if not _find(content, path):
            parent = content
            for name in path[:-1]:
                parent[name] = parent.get(name) or {}
                parent = parent[name]
            parent[path[-1]] = make()
    return _dump(content)


def rotated_secrets(text, apps):
    """A secrets file with new passwords and keys, marked as such; the same text when it is marked already.

    What an app signed with its key before stays valid by `secret_key_before`, and Redis takes `redis_password_before`
    as well until the rotation is settled. Authorities stay, and what people type.

    text:    the file's content, decrypted
    apps:    cluster_apps
    returns: the new content
    raises:  AnsibleFilterError when the file is damaged
    """
    content = _load(text)
    if ROTATING in content:
        return text
    for name, length in CLUSTER_PASSWORDS.items():
        content[name] = _password(length)
    for app in apps:
        own = content["secrets_apps"][app["name"]]
        own["secret_key_before"] = own["secret_key"]
        own[PASSWORD_BEFORE] = own["redis_password"]
        own.update({name: _password(length) for name, length in APP_PASSWORDS.items() if name not in KEPT})
    return _dump({**content, ROTATED: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", ROTATING: True})


def settled_secrets(text):
    """A secrets file without the mark, and without the passwords that were valid during the rotation.

    text:    the file's content, decrypted
    returns: the new content
    raises:  AnsibleFilterError when the file is damaged
    """
    content = _load(text)
    content.pop(ROTATING, None)
    for own in content.get("secrets_apps", {}).values():
        own.pop(PASSWORD_BEFORE, None)
    return _dump(content)


def _dump(content):
    return f"---\n{HEADER}\n" + yaml.dump(content, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=120)


class FilterModule:
    """Filters for the playbooks that write secrets."""

    def filters(self):
        """Name each public function."""
        return {
            "missing_secrets": missing_secrets,
            "completed_secrets": completed_secrets,
            "rotated_secrets": rotated_secrets,
            "settled_secrets": settled_secrets,
        }
