"""What scenarios ask the database cluster; nothing is remembered, for it is what changes."""

from toolbox import name_of, patroni_cluster


def leader(hosts, without=()):
    """The name of the primary as Patroni knows it, or None; `without` hosts that are down."""
    answering = next(host for host in hosts("postgres") if name_of(host) not in without)
    members = patroni_cluster(answering)
    return next((member["name"] for member in members if member["role"] == "leader"), None)


def primaries(hosts):
    """Names of all hosts whose PostgreSQL takes writes, asked one by one; where it is down it takes none."""
    query = "cd / && runuser -u postgres -- psql -XAtqc 'SELECT pg_is_in_recovery()' postgres"
    return [name_of(host) for host in hosts("postgres") if host.run(query).stdout == "f\n"]


def states(hosts, without=()):
    """What Patroni says of each member; `without` hosts that are down."""
    answering = next(host for host in hosts("postgres") if name_of(host) not in without)
    return sorted(member["state"] for member in patroni_cluster(answering))
