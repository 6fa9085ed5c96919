"""Preflight: everything that is wrong with an inventory and its hosts, said before anything is changed.

Each check is a function of the inventory that yields messages; a message names the variable or host, and what to do.
"""

from . import apps, certificates, groups, hosts, secrets_file, sizes, variables
from .inventory import Inventory

CHECKS = (
    groups.needed,
    groups.outside,
    groups.etcd_count,
    groups.single_hosts,
    groups.idle,
    groups.names,
    variables.needed,
    variables.unknown,
    variables.values,
    variables.differing,
    variables.origins,
    variables.elections,
    groups.addresses,
    groups.virtual_address,
    apps.fields,
    apps.collisions,
    apps.projects,
    certificates.of_visitors,
    sizes.connection_budget,
    sizes.memory,
    sizes.machine,
    hosts.reachable,
    hosts.release,
    hosts.removed,
    hosts.disk,
    secrets_file.missing,
    secrets_file.foreign,
    secrets_file.outdated,
)


def inventory_faults(groups, hostvars):
    """Everything that is wrong.

    groups:   Ansible's groups, {name: [hosts]}
    hostvars: Ansible's hostvars, {host: {variable: value}}, with what preflight's tasks asked of hosts, if they did
    returns:  messages; empty when all is well
    """
    inventory = Inventory(groups, hostvars)
    if not inventory.hosts:
        return ["group cluster has no host: fill in hosts.yml"]
    faults = [fault for check in CHECKS for fault in check(inventory)]
    return [*inventory.unreadable_faults(), *faults]
