"""What is wrong with the cluster, from a report alone: nothing is asked or changed here.

Each check yields findings that name the host and the command to type. What follows from a host that can't be reached
is not repeated for everything that lives on it.
"""

import ipaddress
from typing import NamedTuple

DEFAULT_INVENTORY = "inventories/lab"  # as in ansible.cfg: commands need not name it
CERTIFICATE_DAYS = 21  # site.yml renews earlier than that, so below it nobody has run it for a while
DISK_PERCENT = 90
CONNECTIONS_PERCENT = 90
LAG_MB = 16  # where HAProxy stops sending reads to a replica
POOL_WAIT_S = 1
POOL_MODE = "transaction"
SAFE_METHODS = {"scram-sha-256", "cert", "reject"}


class Finding(NamedTuple):
    """One thing that is wrong."""

    host: str
    what: str
    command: str


def findings(report):
    """Everything that is wrong, most urgent first."""
    checks = [
        front_door,
        unreachable,
        services,
        consensus,
        primary,
        replicas,
        postgresql,
        access_rules,
        cache,
        pools,
        routes,
        instances,
        verbs,
        unfinished,
        releases,
        maintenance,
        balancers,
        virtual_address,
        sandboxes,
        certificates,
        secret_files,
        disks,
    ]
    found = [finding for check in checks for finding in check(report)]
    return [finding._replace(command=typed(finding.command, report)) for finding in found]


# --- what to type ---


def site(host):
    """Bring one host back to what the project says."""
    return f"ansible-playbook site.yml --limit {host}"


def shell(host, command):
    """Run something on one host."""
    return f"ansible {host} -b -a '{command}'"


def journal(host, unit):
    """Read what a unit said last."""
    return shell(host, f"journalctl -n 30 -u {unit}")


def playbook(name, app="", option=""):
    """One of the verbs, perhaps for one app."""
    return f"ansible-playbook ansible/playbooks/{name}.yml{app and f' -e app={app}'}{option}"


def typed(command, report):
    """A command as it works from the project's directory, for the inventory at hand."""
    program, _, rest = command.partition(" ")
    if program.startswith("ansible"):
        option = "" if report["inventory"] == DEFAULT_INVENTORY else f"-i {report['inventory']} "
        return f".venv/bin/{program} {option}{rest}"
    return command


# --- reading the report ---


def hosts_of(report, tier):
    """Names of the hosts of a tier, reachable or not."""
    return [name for name, host in report["hosts"].items() if tier in host["tiers"]]


def answers(report, tier, section=None):
    """(host, what the section says) for each host of a tier that answered."""
    for name in hosts_of(report, tier):
        host = report["hosts"][name]
        if not host.get("unreachable") and (section or tier) in host.get("status", {}):
            yield name, host["status"][section or tier]


def reachable(report):
    """(name, status) of each host that answered."""
    return [(name, host["status"]) for name, host in report["hosts"].items() if host.get("status")]


def primaries(report):
    """Names of the hosts whose PostgreSQL accepts writes."""
    return [name for name, database in answers(report, "postgres") if database.get("role") == "primary"]


def app_names(report):
    """The apps, by name."""
    return [app["name"] for app in report["apps"]]


def patroni_state(report, host):
    """What the members say of one of them, such as "creating replica"; "down" if none says anything."""
    for _name, database in answers(report, "postgres"):
        member = database.get("cluster", {}).get("members", {}).get(host)
        if member:
            return member.get("state", "down")
    return "down"


def expected_servers(report, name):
    """{"app1:8001": ("app1", "1")} for every instance that the inventory asks for."""
    port = next(int(app["port"]) for app in report["apps"] if app["name"] == name)
    return {
        f"{host}:{port + number}": (host, str(number))
        for host in hosts_of(report, "app")
        for number in range(1, report["instances"] + 1)
    }


def upstream_servers(report, balancer, app):
    """{"app1:8001": "ok" or what it answered} as one load balancer sees an app."""
    names = {host["address"]: name for name, host in report["hosts"].items()}
    servers = {}
    for server, answer in balancer.get("upstreams", {}).get(app, {}).items():
        host, _, port = server.rpartition(":")
        servers[f"{names.get(host, host)}:{port}"] = answer
    return servers


