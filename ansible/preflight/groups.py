"""Hosts, their groups, names and addresses."""

import ipaddress
import re

from sizing import TIERS

NEEDED = ("loadbalancer", "app", "postgres", "etcd", "redis")
ONE_HOST = ("redis", "monitoring", "backup")
HOST_NAME = r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*"


def needed(inventory):
    """Each tier that the stack can't do without has a host."""
    for group in NEEDED:
        if not inventory.groups.get(group):
            yield f"group {group} has no host: add one to the inventory"


def outside(inventory):
    """Plays and variables aim at the group cluster."""
    for group in TIERS:
        for host in sorted(set(inventory.groups.get(group, [])) - set(inventory.hosts)):
            yield f"{host} is in group {group} but not in cluster: make {group} a child of cluster"


def etcd_count(inventory):
    """A majority decides."""
    count = len(inventory.groups.get("etcd", []))
    if count and count % 2 == 0:
        yield (
            f"group etcd has {count} hosts, which survive no more failures than {count - 1}: "
            f"use {count - 1} or {count + 1}"
        )


def single_hosts(inventory):
    """Tiers of which only one host would be used."""
    for group in ONE_HOST:
        hosts = inventory.groups.get(group, [])
        if len(hosts) > 1:
            yield f"group {group} has {len(hosts)} hosts, and only one would be used: keep one of {', '.join(hosts)}"


def idle(inventory):
    """A host without a tier is a mistake in hosts.yml."""
    for host in inventory.hosts:
        if not inventory.tiers(host):
            yield f"{host} is in cluster and in no tier: put it into one of {', '.join(NEEDED)}, or take it out"


def names(inventory):
    """The inventory's name of a host becomes its host name, a name in certificates and in /etc/hosts."""
    for host in inventory.hosts:
        if is_address(host):
            yield f"{host} is an address, and hosts go by names: write a name with host_address: {host} beside it"
        elif not re.fullmatch(HOST_NAME, host, re.IGNORECASE) or len(host) > 63:
            yield f"{host} is no host name: use letters, digits and hyphens, at most 63"


def addresses(inventory):
    """Every host has an address of its own."""
    hosts_by_address = {}
    for host in inventory.hosts:
        address = inventory.value(host, "host_address")
        if host in inventory.unreadable_on("host_address"):
            continue
        if not address:
            yield f"{host}: host_address is not set: add to hosts.yml the address that the other hosts reach it by"
        elif not is_address(address):
            yield f"{host}: host_address must be an IP address, not {address!r}"
        else:
            hosts_by_address.setdefault(str(address), []).append(host)
    for address, hosts in hosts_by_address.items():
        if len(hosts) > 1:
            yield f"{', '.join(hosts)} have the same host_address {address}: give each host its own"
        elif len(inventory.hosts) > 1 and ipaddress.ip_address(address).is_loopback:
            yield f"{hosts[0]}: host_address {address} means each host itself: write the one that others reach it by"


def virtual_address(inventory):
    """An address that load balancers share is nobody's own."""
    address = inventory.shared("cluster_virtual_address")
    if not address:
        return
    if not is_address(address) or ":" in str(address):
        yield f"cluster_virtual_address must be an IPv4 address, not {address!r}"
    if len(inventory.groups.get("loadbalancer", [])) < 2:
        yield "cluster_virtual_address needs two load balancers: add a host to group loadbalancer, or remove it"
    for host in inventory.hosts:
        if str(inventory.value(host, "host_address")) == str(address):
            yield (
                f"cluster_virtual_address {address} belongs to {host}: "
                "take a free address of the load balancers' network"
            )


def is_address(text):
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True
