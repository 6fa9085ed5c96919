"""The connection budget: what PostgreSQL accepts, and how the app hosts share it.

After a failover every read may fall on the primary, so read-write and read-only pools count together.
"""

from ansible.errors import AnsibleFilterError

# Connections that no pool may take. Replication does not count: WAL senders have slots of their own.
RESERVED_CONNECTIONS = {
    "superuser": 3,
    "patroni": 4,
    "migrations": 6,
    "monitoring": 4,
    "backup": 3,
}

POOL_MINIMUM = 2  # of each kind, per app and app host: below that requests queue behind one slow query
PGBOUNCER_CLIENTS = 1000  # of one PgBouncer; a waiting client costs it some KB
APP_POOL_MAX = 10  # per process and alias: two processes can fill PgBouncer's pool of 20, which queues the rest
APP_ALIASES = 2  # default and replica


def _count(value, name):
    """A count given as such, or as the list to count."""
    try:
        number = len(value) if isinstance(value, list | tuple | dict) else int(value)
    except (TypeError, ValueError):
        raise AnsibleFilterError(f"{name} must be a whole number or a list, not {value!r}") from None
    if number < 1:
        raise AnsibleFilterError(f"{name} must be at least 1, not {number}")
    return number


def pgbouncer_pool_sizes(max_connections, app_hosts, apps):
    """Server connections that one app may hold from one app host.

    max_connections: PostgreSQL's limit, from which the reserve (20) comes off
    app_hosts:       how many app hosts there are (or the list of them)
    apps:            how many apps each of them runs (or the list of them)
    returns:         {"rw": to the primary, "ro": to the replicas}, each at least 2
    raises:          AnsibleFilterError with the arithmetic when the budget does not allow that
    """
    limit = _count(max_connections, "max_connections")
    hosts = _count(app_hosts, "app hosts")
    count = _count(apps, "apps")
    reserved = sum(RESERVED_CONNECTIONS.values())
    share = (limit - reserved) // (hosts * count)
    if share < 2 * POOL_MINIMUM:
        needed = reserved + 2 * POOL_MINIMUM * hosts * count
        parts = ", ".join(f"{name} {number}" for name, number in RESERVED_CONNECTIONS.items())
        raise AnsibleFilterError(
            f"max_connections {limit} - {reserved} reserved ({parts}) = {limit - reserved} for {hosts} app hosts "
            f"x {count} apps x {2 * POOL_MINIMUM} connections = {needed - reserved}: "
            f"raise cluster_max_connections to {needed} or more"
        )
    return {"rw": share - share // 2, "ro": share // 2}


def app_pool_max(processes, clients=PGBOUNCER_CLIENTS):
    """The largest pool that one process may keep per database alias.

    processes: processes (instances x workers) of all apps on one app host
    clients:   client connections that its PgBouncer accepts
    returns:   connections, from 1 to 10
    raises:    AnsibleFilterError when not even one connection per process and alias fits
    """
    count = _count(processes, "processes")
    fitting = int(clients) // (count * APP_ALIASES)
    if fitting < 1:
        raise AnsibleFilterError(
            f"{count} processes x {APP_ALIASES} aliases = {count * APP_ALIASES} connections, "
            f"PgBouncer accepts {clients}: raise pgbouncer_max_client_conn or lower cluster_app_instances"
        )
    return min(APP_POOL_MAX, fitting)


class FilterModule:
    """Filters for role defaults."""

    def filters(self):
        """Name each public function."""
        return {
            "pgbouncer_pool_sizes": pgbouncer_pool_sizes,
            "app_pool_max": app_pool_max,
        }
