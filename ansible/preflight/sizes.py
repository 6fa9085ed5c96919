"""What has to fit: connections into PostgreSQL's limit, tiers into memory."""

from ansible.errors import AnsibleFilterError
from budget import pgbouncer_pool_sizes
from sizing import SYSTEM_MB, gunicorn_workers, tier_memory_mb

from .inventory import integer


def connection_budget(inventory):
    """All pools together leave room for what is not pooled."""
    limit = integer(inventory.shared("cluster_max_connections"))
    hosts, apps = inventory.groups.get("app"), inventory.apps()
    if limit and limit > 0 and hosts and apps:
        try:
            pgbouncer_pool_sizes(limit, hosts, apps)
        except AnsibleFilterError as error:
            yield f"cluster_max_connections does not fit: {error}"


def memory(inventory):
    """Each host has enough for its tiers: as much as the inventory says, else as much as it is known to have."""
    for host in inventory.hosts:
        there = inventory.facts(host).get("memtotal_mb")
        set_to = integer(inventory.value(host, "host_memory_mb"))
        if set_to and there and set_to > there:
            yield f"{host}: host_memory_mb is {set_to}, and the host has {there} MB: lower it, or leave it out"
        size = set_to if set_to is not None else there
        if not size or size < 1 or not inventory.tiers(host):
            continue
        try:
            parts = {tier: tier_memory_mb(size, inventory.tiers(host), tier) for tier in inventory.tiers(host)}
            if "app" in parts and inventory.apps():
                gunicorn_workers(1, inventory.app_instances(), parts["app"] // len(inventory.apps()))
        except AnsibleFilterError as error:
            yield f"{host}: {error}"


def machine(inventory):
    """Hosts that are containers of one machine: what their tiers claim must fit it."""
    available = integer(inventory.shared("cluster_machine_memory_mb"))
    sizes = [integer(inventory.value(host, "host_memory_mb")) for host in inventory.hosts]
    if available and all(sizes):
        claimed = SYSTEM_MB + sum(number - SYSTEM_MB for number in sizes)
        if claimed > available:
            yield (
                f"the tiers of {len(sizes)} hosts claim {claimed} MB of one machine with {available} MB "
                "(cluster_machine_memory_mb): lower host_memory_mb"
            )
