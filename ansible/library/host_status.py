#!/usr/bin/python
"""What runs on one host and how it is doing. Reads only; every tier answers for itself or says why it can't."""

import csv
import http.client
import io
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import stat
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils import run_lock

DOCUMENTATION = """
---
module: host_status
short_description: What runs on one host, and how it is doing
description:
  - Asks the services of the given tiers for their state, as root, and changes nothing.
  - A tier that can't answer has the key C(error) and does not fail the task.
options:
  tiers:
    description: The tiers of the host, by the names of the inventory groups, and C(haproxy) and C(keepalived) where
      there are such.
    type: list
    elements: str
    required: true
  name:
    description: The name by which other hosts reach this one.
    type: str
    required: true
  address:
    description: The address that its services listen on.
    type: str
    required: true
  apps:
    description: The apps of the cluster, each with C(name), C(port) and perhaps C(server_names).
    type: list
    elements: dict
    default: []
  instances:
    description: How many instances of each app an app host has.
    type: int
    default: 0
  public_names:
    description: What visitors type for apps without C(server_names).
    type: list
    elements: str
    default: [localhost]
  virtual_address:
    description: The address that the load balancers share.
    type: str
    default: ""
author:
  - Pergola
"""

EXAMPLES = """
- name: Look at the host
  host_status:
    tiers: "{{ group_names }}"
    name: "{{ inventory_hostname }}"
    address: "{{ host_address }}"
    apps: "{{ cluster_apps }}"
    instances: "{{ cluster_app_instances }}"
"""

RETURN = """
status:
  description: One dictionary per tier, and C(system) for the host itself.
  type: dict
  returned: always
"""

TIMEOUT = 6  # seconds that one service may take to answer
TLS = "/etc/pergola/tls"
MAINTENANCE = "/var/lib/pergola/maintenance"
# What templates/_macros/systemd.j2 takes away from each service, as far as it is a yes or no.
SANDBOX = [
    "LockPersonality",
    "NoNewPrivileges",
    "PrivateDevices",
    "PrivateTmp",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "SystemCallFilter",
]
SECRET_FILES = [f"{TLS}/*.key", "/etc/patroni/config.yml", "/etc/pgbouncer/users.txt", "/etc/redis/users.acl"]


def run(*command):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * TIMEOUT, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-200:]}")
    return done.stdout


# --- how services are asked ---


def tls_context(authority, certificate=None):
    """A client that trusts one of the cluster's two authorities, with a client certificate where one is demanded."""
    context = ssl.create_default_context(cafile=f"{TLS}/{authority}-ca.crt")
    if certificate:
        context.load_cert_chain(f"{TLS}/{certificate}.crt", f"{TLS}/{certificate}.key")
    return context


