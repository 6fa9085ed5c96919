"""The secrets: all there, and those that the hosts were set up with.

Every host has the certificate of the services authority. Who has lost the secrets of such hosts must not be told to
make new ones: the data would be behind passwords and certificates that nobody has.
"""

from hashlib import sha256

from ansible.errors import AnsibleFilterError
from credentials import AUTHORITIES, ROTATED, ROTATING, missing_names

from .specs import SECRETS

FILE = "group_vars/cluster/secrets.yml"
# The tiers whose data no run can make anew.
KEEPERS = {"etcd", "postgres"}


def missing(inventory):
    """What is not there, and where to get it from."""
    content = {name: inventory.shared(name) for name in SECRETS}
    command = f"type make secrets INVENTORY={inventory.directory}"
    lost = [name for name in AUTHORITIES if not all(half(inventory, name, part) for part in ("key", "certificate"))]
    lacks = "no secrets" if not any(content.values()) else f"no whole authority {' or '.join(lost)} in its secrets"
    if lost and set_up(inventory):
        yield (
            f"this inventory has {lacks}, but {', '.join(set_up(inventory))} were set up before: restore {FILE} "
            "from your backup, since new secrets would cut you off from the data"
        )
    elif lost and silent(inventory):
        yield (
            f"this inventory has {lacks}, and {', '.join(silent(inventory))} have not said whether they were set up "
            f"before: restore {FILE} if they were; only else {command}"
        )
    elif not any(content.values()):
        yield f"this inventory has no secrets: {command}"
    else:
        try:
            names = missing_names(content, inventory.apps())
        except AnsibleFilterError as error:
            yield str(error)
            return
        if names:
            yield f"secrets are missing ({', '.join(names)}): {command}"


def foreign(inventory):
    """Hosts that were set up with other secrets. Those without data are mended where one that has data has these."""
    mine = fingerprint(inventory)
    others = [host for host, theirs in set_up(inventory).items() if theirs != mine]
    keepers = [host for host in set_up(inventory) if KEEPERS & set(inventory.tiers(host))]
    if mine and others and (not keepers or set(keepers) & set(others)):
        yield (
            f"{', '.join(others)} were set up with other secrets than those in {FILE}: restore the file that they were "
            "set up with, since this one would cut you off from the data; install a host anew that comes from "
            "another cluster"
        )


def outdated(inventory):
    """Hosts that have newer passwords, which somebody else's rotation gave them. Who goes back on purpose says so."""
    mine = inventory.shared(ROTATED) or ""
    told = {host: answer.get("rotated", "") for host, answer in inventory.answers("__preflight_host").items()}
    newer = [host for host, theirs in told.items() if theirs > mine]
    if newer and not inventory.shared(ROTATING):
        yield (
            f"{', '.join(newer)} have the secrets of {max(told.values())}, which are newer than those in {FILE}: get "
            "the file from whoever ran rotate-secrets; to go back to yours, add secrets_rotating: true to it and run "
            "rotate-secrets"
        )


def set_up(inventory):
    """{host: fingerprint of the authority it trusts} of the hosts that an earlier run has set up."""
    answers = inventory.answers("__preflight_host")
    return {host: answer["authority"] for host, answer in answers.items() if answer.get("authority")}


def silent(inventory):
    """The hosts that did not say, or that this run does not ask; none has been set up without an address."""
    said = inventory.answers("__preflight_host")
    known = [host for host in inventory.hosts if inventory.guess(host, "host_address")]
    return [host for host in known if "authority" not in said.get(host, {})]


def fingerprint(inventory):
    """Of the services authority in the secrets."""
    text = half(inventory, "services", "certificate")
    return sha256(text.encode()).hexdigest() if text else ""


def half(inventory, name, part):
    """The key or the certificate of an authority, or None."""
    authorities = inventory.shared("secrets_authorities")
    authority = authorities.get(name) if isinstance(authorities, dict) else None
    return authority.get(part) if isinstance(authority, dict) else None