# --- the checks ---


def front_door(report):
    """What a visitor gets."""
    door = report["front_door"]
    if door["answer"] != "ok" and not in_maintenance(report, app_names(report)[0]):
        yield Finding("here", f"{door['url']} does not answer: {door['answer']}", f"curl -k {door['url']}/healthz")


def unreachable(report):
    """Hosts that could not be asked."""
    for name, host in report["hosts"].items():
        if host.get("unreachable"):
            yield Finding(name, "cannot be reached over ssh", f"ansible {name} -m ansible.builtin.ping")
        elif not host.get("status"):
            reason = " ".join(host.get("message", "").split())[:120]
            yield Finding(name, f"could not be looked at: {reason}", f"ansible {name} -m ansible.builtin.ping")


def consensus(report):
    """The store without which nobody may become primary."""
    members = hosts_of(report, "etcd")
    healthy = [name for name, member in answers(report, "etcd") if member.get("healthy")]
    if len(healthy) <= len(members) // 2:
        yield Finding(
            "etcd",
            f"no quorum: {len(healthy)} of {len(members)} members are healthy, so PostgreSQL cannot fail over",
            "ansible-playbook site.yml --tags etcd",
        )
    for name, member in answers(report, "etcd"):
        if not member.get("healthy") and not stopped(member):
            reason = member.get("reason") or member.get("error") or "no reason given"
            yield Finding(name, f"etcd is not healthy: {reason}", journal(name, "etcd"))


def primary(report):
    """Exactly one database accepts writes."""
    databases = list(answers(report, "postgres"))
    found = primaries(report)
    if databases and not found:
        yield Finding("postgres", "nobody is primary: every write fails", patroni(databases[0][0], "list"))
    if len(found) > 1:
        yield Finding("postgres", f"{len(found)} primaries: {', '.join(found)}", patroni(found[0], "list"))
    for name, database in databases[:1]:
        if database.get("cluster", {}).get("paused"):
            yield Finding("postgres", "Patroni is paused: nobody takes over", patroni(name, "resume"))


def patroni(host, verb):
    """Talk to Patroni where its client certificate is."""
    return shell(host, f"patronictl -c /etc/patroni/config.yml {verb}")


def replicas(report):
    """Every other database streams from the primary and is not far behind."""
    found = primaries(report)
    if len(found) != 1:
        return
    streams = dict(answers(report, "postgres"))[found[0]].get("replicas", {})
    for name, database in answers(report, "postgres"):
        if name == found[0] or stopped(database):
            continue
        stream = streams.get(name, {"state": patroni_state(report, name), "lag": 0})
        if stream["state"] != "streaming":
            yield Finding(name, f"the replica does not stream: {stream['state']}", journal(name, "patroni"))
        elif database.get("replay_paused"):
            yield Finding(
                name,
                "replay is paused: the replica shows old data",
                shell(name, 'sudo -u postgres psql -c "SELECT pg_wal_replay_resume()"'),
            )
        elif stream["lag"] > LAG_MB * 2**20:
            yield Finding(name, f"the replica is {stream['lag'] >> 20} MB behind", journal(name, "patroni"))
    if streams and not any(stream.get("sync") in ("sync", "quorum") for stream in streams.values()):
        yield Finding("postgres", "no replica is synchronous: a failover may lose writes", patroni(found[0], "list"))


def postgresql(report):
    """Settings that wait for a restart, connections that run out."""
    for name, database in answers(report, "postgres"):
        if database.get("pending_restart"):
            yield Finding(
                name,
                f"PostgreSQL needs a restart for {database['pending_restart']}",
                "ansible-playbook site.yml --tags postgresql -e postgresql_restart=true",
            )
        limit = database.get("max_connections", 0)
        if limit and database["connections"] * 100 >= limit * CONNECTIONS_PERCENT:
            yield Finding(
                name,
                f"{database['connections']} of {limit} connections are taken",
                shell(name, 'sudo -u postgres psql -c "TABLE pg_stat_activity"'),
            )


