"""Variables: those that are missing, unknown, or not what they must be."""

import difflib
import re

from credentials import ROTATED, ROTATING

from .inventory import integer
from .specs import SECRETS, complaint, inventory_variables, prefixes, role_variables

FOREIGN = ("ansible_", "lab_", "inventory_", "group", "_")
SIMILAR = 0.7  # enough to be suggested, where the name begins like ours
ALIKE = 0.9  # enough to be taken for ours, where it does not


def needed(inventory):
    """What the stack can't do without is set."""
    for name, option in inventory_variables().items():
        empty = option.get("required") and inventory.shared(name) in (None, "", [])
        if empty and not inventory.unreadable_on(name):
            yield f"{name} is not set: add it to group_vars/cluster/main.yml, such as {name}: {option['example']}"


def unknown(inventory):
    """Names that nothing reads: mostly a slip of the pen, which would pass unnoticed."""
    known = sorted({*inventory_variables(), *role_variables(), *SECRETS, ROTATED, ROTATING})
    hosts_by_name = {}
    for host in inventory.hosts:
        for name in set(inventory.hostvars[host]) - set(known):
            hosts_by_name.setdefault(name, []).append(host)
    found = {}
    for name, hosts in sorted(hosts_by_name.items()):
        prefix = next((prefix for prefix in prefixes() if name.startswith(prefix)), None)
        if name.startswith(FOREIGN):
            continue
        similar = difflib.get_close_matches(name, known, n=1, cutoff=SIMILAR if prefix else ALIKE)
        if similar:
            found[f"{name} is unknown: did you mean {similar[0]}?"] = hosts
        elif prefix:
            found[f"{name} is unknown: see docs/variables.md, and let names of your own not begin with {prefix}"] = (
                hosts
            )
    yield from inventory.labelled(found)


def values(inventory):
    """Types, choices and ranges."""
    found = {}
    for host in inventory.hosts:
        for name in sorted(set(inventory.hostvars[host]) & role_variables().keys()):
            judge(found, host, name, role_variables()[name], inventory.guess(host, name))
        for name, option in inventory_variables().items():
            if name.startswith("host_"):
                judge(found, host, name, option, inventory.value(host, name))
    yield from inventory.labelled(found)
    for name, option in inventory_variables().items():
        value = inventory.shared(name) if name.startswith("cluster_") else None
        if value not in (None, "", []) and (fault := complaint(name, option, value)):
            yield fault


def elections(inventory):
    """etcd does not start where its followers would lose patience between heartbeats."""
    found = {}
    for host in inventory.groups.get("etcd", []):
        heartbeat, election = (
            integer(inventory.guess(host, name)) or role_variables()[name]["default"]
            for name in ("etcd_heartbeat_ms", "etcd_election_ms")
        )
        if election < 5 * heartbeat:
            message = f"etcd_election_ms must be at least 5 times etcd_heartbeat_ms, {5 * heartbeat}, not {election}"
            found.setdefault(message, []).append(host)
    for message, hosts in found.items():
        yield f"{', '.join(hosts)}: {message}"


def judge(found, host, name, option, value):
    """Note what is wrong with a variable on a host."""
    fault = None if value is None else complaint(name, option, value)
    if fault:
        found.setdefault(fault, []).append(host)


def differing(inventory):
    """Variables of the cluster that hosts do not agree on."""
    for name in inventory_variables():
        if not name.startswith("cluster_"):
            continue
        first = inventory.guess(inventory.hosts[0], name)
        others = [host for host in inventory.hosts if inventory.guess(host, name) != first]
        if others:
            yield (
                f"{name} is not the same on {', '.join(others)} as on {inventory.hosts[0]}: "
                "set it in group_vars/cluster alone"
            )


def origins(inventory):
    """Browsers send scheme and host, and nothing after them."""
    listed = inventory.shared("cluster_public_origins")
    for origin in listed if isinstance(listed, list) else []:
        if not re.match(r"https?://[^/]+$", str(origin)):
            yield f"cluster_public_origins: {origin!r} must be scheme and host, such as https://www.example.com"
