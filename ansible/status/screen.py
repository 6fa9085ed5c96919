"""One screen for people, from a report and its findings."""

from status.findings import (
    answers,
    app_names,
    expected_servers,
    hosts_of,
    patroni_state,
    primaries,
    reachable,
    upstream_servers,
)

WIDTH = 100
RED, GREEN, BOLD, PLAIN = "\033[31m", "\033[32m", "\033[1m", "\033[0m"


def render(report, found, colour=False):
    """The whole screen; colours only where a terminal shows them."""
    sections = [front_door, application, database, cache, consensus, soonest]
    lines = [title(report), *(line for section in sections for line in section(report)), "", *verdict(found)]
    if colour:
        lines = [paint(line) for line in lines]
    return "\n".join(lines) + "\n"


def title(report):
    """What is shown, and when it was true."""
    answering = f"{len(reachable(report))} of {len(report['hosts'])} hosts answer"
    return f"{report['cluster']}: {answering} ({report['inventory']}, {report['time']})"


def row(label, text):
    """One line: what, and how it is."""
    return f"  {label:<12}{text}".rstrip()


def head(label, text=""):
    """The first line of a tier."""
    return f"{label:<14}{text}".rstrip()


def front_door(report):
    """What visitors reach, and what each load balancer sends them to."""
    door = report["front_door"]
    yield head("Front door", f"{door['url']}  {door['answer']}")
    for name, balancer in silent(report, "loadbalancer"):
        if balancer is None:
            yield row(name, "unreachable")
            continue
        parts = []
        for app in app_names(report):
            servers = upstream_servers(report, balancer, app)
            ready = sum(answer.startswith(("ok", "degraded")) for answer in servers.values())
            parts.append(f"{app}: {ready} of {len(expected_servers(report, app))} instances ready")
        parts += [f"{app} in maintenance" for app in balancer.get("maintenance", {})]
        if report["hosts"][name]["status"].get("keepalived", {}).get("holds"):
            parts.append(f"holds {report['virtual_address']}")
        yield row(name, ", ".join(parts))


def database(report):
    """Who is primary, and how far the others are behind."""
    found = primaries(report)
    streams = {}
    for name, state in answers(report, "postgres"):
        streams.update(state.get("replicas", {}) if name in found else {})
    yield head("Database", f"primary {', '.join(found) or 'NOBODY'}")
    for name, state in silent(report, "postgres"):
        if state is None:
            yield row(name, "unreachable")
        elif "role" not in state:
            yield row(name, patroni_state(report, name))
        elif state["role"] == "primary":
            used = f"{state['connections']} of {state['max_connections']} connections"
            yield row(name, f"primary   timeline {state['timeline']}, {used}")
        else:
            stream = streams.get(name, {"state": "not streaming", "sync": "", "lag": None})
            lag = "" if stream["lag"] is None else f", lag {size(stream['lag'])}"
            yield row(name, f"replica   {stream['state']}{', sync' if stream['sync'] == 'sync' else ''}{lag}")


def consensus(report):
    """The members of etcd on one line."""
    members = dict(answers(report, "etcd"))
    healthy = sum(member.get("healthy", False) for member in members.values())
    leader = next((name for name, member in members.items() if member.get("is_leader")), "NOBODY")
    largest = max((member.get("size_mb", 0) for member in members.values()), default=0)
    yield head(
        "Consensus", f"{healthy} of {len(hosts_of(report, 'etcd'))} members healthy, leader {leader}, {largest} MB"
    )


def cache(report):
    """Redis."""
    for name, server in silent(report, "redis"):
        if server is None:
            text = "unreachable"
        elif "anonymous" not in server:
            text = "down"
        else:
            refuses = server["anonymous"].startswith("-NOAUTH")
            text = f"up, {server.get('memory_mb', 0)} MB, {'refuses strangers' if refuses else 'OPEN TO STRANGERS'}"
        yield head("Cache", f"{name} {text}")


def application(report):
    """Releases, instances and pools, by app host."""
    seen = {}
    for _name, balancer in answers(report, "loadbalancer"):
        for app in app_names(report):
            for server, answer in upstream_servers(report, balancer, app).items():
                host, _, port = server.rpartition(":")
                seen.setdefault((host, int(port)), set()).add(answer.partition(",")[0])
    for app in app_names(report):
        hosts = {name: (state or {}).get("apps", {}).get(app, {}) for name, state in answers(report, "app")}
        running = {entry["release"] for host in hosts.values() for entry in host.get("instances", {}).values()} - {""}
        yield head("Application", f"{app}, release {', '.join(sorted(running)) or 'none'}")
        for name, state in silent(report, "app"):
            if state is None:
                yield row(name, "unreachable")
                continue
            states = [
                f"{number} {worst(seen.get((name, entry['port']), {'silent'}))}"
                + (f" ({entry['release']})" if len(running) > 1 else "")
                for number, entry in hosts[name].get("instances", {}).items()
                if hosts[name].get("live")
            ]
            yield row(name, f"instances {', '.join(states) or 'none'}   {pool_use(report, name, app)}")


def worst(said):
    """How an instance is, when not all load balancers say the same."""
    others = said - {"ok", "degraded"}
    return "DOWN" if others else "degraded" if "degraded" in said else "ok"


def pool_use(report, host, app):
    """PgBouncer's server connections in use, of how many, and who waits."""
    pools = report["hosts"][host]["status"].get("pgbouncer", {}).get("pools", {})
    parts = []
    for database, pool in pools.items():
        if database in (app, f"{app}_ro"):
            waiting = f" ({pool['waiting']} wait)" if pool["waiting"] else ""
            kind = "ro" if database.endswith("_ro") else "rw"
            parts.append(f"{kind} {pool['active']}/{pool['size']}{waiting}")
    return f"pool {', '.join(parts)}" if parts else "pool down"


def soonest(report):
    """The certificate that expires first."""
    dates = [
        (days, name, path)
        for name, status in reachable(report)
        for path, days in status.get("system", {}).get("certificates", {}).items()
    ]
    if dates:
        days, name, path = min(dates)
        yield head("Certificates", f"{len(dates)}, first to expire {name} {path} in {days} days")


def verdict(found):
    """Each thing that is wrong, where, and what to type."""
    if not found:
        yield "Everything is well."
        return
    yield f"{len(found)} wrong:"
    for host, what, command in found:
        line = f"  {host}: {what}: {command}"
        if len(line) <= WIDTH:
            yield line
        else:
            yield from (f"  {host}: {what}", f"      {command}")


def silent(report, tier):
    """Each host of a tier with what it says, or None where it can't be reached."""
    said = dict(answers(report, tier))
    return [(name, said.get(name)) for name in hosts_of(report, tier)]


def size(number):
    """Bytes for people."""
    if number < 1024:
        return f"{number} B"
    return f"{number / 2**10:.0f} kB" if number < 2**20 else f"{number / 2**20:.0f} MB"


def paint(line):
    """Bold tiers, a green verdict, red trouble."""
    if line == "Everything is well.":
        return f"{GREEN}{line}{PLAIN}"
    if line.endswith(" wrong:") or any(word in line for word in ("DOWN", "NOBODY", "OPEN TO", "unreachable")):
        return f"{RED}{line}{PLAIN}"
    label, rest = line[:14], line[14:]
    return f"{BOLD}{label}{PLAIN}{rest}" if label[:1].strip() and label.endswith(" ") else line