def access_rules(report):
    """pg_hba lets in named roles from hosts of this cluster, by TLS and with a password, and nobody else."""
    known = {host["address"] for host in report["hosts"].values()}
    for name, database in answers(report, "postgres"):
        for rule in database.get("rules", []):
            if not narrow(rule, known):
                fields = [rule[key] for key in ("type", "database", "user", "address", "netmask", "method")]
                text = " ".join(field for field in fields if field) or rule.get("error") or ""
                yield Finding(name, f"pg_hba is too wide in line {rule['line']}: {text}", site(name))


def narrow(rule, known):
    """Whether a rule of pg_hba lets in only whom it should."""
    if rule.get("error"):
        return False
    if rule["method"] == "reject":
        return True
    if rule["type"] == "local":
        return rule["method"] == "peer"
    if rule["method"] not in SAFE_METHODS:
        return False
    try:
        network = ipaddress.ip_network(f"{rule['address']}/{rule['netmask']}")
    except ValueError:  # a name, or a keyword such as "all" and "samenet"
        return False
    if network.is_loopback:
        return True
    one_of_ours = network.num_addresses == 1 and str(network.network_address) in known
    return one_of_ours and rule["type"] == "hostssl" and "all" not in rule["user"].split(",")


def cache(report):
    """Redis answers nobody who did not log in."""
    for name, server in answers(report, "redis"):
        if stopped(server) or "anonymous" not in server:
            continue
        if not server["anonymous"].startswith("-NOAUTH"):
            what = f"Redis asks strangers for no password: PING is answered by {server['anonymous'][:20]}"
            yield Finding(name, what, site(name))
        if server.get("plain"):
            yield Finding(name, "Redis speaks without TLS", site(name))


def pools(report):
    """PgBouncer shares its connections between transactions, and has enough of them."""
    for name, section in answers(report, "app", "pgbouncer"):
        for database, pool in section.get("pools", {}).items():
            if pool["mode"] != POOL_MODE:
                yield Finding(name, f"PgBouncer pools {database} by {pool['mode']}, not {POOL_MODE}", site(name))
            if pool["paused"]:
                yield Finding(name, f"PgBouncer holds back {database}: it is paused or disabled", site(name))
            if pool["waiting"] and pool["max_wait_s"] >= POOL_WAIT_S:
                yield Finding(
                    name,
                    f"{pool['waiting']} waiting for a connection to {database}, the first for {pool['max_wait_s']} s",
                    journal(name, "pgbouncer"),
                )


def routes(report):
    """HAProxy on each app host knows exactly one primary, and every replica that is good for reads."""
    if len(primaries(report)) != 1:
        return
    streams = dict(answers(report, "postgres"))[primaries(report)[0]].get("replicas", {})
    good = {
        name for name, stream in streams.items() if stream["state"] == "streaming" and stream["lag"] <= LAG_MB * 2**20
    }
    for name, section in answers(report, "app", "haproxy"):
        for backend, servers in section.get("backends", {}).items():
            up = [server for server, state in servers.items() if state.startswith("UP")]
            if backend == "primary" and up != primaries(report):
                seen = ", ".join(up) or "nobody"
                yield Finding(name, f"HAProxy takes {seen} for the primary", journal(name, "haproxy"))
            if backend == "replicas" and good - set(up):
                what = f"HAProxy sends no reads to {', '.join(sorted(good - set(up)))}"
                yield Finding(name, what, shell(name, "systemctl reload haproxy"))


def instances(report):
    """Every instance of every app listens and is ready."""
    for app in app_names(report):
        there = {host: section.get("apps", {}).get(app, {}) for host, section in answers(report, "app")}
        for host, section in there.items():
            if not section.get("live"):
                yield Finding(host, f"{app} has no release", site(host))
        heard = {
            answer
            for _name, balancer in answers(report, "loadbalancer")
            for server, answer in upstream_servers(report, balancer, app).items()
            if there.get(server.rpartition(":")[0], {}).get("live")
        }
        if len(heard) == 1 and heard != {"ok"}:
            host = min(there)
            what = f"every instance of {app} is {condition(heard.pop())}"
            yield Finding("app", what, journal(host, f"{app}@1.service"))
            continue
        for server, (host, number) in expected_servers(report, app).items():
            if there.get(host, {}).get("live"):
                yield from instance(report, app, server, there[host]["instances"][number], f"{app}@{number}")


