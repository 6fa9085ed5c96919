"""What is wrong with an inventory, found without touching a host.

Each check yields messages that name the variable or host and what to do; `inventory_faults` collects all of them.
"""

import ipaddress
import re
import sys
from collections import Counter
from pathlib import Path

from ansible.errors import AnsibleError, AnsibleFilterError
from jinja2 import TemplateError, Undefined, UndefinedError

# Ansible loads each filter file by itself, without a package around it.
sys.path.insert(0, str(Path(__file__).parent))

from budget import pgbouncer_pool_sizes
from credentials import CLUSTER_PASSWORDS, missing_names
from sizing import SYSTEM_MB, TIERS, gunicorn_workers, tier_memory_mb

NEEDED_GROUPS = ("loadbalancer", "app", "postgres", "etcd", "redis")

# Where a missing one stops the run, and an example of what to write.
NEEDED_VARIABLES = {
    "cluster_name": "pergola",
    "cluster_domain": "pergola.internal",
    "cluster_public_names": "[www.example.com]",
    "cluster_public_port": "443",
    "cluster_public_origins": "[https://www.example.com]",
    "cluster_max_connections": "100",
    "cluster_app_instances": "2",
    "cluster_apps": "[{name: shop, path: app, wsgi: 'config.wsgi:application', settings: config.settings, port: 8000}]",
}
SECRETS = (*CLUSTER_PASSWORDS, "secrets_authorities", "secrets_apps")

APP_FIELDS = {
    "name": r"[a-z][a-z0-9_]{0,24}",
    "path": r"[\w./-]+",
    "wsgi": r"\w+(\.\w+)*:\w+",
    "settings": r"\w+(\.\w+)*",
    "port": r"\d{4,5}",
}
APP_OPTIONS = ("server_names",)
# An app is an OS user, a database and a directory in /etc and /opt: these exist already.
RESERVED_NAMES = {
    "alternatives", "apt", "bin", "daemon", "dbus", "default", "docker", "dpkg", "etcd", "games", "haproxy",
    "keepalived", "kernel", "ldap", "mail", "network", "nginx", "nobody", "patroni", "pergola", "pgbackrest",
    "pgbouncer", "postgres", "postgresql", "prometheus", "python3", "redis", "replicator", "rewind", "root",
    "security", "skel", "ssh", "sshd", "ssl", "sudoers", "sync", "sys", "systemd", "template0", "template1",
    "terminfo", "udev",
}  # fmt: skip
RESERVED_PORTS = {2379, 2380, 5000, 5001, 5432, 6379, 6432, 8008}


