"""Who talks to whom: addresses, databases and cache users, from the inventory and the secrets."""

import ipaddress

from ansible.errors import AnsibleFilterError

# An address of app hosts that no other name has: PgBouncer's resolver would answer with all that localhost has.
ROUTER_ADDRESS = "127.0.0.2"


def host_addresses(hosts, hostvars):
    """The address of each host, sorted by name so that no rendered file changes with the inventory's order.

    hosts:    names of hosts, usually a group
    hostvars: Ansible's hostvars
    returns:  {name: address}
    raises:   AnsibleFilterError naming the hosts that have no host_address
    """
    missing = sorted(host for host in hosts if not hostvars[host].get("host_address"))
    if missing:
        raise AnsibleFilterError(f"host_address is not set for {', '.join(missing)}: add it to the inventory")
    return {host: str(hostvars[host]["host_address"]) for host in sorted(hosts)}


def database_route(postgres_hosts, domain):
    """How an app host reaches the database: through a router beside the app, or straight where there is one host.

    postgres_hosts: names of the PostgreSQL hosts
    domain:         cluster_domain
    returns:        {router: the router's address, or "" for none, aliases: the name that this address needs,
                    host: a name that PostgreSQL's certificates carry, rw_port: leads to the primary,
                    ro_port: leads to a replica where there is one}
    """
    if len(postgres_hosts) == 1:
        return {"router": "", "aliases": {}, "host": postgres_hosts[0], "rw_port": 5432, "ro_port": 5432}
    name = f"postgresql.{domain}"
    return {
        "router": ROUTER_ADDRESS,
        "aliases": {ROUTER_ADDRESS: [name]},
        "host": name,
        "rw_port": 5000,
        "ro_port": 5001,
    }


def interface_of(interfaces, address, virtual_address):
    """The interface that has an address, in a network where a virtual address can join it.

    interfaces:      what `ip -json address` prints
    address:         an address of this host
    virtual_address: the one to share with other hosts
    returns:         the interface's name
    raises:          AnsibleFilterError with what to set where there is none, or the network is another one
    """
    for interface in interfaces:
        for entry in interface["addr_info"]:
            if entry["local"] == address:
                network = ipaddress.ip_network(f"{address}/{entry['prefixlen']}", strict=False)
                if ipaddress.ip_address(virtual_address) in network:
                    return interface["ifname"]
                raise AnsibleFilterError(
                    f"cluster_virtual_address {virtual_address} is not in {network}, the network of {address}: "
                    "take a free address of that network"
                )
    raise AnsibleFilterError(
        f"no interface has host_address {address}: set keepalived_interface to the one that visitors come in by"
    )


def tier_services(tiers, routed, shares_address):
    """What runs on a host besides the apps' instances, each after what it talks to on the same host.

    tiers:          groups of the host
    routed:         whether app hosts reach the database through a router
    shares_address: whether load balancers share an address
    returns:        names of systemd units
    """
    by_tier = {
        "etcd": ["etcd"],
        "postgres": ["patroni"],
        "redis": ["redis-server"],
        "app": ["haproxy", "pgbouncer"] if routed else ["pgbouncer"],
        "loadbalancer": ["nginx", "keepalived"] if shares_address else ["nginx"],
    }
    return [unit for tier, units in by_tier.items() if tier in tiers for unit in units]


def _app_secrets(app, secrets):
    if app["name"] not in secrets:
        raise AnsibleFilterError(f"secrets_apps has nothing for the app {app['name']}: run make secrets")
    return secrets[app["name"]]


def app_databases(apps, secrets):
    """The database of each app: its runtime role has the same name, its schema belongs to <name>_owner.

    apps:    cluster_apps
    secrets: secrets_apps, by the app's name
    returns: [{name, password, owner, owner_password}]
    raises:  AnsibleFilterError naming an app that has no secrets
    """
    return [
        {
            "name": app["name"],
            "password": _app_secrets(app, secrets)["database_password"],
            "owner": f"{app['name']}_owner",
            "owner_password": _app_secrets(app, secrets)["database_owner_password"],
        }
        for app in apps
    ]


def app_cache_users(apps, secrets, settled=False):
    """The Redis user of each app, who may touch keys with the prefix <name>: only.

    apps:    cluster_apps
    secrets: secrets_apps, by the app's name
    settled: without the password before, which is valid while secrets rotate
    returns: [{name, password, password_before, prefix}]
    raises:  AnsibleFilterError naming an app that has no secrets
    """
    return [
        {
            "name": app["name"],
            "password": own["redis_password"],
            "password_before": "" if settled else own.get("redis_password_before", ""),
            "prefix": f"{app['name']}:",
        }
        for app in apps
        for own in [_app_secrets(app, secrets)]
    ]


class FilterModule:
    """Filters for site.yml."""

    def filters(self):
        """Name each public function."""
        return {
            "host_addresses": host_addresses,
            "database_route": database_route,
            "interface_of": interface_of,
            "tier_services": tier_services,
            "app_databases": app_databases,
            "app_cache_users": app_cache_users,
        }