def instance(report, app, server, state, unit):
    """One instance: by what systemd says of it on its host, then by what it answers to each load balancer."""
    host = server.rpartition(":")[0]
    seen = {
        name: servers[server]
        for name, balancer in answers(report, "loadbalancer")
        if server in (servers := upstream_servers(report, balancer, app))
    }
    refusals = {name: answer for name, answer in seen.items() if answer != "ok"}
    if state["socket"] != "active":
        yield Finding(host, f"{unit} does not listen: its socket is {state['socket']}", site(host))
    elif state["service"] == "failed":
        yield Finding(host, f"{unit} has failed", journal(host, f"{unit}.service"))
    elif refusals and len(refusals) == len(seen):
        yield Finding(host, f"{unit} is {condition(next(iter(refusals.values())))}", journal(host, f"{unit}.service"))
    else:
        for name, answer in refusals.items():
            yield Finding(name, f"cannot use {server}: {answer}", site(name))


def condition(answer):
    """What an instance answers, in words."""
    return answer if answer.startswith("degraded") else f"not ready: {answer}"


def locks(report, app):
    """(host, record) of each host where a release of an app is being changed, or was when that run died."""
    for host, section in answers(report, "app"):
        if lock := section.get("apps", {}).get(app, {}).get("lock"):
            yield host, lock


def verbs(report):
    """No verb has hosts out of service."""
    found = [(host, lock) for host, status in reachable(report) if (lock := status["system"].get("verb"))]
    if found:
        hosts, records = zip(*found, strict=True)
        lock = {"verb": "verb", "by": "?", "since": "?"} | records[0]
        what = "the {verb} by {by}, since {since}, is not finished".format(**lock)
        verb = records[0].get("verb", "").replace("-", "_")
        command = shell(hosts[0], "cat /etc/pergola/verb.lock")
        if verb:
            command = playbook(verb, option=f" {records[0].get('options', '')}".rstrip())
        yield Finding(", ".join(hosts), what, command)


def unfinished(report):
    """No run is in the middle of changing a release."""
    for app in app_names(report):
        found = list(locks(report, app))
        if found:
            lock = {"verb": "deploy", "release": "?", "by": "?", "since": "?"} | found[0][1]
            what = "the {verb} of {app} to {release} by {by}, since {since}, is not finished".format(app=app, **lock)
            yield Finding(", ".join(host for host, _lock in found), what, playbook("deploy", app))


def in_maintenance(report, app):
    """{load balancer: its note} of those that answer 503 for an app."""
    notes = {name: balancer.get("maintenance", {}).get(app) for name, balancer in answers(report, "loadbalancer")}
    return {name: note for name, note in notes.items() if note is not None}


def maintenance(report):
    """Visitors reach the apps themselves."""
    for app in app_names(report):
        notes = in_maintenance(report, app)
        if notes:
            what = f"{app} is in maintenance on {', '.join(notes)}: {next(iter(notes.values()))}"
            yield Finding("loadbalancer", what, playbook("maintenance", app, " -e maintenance=off"))


def releases(report):
    """One release runs everywhere, the load balancers have its static files."""
    for app in app_names(report):
        if any(locks(report, app)):
            continue
        running = {}
        for host, section in answers(report, "app"):
            for number, entry in section.get("apps", {}).get(app, {}).get("instances", {}).items():
                if entry["release"]:
                    running.setdefault(entry["release"], []).append(f"{host}/{number}")
        if len(running) > 1:
            text = "; ".join(f"{release} on {', '.join(places)}" for release, places in sorted(running.items()))
            yield Finding("app", f"{app} runs {len(running)} releases: {text}", "ansible-playbook site.yml --tags app")
        for name, balancer in answers(report, "loadbalancer"):
            files = balancer.get("static", {}).get(app)
            if len(running) == 1 and files is not None and files not in running:
                yield Finding(name, f"static files of {app} are those of {files or 'no release'}", site(name))


