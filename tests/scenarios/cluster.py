"""What scenarios ask the database cluster; nothing is remembered, for it is what changes."""

from toolbox import curl, name_of

TRACES = (
    "ls -d /etc/pergola/tls /etc/patroni /var/lib/postgresql /var/lib/etcd /etc/nginx /etc/haproxy /etc/pgbouncer "
    "/opt/customers /etc/customers /var/www/customers /etc/systemd/system/customers* 2>/dev/null; "
    "dpkg-query --show --showformat='${Package} ${Status}\\n' postgresql-17 patroni etcd-server nginx haproxy "
    "pgbouncer keepalived 2>/dev/null | grep ' installed$'; "
    "ss -Htln 'sport != 22'; getent passwd customers; grep pergola /etc/hosts"
)


def members(hosts, without=()):
    """All members by the first Patroni that answers, none if none does; `without` hosts that are down."""
    for host in hosts("postgres"):
        if name_of(host) not in without:
            answer = curl(host, f"https://{name_of(host)}:8008/cluster", authority="control")
            if answer.status == 200:
                return answer.json["members"]
    return []


def leader(hosts, without=()):
    """The name of the primary as Patroni knows it, or None."""
    return next((member["name"] for member in members(hosts, without) if member["role"] == "leader"), None)


def primaries(hosts):
    """Names of all hosts whose PostgreSQL takes writes, asked one by one; where it is down it takes none."""
    query = "cd / && runuser -u postgres -- psql -XAtqc 'SELECT pg_is_in_recovery()' postgres"
    return [name_of(host) for host in hosts("postgres") if host.run(query).stdout == "f\n"]


def states(hosts, without=()):
    """What Patroni says of each member."""
    return sorted(member["state"] for member in members(hosts, without))


def traces(host):
    """What a removed host still has of the cluster: files, packages, open ports, users, names."""
    return host.run(TRACES).stdout