def get(context, host, port, path, body=None, headers=None):
    """(status, body) of one HTTPS request; a POST when there is a body."""
    connection = http.client.HTTPSConnection(host, int(port), timeout=TIMEOUT, context=context)
    try:
        connection.request("POST" if body else "GET", path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def query(path, user, database, sql, uid):
    """Rows of simple queries over a Unix socket in PostgreSQL's protocol, which PgBouncer's console speaks as well.

    The server learns our user id when we connect and lets its own one in without a password.
    """
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(TIMEOUT)
        os.seteuid(uid)
        try:
            link.connect(path)
        finally:
            os.seteuid(0)
        stream = link.makefile("rb")

        def read_message():
            head = stream.read(5)
            if len(head) < 5:
                raise OSError(f"{path}: the server closed the connection")
            body = stream.read(struct.unpack("!I", head[1:])[0] - 4)
            if head[:1] == b"E":
                fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
                raise OSError(f"{path}: {fields.get(b'M', 'error')}")
            if head[:1] == b"R" and struct.unpack("!I", body[:4])[0] != 0:
                raise OSError(f"{path}: asks for a password")
            return head[:1], body

        start = f"user\0{user}\0database\0{database}\0\0".encode()
        link.sendall(struct.pack("!II", len(start) + 8, 196608) + start)
        while read_message()[0] != b"Z":
            pass
        text = sql.encode() + b"\0"
        link.sendall(b"Q" + struct.pack("!I", len(text) + 4) + text)
        columns, rows = [], []
        while True:
            kind, body = read_message()
            if kind == b"Z":
                return rows
            if kind == b"T":
                columns, rest = [], body[2:]
                while rest:
                    name, rest = rest.split(b"\0", 1)
                    columns.append(name.decode())
                    rest = rest[18:]
            elif kind == b"D":
                values, rest = [], body[2:]
                while rest:
                    size = struct.unpack("!i", rest[:4])[0]
                    values.append(None if size < 0 else rest[4 : 4 + size].decode(errors="replace"))
                    rest = rest[4 + max(size, 0) :]
                rows.append(dict(zip(columns, values, strict=True)))


def units(names):
    """State, process and sandbox of systemd units, in one call."""
    if not names:
        return {}
    wanted = ["Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "MainPID", *SANDBOX]
    found = {}
    for block in run("systemctl", "show", "--property", ",".join(wanted), *names).strip().split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        found[values["Id"]] = {
            "state": values["ActiveState"] if values["LoadState"] == "loaded" else values["LoadState"],
            "enabled": values.get("UnitFileState") == "enabled",
            "pid": int(values.get("MainPID", 0)),
            "sandbox": {key: values.get(key, "") not in ("", "no", "default") for key in SANDBOX},
        }
    return found


# --- the tiers ---


def system(params, answer):
    names = [app["name"] for app in params["apps"]]
    patterns = SECRET_FILES + [f"/etc/{name}/*.{kind}" for name in names for kind in ("env", "key")]
    paths = [path for pattern in patterns for path in sorted(Path("/").glob(pattern.lstrip("/")))]
    failed = run("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager")
    answer["failed_units"] = [line.split()[0] for line in failed.splitlines() if line.strip()]
    answer["verb"] = run_lock.read(Path("/etc/pergola/verb.lock"))
    answer["disks"] = {path: disk(path) for path in ["/", "/var/lib/postgresql", "/var/lib/etcd"] if separate(path)}
    answer["secrets"] = {str(path): permissions(path) for path in paths}
    answer["certificates"] = {str(path): days_left(path) for path in sorted(Path(TLS).glob("*.crt"))}


def separate(path):
    """Whether a path is a file system of its own."""
    return path == "/" or os.path.ismount(path)


def disk(path):
    usage = shutil.disk_usage(path)
    return {"free_mb": usage.free >> 20, "used_percent": round(100 * (1 - usage.free / usage.total))}


def permissions(path):
    return {"mode": f"{stat.S_IMODE(path.stat().st_mode):04o}", "owner": path.owner(), "group": path.group()}


def days_left(path):
    """Days until a certificate expires; negative when it has."""
    end = run("openssl", "x509", "-noout", "-enddate", "-in", path).strip().split("=", 1)[1]
    return int((ssl.cert_time_to_seconds(end) - time.time()) // 86400)


def etcd(params, answer):
    answer["units"] = units(["etcd.service"])
    context = tls_context("control", "etcd")
    _status, text = get(context, params["address"], 2379, "/v3/maintenance/status", body="{}")
    member = json.loads(text)
    answer.update(
        version=member.get("version"),
        leader=member.get("leader", "0") not in ("", "0"),
        is_leader=member.get("leader") == member.get("header", {}).get("member_id"),
        size_mb=round(int(member.get("dbSize", 0)) / 2**20, 1),
        learner=member.get("isLearner", False),
    )
    code, text = get(context, params["address"], 2379, "/health")
    answer["healthy"] = code == 200 and json.loads(text).get("health") == "true"
    answer["reason"] = "" if answer["healthy"] else text.strip()[:120]


POSTGRESQL_STATE = """
SELECT pg_is_in_recovery() AS recovery,
       pg_is_in_recovery() AND pg_get_wal_replay_pause_state() <> 'not paused' AS replay_paused,
       (SELECT status FROM pg_stat_wal_receiver) AS receiver,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
       current_setting('max_connections') AS max_connections,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       (SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings WHERE pending_restart) AS pending_restart
"""
POSTGRESQL_REPLICAS = """
SELECT application_name AS name, state, sync_state,
       pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint AS lag
FROM pg_stat_replication WHERE NOT pg_is_in_recovery() ORDER BY 1
"""
POSTGRESQL_RULES = """
SELECT line_number AS line, type, array_to_string(database, ',') AS database, array_to_string(user_name, ',') AS user,
       address, netmask, auth_method AS method, error
FROM pg_hba_file_rules ORDER BY 1
"""


def postgres(params, answer):
    answer["units"] = units(["patroni.service"])
    try:
        _status, text = get(tls_context("control"), params["address"], 8008, "/cluster")
        cluster = json.loads(text)
        answer["cluster"] = {
            "members": {member["name"]: member for member in cluster.get("members", [])},
            "paused": cluster.get("pause", False),
        }
    except (OSError, ValueError) as fault:
        answer["cluster_error"] = str(fault)

    def ask(sql):
        return query("/run/postgresql/.s.PGSQL.5432", "postgres", "postgres", sql, pwd.getpwnam("postgres").pw_uid)

    state = ask(POSTGRESQL_STATE)[0]
    answer.update(
        role="replica" if state["recovery"] == "t" else "primary",
        replay_paused=state["replay_paused"] == "t",
        receiver=state["receiver"],
        timeline=int(state["timeline"]),
        max_connections=int(state["max_connections"]),
        connections=int(state["connections"]),
        pending_restart=state["pending_restart"] or "",
        rules=ask(POSTGRESQL_RULES),
    )
    if answer["role"] == "primary":
        answer["replicas"] = {
            row["name"]: {"state": row["state"], "sync": row["sync_state"], "lag": int(row["lag"] or 0)}
            for row in ask(POSTGRESQL_REPLICAS)
        }


def redis(params, answer):
    answer["units"] = units(["redis-server.service"])
    pid = answer["units"]["redis-server.service"]["pid"]
    if pid:
        resident = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
        answer["memory_mb"] = int(resident.group(1)) >> 10 if resident else 0
    answer["anonymous"] = ping(params, tls_context("services"))
    try:
        answer["plain"] = ping(params)
    except OSError:  # as it should be: Redis hangs up on what is not TLS
        answer["plain"] = ""


def ping(params, context=None):
    """What Redis says to somebody who did not log in."""
    with socket.create_connection((params["address"], 6379), timeout=TIMEOUT) as link:
        if context:
            link = context.wrap_socket(link, server_hostname=params["name"])
        link.sendall(b"PING\r\n")
        answer = link.recv(200).decode(errors="replace").strip()
        link.close()
        return answer


def app(params, answer):
    answer["apps"] = {item["name"]: instances(item, params["instances"]) for item in params["apps"]}


def instances(item, count):
    """The live release of one app, and its instances: each has a release pointer, a socket and a service."""
    name, home = item["name"], Path("/opt", item["name"])
    numbers = [str(number) for number in range(1, count + 1)]
    found = units([f"{name}@{number}.{kind}" for number in numbers for kind in ("socket", "service")])
    return {
        "live": (home / "live").read_text(encoding="utf-8").strip() if (home / "live").exists() else "",
        "lock": run_lock.read(home / "deploy.lock"),
        "units": found,
        "instances": {
            number: {
                "port": int(item["port"]) + int(number),
                "release": pointed(home / "instances" / number),
                "socket": found[f"{name}@{number}.socket"]["state"],
                "service": found[f"{name}@{number}.service"]["state"],
            }
            for number in numbers
        },
    }


def pointed(link):
    """The release that a link leads to, or nothing."""
    return link.resolve().name if link.exists() else ""


def haproxy(_params, answer):
    answer["units"] = units(["haproxy.service"])
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(TIMEOUT)
        link.connect("/run/haproxy/admin.sock")
        link.sendall(b"show stat\n")
        text = link.makefile("r").read()
    backends = {}
    for row in csv.DictReader(io.StringIO(text.lstrip("# "))):
        if row["svname"] not in ("FRONTEND", "BACKEND"):
            backends.setdefault(row["pxname"], {})[row["svname"]] = row["status"]
    answer["backends"] = backends


def pgbouncer(_params, answer):
    answer["units"] = units(["pgbouncer.service"])

    def ask(sql):
        return query("/run/pgbouncer/.s.PGSQL.6432", "root", "pgbouncer", sql, 0)

    settings = {row["key"]: row["value"] for row in ask("SHOW CONFIG")}
    databases = {row["name"]: row for row in ask("SHOW DATABASES") if row["name"] != "pgbouncer"}
    pools = {}
    for row in ask("SHOW POOLS"):
        if row["database"] in databases:
            pool = pools.setdefault(row["database"], {"active": 0, "waiting": 0, "max_wait_s": 0})
            pool["active"] += int(row["sv_active"])
            pool["waiting"] += int(row["cl_waiting"])
            pool["max_wait_s"] = max(pool["max_wait_s"], int(row["maxwait"]))
    answer["pools"] = {
        name: {
            "size": int(row["pool_size"]),
            "mode": row["pool_mode"] or settings["pool_mode"],
            "paused": row["paused"] == "1" or row["disabled"] == "1",
            **pools.get(name, {"active": 0, "waiting": 0, "max_wait_s": 0}),
        }
        for name, row in databases.items()
    }


def loadbalancer(params, answer):
    answer["units"] = units(["nginx.service"])
    text = run("nginx", "-T", "-q")
    context = tls_context("services", "nginx-upstream")
    visitor = ssl.create_default_context()
    visitor.check_hostname, visitor.verify_mode = (
        False,
        ssl.CERT_NONE,
    )  # the certificate's name is the visitor's business
    answer.update(upstreams={}, front={}, static={}, maintenance={})
    for item in params["apps"]:
        name = item["name"]
        public = (item.get("server_names") or params["public_names"])[0]
        servers = upstream(text, name)
        with ThreadPoolExecutor() as pool:  # one that is silent must not make the others wait
            states = pool.map(check, repeat(context), repeat(public), servers, repeat("/readyz"))
            answer["upstreams"][name] = dict(zip(servers, states, strict=True))
        answer["front"][name] = check(visitor, public, "127.0.0.1:443", "/healthz")
        answer["static"][name] = pointed(Path("/var/www", name, "static"))
        if (note := Path(MAINTENANCE, name)).exists():
            answer["maintenance"][name] = note.read_text(encoding="utf-8").strip()


def keepalived(params, answer):
    answer["units"] = units(["keepalived.service"])
    address = params["virtual_address"]
    answer["holds"] = bool(run("ip", "-4", "-oneline", "address", "show", "to", f"{address}/32").strip())
    answer["stands_aside"] = Path("/var/lib/keepalived/stands-aside").read_text(encoding="utf-8").strip() != "0"


def upstream(configuration, name):
    """The servers that nginx balances an app over."""
    configuration = re.sub(r"#.*", "", configuration)
    block = re.search(rf"\bupstream\s+{re.escape(name)}\s*\{{([^{{}}]*)\}}", configuration)
    servers = re.findall(r"\bserver\s+([^\s;]+)([^;]*);", block.group(1)) if block else []
    return [server for server, options in servers if not {"down", "backup"} & set(options.split())]


def check(context, name, server, path):
    """The word "ok", or what was answered instead: the checks that fail, where the answer lists some."""
    try:
        code, text = get(context, *server.rsplit(":", 1), path, headers={"Host": name})
    except (OSError, http.client.HTTPException) as fault:
        return describe(fault)
    try:
        reasons = [f"{key}: {value}" for key, value in json.loads(text)["checks"].items() if value != "ok"]
    except (ValueError, TypeError, KeyError, AttributeError):
        page = re.search(r"<title>(?:\d{3} )?([^<]*)", text)
        reasons = [] if code == 200 else [" ".join((page.group(1) if page else text).split())]
    if code == 200 and not reasons:
        return "ok"
    return f"{'degraded,' if code == 200 else code} {'; '.join(reasons)}"[:120]


# What is asked where, by the names of tiers.
SECTIONS = {
    "etcd": [etcd],
    "postgres": [postgres],
    "redis": [redis],
    "app": [app, pgbouncer],
    "haproxy": [haproxy],
    "loadbalancer": [loadbalancer],
    "keepalived": [keepalived],
}


def describe(fault):
    return f"{type(fault).__name__}: {fault}" if not isinstance(fault, OSError) else str(fault) or type(fault).__name__


def main():
    module = AnsibleModule(
        argument_spec={
            "tiers": {"type": "list", "elements": "str", "required": True},
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "apps": {"type": "list", "elements": "dict", "default": []},
            "instances": {"type": "int", "default": 0},
            "public_names": {"type": "list", "elements": "str", "default": ["localhost"]},
            "virtual_address": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    status = {}
    for section in [system, *(part for tier in module.params["tiers"] for part in SECTIONS.get(tier, []))]:
        answer = status[section.__name__] = {}
        try:
            section(module.params, answer)
        except Exception as fault:
            answer["error"] = describe(fault)
    module.exit_json(changed=False, status=status)


if __name__ == "__main__":
    main()