def balancers(report):
    """nginx knows every instance, and answers."""
    for name, balancer in answers(report, "loadbalancer"):
        if stopped(balancer) or "upstreams" not in balancer:
            continue
        for app in app_names(report):
            expected = expected_servers(report, app)
            missing = sorted(expected.keys() - upstream_servers(report, balancer, app).keys())
            if missing:
                text = f"nginx uses {len(expected) - len(missing)} of {len(expected)} instances of {app}"
                yield Finding(name, f"{text}, not {', '.join(missing)}", site(name))
            if balancer["front"][app] != "ok" and name not in in_maintenance(report, app):
                what = f"nginx does not pass on /healthz of {app}: {balancer['front'][app]}"
                yield Finding(name, what, journal(name, "nginx"))


def virtual_address(report):
    """Exactly one load balancer holds the shared address, and any other one could."""
    address = report.get("virtual_address")
    balancers = [pair for pair in answers(report, "loadbalancer", "keepalived") if "holds" in pair[1]]
    holders = [name for name, state in balancers if state["holds"]]
    if balancers and not holders:
        yield Finding("loadbalancer", f"nobody holds {address}", journal(balancers[0][0], "keepalived"))
    if len(holders) > 1:
        what = f"{', '.join(holders)} hold {address} at once: they do not hear each other (IP protocol 112)"
        yield Finding("loadbalancer", what, journal(holders[0], "keepalived"))
    for name, state in balancers:
        if state.get("stands_aside") and not stopped(state):
            yield Finding(name, f"stands aside from {address}", shell(name, "systemctl start virtual-address"))


def services(report):
    """The services of each tier run, now and after a reboot; and whatever else failed on a host."""
    for name, status in reachable(report):
        named = set()
        for title, section in status.items():
            known = title == "postgres" and len(primaries(report)) == 1  # `replicas` says what the matter is
            down = {unit: state["state"] for unit, state in units(section).items() if state["state"] != "active"}
            for unit, state in down.items():
                named.add(unit)
                if "@" not in unit:  # instances are judged by their sockets and by what they answer
                    yield Finding(name, f"{unit} is {state}", site(name))
            for unit, state in units(section).items():
                if not state["enabled"] and unit not in down:
                    yield Finding(name, f"{unit} would not start at boot", site(name))
            if section.get("error") and not down and not known:
                yield Finding(name, f"{title} cannot be asked: {section['error']}", site(name))
        for unit in status.get("system", {}).get("failed_units", []):
            if unit not in named:
                yield Finding(name, f"{unit} has failed", journal(name, unit))


def units(section):
    """The systemd units of a section, those of its apps included."""
    found = dict(section.get("units", {}))
    for app in section.get("apps", {}).values():
        found.update(app.get("units", {}))
    return found


def stopped(section):
    """Whether a service does not run at all: then `services` says so, once."""
    return any(unit["state"] != "active" for unit in section.get("units", {}).values())


def sandboxes(report):
    """systemd keeps each service from what it does not need."""
    for name, status in reachable(report):
        for section in status.values():
            for unit, state in units(section).items():
                missing = [key for key, value in state["sandbox"].items() if not value]
                if unit.endswith(".service") and state["state"] == "active" and missing:
                    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
                    yield Finding(name, f"{unit} runs without {', '.join(missing[:3])}{more}", site(name))


def certificates(report):
    """No certificate has expired or is about to."""
    for name, status in reachable(report):
        for path, days in status.get("system", {}).get("certificates", {}).items():
            if days < 0:
                yield Finding(name, f"{path} expired {-days} days ago", site(name))
            elif days < CERTIFICATE_DAYS:
                yield Finding(name, f"{path} expires in {days} days", site(name))


def secret_files(report):
    """Keys belong to their owner alone; other secrets at most to one group, which may only read."""
    for name, status in reachable(report):
        for path, file in status.get("system", {}).get("secrets", {}).items():
            forbidden = 0o077 if path.endswith(".key") else 0o027
            if int(file["mode"], 8) & forbidden:
                owner = f"{file['owner']}:{file['group']}"
                yield Finding(name, f"{path} is open to others: mode {file['mode']}, {owner}", site(name))


def disks(report):
    """No file system is full."""
    for name, status in reachable(report):
        for path, disk in status.get("system", {}).get("disks", {}).items():
            if disk["used_percent"] >= DISK_PERCENT:
                yield Finding(
                    name,
                    f"{path} is {disk['used_percent']} % full, {disk['free_mb']} MB are free",
                    shell(name, f"du -xhd2 {path}"),
                )