def _plain(value):
    """`value` as plain Python data; whatever it refers to is looked up here."""
    if isinstance(value, Undefined):
        str(value)  # Ansible's own kind raises here, and says what is undefined
        raise UndefinedError
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _integer(value):
    """`value` as an integer, or None."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


class _Inventory:
    """The hosts, groups and variables to check. Variables that cannot be evaluated become faults, and None."""

    def __init__(self, groups, hostvars):
        self.groups = {name: sorted(hosts) for name, hosts in groups.items()}
        self.hosts = self.groups.get("cluster", [])
        self.hostvars = hostvars
        self.unreadable = {}

    def value(self, host, name, label=None):
        """A variable of one host, or None."""
        try:
            return _plain(self.hostvars[host].get(name))
        except (AnsibleError, TemplateError) as error:
            self.unreadable.setdefault((name, str(error)), set()).add(label or host)
            return None

    def unreadable_on(self, name):
        """The hosts whose variable `name` could not be evaluated, which is a fault by itself."""
        return {host for (variable, _), hosts in self.unreadable.items() if variable == name for host in hosts}

    def shared(self, name):
        """A variable of the whole cluster."""
        return self.value(self.hosts[0], name, label="cluster")

    def tiers(self, host):
        return [tier for tier in TIERS if host in self.groups.get(tier, [])]

    def apps(self):
        """The entries of cluster_apps that can be worked with."""
        apps = self.shared("cluster_apps")
        return [app for app in apps if isinstance(app, dict) and "name" in app] if isinstance(apps, list) else []

    def app_instances(self):
        """Instances of each app on each app host; one while that is not known, so that other checks can go on."""
        return max(1, _integer(self.shared("cluster_app_instances")) or 1)

    def unreadable_faults(self):
        for (name, reason), hosts in self.unreadable.items():
            hint = ": type make up, which makes the lab's variables" if "'lab_" in reason else ""
            yield f"{', '.join(sorted(hosts))}: {name} can't be evaluated, {reason.rstrip('.')}{hint}"


def _needed_groups(inventory):
    for group in NEEDED_GROUPS:
        if not inventory.groups.get(group):
            yield f"group {group} has no host: add one to the inventory"
    for group in TIERS:
        for host in sorted(set(inventory.groups.get(group, [])) - set(inventory.hosts)):
            yield f"{host} is in group {group} but not in cluster: make {group} a child of cluster"


def _etcd_count(inventory):
    count = len(inventory.groups.get("etcd", []))
    if count and count % 2 == 0:
        yield (
            f"group etcd has {count} hosts, which survive no more failures than {count - 1}: "
            f"use {count - 1} or {count + 1}"
        )


def _needed_variables(inventory):
    for name, example in NEEDED_VARIABLES.items():
        value = inventory.shared(name)
        if inventory.unreadable_on(name):
            continue
        if value in (None, "", []):
            yield f"{name} is not set: add it to group_vars/cluster/main.yml, such as {name}: {example}"
        elif example.startswith("[") and not isinstance(value, list):
            yield f"{name} must be a list, such as {name}: {example}"
        elif example.isdigit() and (_integer(value) or 0) < 1:
            yield f"{name} must be a whole number above 0, not {value!r}"
    origins = inventory.shared("cluster_public_origins")
    for origin in origins if isinstance(origins, list) else []:
        if not re.match(r"https?://[^/]+$", str(origin)):
            yield f"cluster_public_origins: {origin!r} must be scheme and host, such as https://www.example.com"


def _host_addresses(inventory):
    hosts_by_address = {}
    for host in inventory.hosts:
        address = inventory.value(host, "host_address")
        if host in inventory.unreadable_on("host_address"):
            continue
        if not address:
            yield f"{host}: host_address is not set: add to hosts.yml the address that the other hosts reach it by"
            continue
        try:
            ipaddress.ip_address(str(address))
        except ValueError:
            yield f"{host}: host_address must be an IP address, not {address!r}"
        hosts_by_address.setdefault(str(address), []).append(host)
    for address, hosts in hosts_by_address.items():
        if len(hosts) > 1:
            yield f"{', '.join(hosts)} have the same host_address {address}: give each host its own"


def _apps(inventory):
    apps = inventory.shared("cluster_apps")
    for position, app in enumerate(apps if isinstance(apps, list) else []):
        if not isinstance(app, dict):
            yield f"cluster_apps[{position}] must be a mapping with {', '.join(APP_FIELDS)}"
            continue
        label = f"cluster_apps[{position}] ({app.get('name', 'without a name')})"
        for field, pattern in APP_FIELDS.items():
            if field not in app:
                yield f"{label}: {field} is missing"
            elif not re.fullmatch(pattern, str(app[field])):
                yield f"{label}: {field} {app[field]!r} must match {pattern}"
        known = (*APP_FIELDS, *APP_OPTIONS)
        for field in sorted(app.keys() - set(known)):
            yield f"{label}: {field} is unknown, known are {', '.join(known)}"
        if not isinstance(app.get("server_names", []), list):
            yield f"{label}: server_names must be a list, such as [www.example.com]"
        if app.get("name") in RESERVED_NAMES:
            yield f"{label}: the name is taken by the system: choose another one"


def _app_collisions(inventory):
    apps = inventory.apps()
    databases = Counter(str(app["name"]) + suffix for app in apps for suffix in ("", "_ro", "_owner"))
    for name in sorted(name for name, count in databases.items() if count > 1):
        yield f"cluster_apps: two apps would both make {name}: rename one of them"
    instances = inventory.app_instances()
    taken = dict.fromkeys(RESERVED_PORTS, "another service")
    for app in apps:
        port = _integer(app.get("port"))
        for number in range(port, port + instances + 1) if port else []:
            if number in taken:
                yield (
                    f"cluster_apps ({app['name']}): port {port} with {instances} instances needs {number}, "
                    f"which {taken[number]} uses: choose another port"
                )
                break
        taken.update(dict.fromkeys(range(port, port + instances + 1), app["name"]) if port else {})


def _secrets(inventory):
    content = {name: inventory.shared(name) for name in SECRETS}
    command = f"type make secrets INVENTORY={inventory.shared('inventory_dir')}"
    if not any(content.values()):
        yield f"this inventory has no secrets: {command}"
        return
    try:
        missing = missing_names(content, inventory.apps())
    except AnsibleFilterError as error:
        yield str(error)
        return
    if missing:
        yield f"secrets are missing ({', '.join(missing)}): {command}"


def _connection_budget(inventory):
    limit = _integer(inventory.shared("cluster_max_connections"))
    hosts, apps = inventory.groups.get("app"), inventory.apps()
    if limit and limit > 0 and hosts and apps:
        try:
            pgbouncer_pool_sizes(limit, hosts, apps)
        except AnsibleFilterError as error:
            yield f"cluster_max_connections does not fit: {error}"


def _sizes(inventory):
    """Memory that is set in the inventory; what only the host itself knows is checked when its facts are there."""
    for host in inventory.hosts:
        cpus = inventory.value(host, "host_cpus")
        if cpus is not None and (_integer(cpus) or 0) < 1:
            yield f"{host}: host_cpus must be a whole number above 0, not {cpus!r}"
        memory = inventory.value(host, "host_memory_mb")
        if memory is None or not inventory.tiers(host):
            continue
        try:
            parts = {tier: tier_memory_mb(memory, inventory.tiers(host), tier) for tier in inventory.tiers(host)}
            if "app" in parts and inventory.apps():
                gunicorn_workers(1, inventory.app_instances(), parts["app"] // len(inventory.apps()))
        except AnsibleFilterError as error:
            yield f"{host}: {error}"


def _machine(inventory):
    """Hosts that are containers of one machine: what their tiers claim must fit it."""
    machine = _integer(inventory.shared("cluster_machine_memory_mb"))
    memory = [_integer(inventory.value(host, "host_memory_mb")) for host in inventory.hosts]
    if machine and all(memory):
        claimed = SYSTEM_MB + sum(number - SYSTEM_MB for number in memory)
        if claimed > machine:
            yield (
                f"the tiers of {len(memory)} hosts claim {claimed} MB of one machine with {machine} MB "
                "(cluster_machine_memory_mb): lower host_memory_mb"
            )


CHECKS = (
    _needed_groups,
    _etcd_count,
    _needed_variables,
    _host_addresses,
    _apps,
    _app_collisions,
    _secrets,
    _connection_budget,
    _sizes,
    _machine,
)


def inventory_faults(groups, hostvars):
    """Everything that is wrong with an inventory.

    groups:   Ansible's groups, {name: [hosts]}
    hostvars: Ansible's hostvars, {host: {variable: value}}
    returns:  messages, each with the variable or host and what to do; empty when all is well
    """
    inventory = _Inventory(groups, hostvars)
    if not inventory.hosts:
        return ["group cluster has no host: fill in hosts.yml"]
    faults = [fault for check in CHECKS for fault in check(inventory)]
    return list(inventory.unreadable_faults()) + faults


class FilterModule:
    """The filter of the preflight role."""

    def filters(self):
        """Name each public function."""
        return {"inventory_faults": inventory_faults}
