"""The apps: what each needs, and what two of them would both take."""

import re
from collections import Counter

from .inventory import PROJECT, integer

FIELDS = {
    "name": r"[a-z][a-z0-9_]{0,24}",
    "path": r"[\w./-]+",
    "wsgi": r"\w+(\.\w+)*:\w+",
    "settings": r"\w+(\.\w+)*",
    "port": r"\d{4,5}",
}
OPTIONS = ("server_names", "public_paths", "login_paths", "environment", "worker_class", "hourly_command")
VARIABLE = r"[A-Za-z_]\w*"
# gunicorn's own that serve Django, or a class that the app brings along.
WORKER_CLASS = r"gevent|gthread|sync|\w+(\.\w+)+"
COMMAND = r"[a-z][a-z0-9_]*"
# An app is an OS user, a database and a directory in /etc and /opt: these exist already.
RESERVED_NAMES = {
    "alternatives", "apt", "bin", "daemon", "dbus", "default", "docker", "dpkg", "etcd", "games", "haproxy",
    "keepalived", "kernel", "ldap", "mail", "network", "nginx", "nobody", "patroni", "pergola", "pgbackrest",
    "pgbouncer", "postgres", "postgresql", "prometheus", "python3", "redis", "replicator", "rewind", "root",
    "security", "skel", "ssh", "sshd", "ssl", "sudoers", "sync", "sys", "systemd", "template0", "template1",
    "terminfo", "udev",
}  # fmt: skip
RESERVED_PORTS = {2379, 2380, 5000, 5001, 5432, 6379, 6432, 8008}


def fields(inventory):
    """Each app has what it needs, in a form that works, and nothing else."""
    apps = inventory.shared("cluster_apps")
    for position, app in enumerate(apps if isinstance(apps, list) else []):
        if not isinstance(app, dict):
            yield f"cluster_apps[{position}] must be a mapping with {', '.join(FIELDS)}"
            continue
        label = f"cluster_apps[{position}] ({app.get('name', 'without a name')})"
        for field, pattern in FIELDS.items():
            if field not in app:
                yield f"{label}: {field} is missing"
            elif not re.fullmatch(pattern, str(app[field])):
                yield f"{label}: {field} {app[field]!r} must match {pattern}"
        known = (*FIELDS, *OPTIONS)
        for field in sorted(app.keys() - set(known)):
            yield f"{label}: {field} is unknown, known are {', '.join(known)}"
        if not isinstance(app.get("server_names", []), list):
            yield f"{label}: server_names must be a list, such as [www.example.com]"
        elif position and not app.get("server_names"):
            yield f"{label}: server_names is missing, and each app but the first needs its own: [shop.example.com]"
        if not are_paths(app.get("public_paths", [])):
            yield f"{label}: public_paths must be a list of paths, such as [/docs/]"
        if not are_paths(app.get("login_paths", [])):
            yield f"{label}: login_paths must be a list of paths, such as [/login/]"
        if app.get("name") in RESERVED_NAMES:
            yield f"{label}: the name is taken by the system: choose another one"
        yield from (f"{label}: {fault}" for fault in processes(app))


def are_paths(value):
    return isinstance(value, list) and all(re.fullmatch(r"/[\w./-]*", str(path)) for path in value)


def processes(app):
    """How this app's processes differ from other apps'."""
    environment = app.get("environment", {})
    if not isinstance(environment, dict):
        yield "environment must be a mapping, such as {HSTS_SECONDS: 60}"
    else:
        for name, value in environment.items():
            if not re.fullmatch(VARIABLE, str(name)):
                yield f"environment: {name!r} can't name a variable, it must match {VARIABLE}"
            elif not isinstance(value, str | int | float):
                yield f"environment: {name} must be text or a number: quote it"
    worker_class = app.get("worker_class", "gevent")
    if not re.fullmatch(WORKER_CLASS, str(worker_class)):
        yield f"worker_class must be gevent, gthread, sync or a class of its own, as module.Class, not {worker_class!r}"
    if not re.fullmatch(COMMAND, str(app.get("hourly_command", "none"))):
        yield (
            "hourly_command must be the name of a management command without arguments, such as purge_expired, "
            f"not {app['hourly_command']!r}"
        )


def collisions(inventory):
    """Names of databases and ports that two would use."""
    apps = inventory.apps()
    databases = Counter(str(app["name"]) + suffix for app in apps for suffix in ("", "_ro", "_owner"))
    for name in sorted(name for name, count in databases.items() if count > 1):
        yield f"cluster_apps: two apps would both make {name}: rename one of them"
    instances = inventory.app_instances()
    taken = dict.fromkeys(RESERVED_PORTS, "another service")
    for app in apps:
        port = integer(app.get("port"))
        for number in range(port, port + instances + 1) if port else []:
            if number in taken:
                yield (
                    f"cluster_apps ({app['name']}): port {port} with {instances} instances needs {number}, "
                    f"which {taken[number]} uses: choose another port"
                )
                break
        taken.update(dict.fromkeys(range(port, port + instances + 1), app["name"]) if port else {})


def projects(inventory):
    """Each app's path leads to a Django project that a release can be built from."""
    for position, app in enumerate(inventory.apps()):
        directory = PROJECT / str(app.get("path", ""))
        label = f"cluster_apps[{position}] ({app['name']}): path {app.get('path')}"
        if "path" in app and not (directory / "manage.py").is_file():
            yield f"{label} is no Django project, there is no {directory}/manage.py: correct the path"
        elif "path" in app and not (directory / "requirements.txt").is_file():
            yield f"{label} has no requirements.txt: lock its requirements with hashes by uv pip compile"
