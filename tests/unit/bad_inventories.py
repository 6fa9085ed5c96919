"""A good inventory, and all that can be changed in it to make it bad, with what is said about each."""

import copy
import hashlib

from harness import PROJECT, STUB_SECRETS
from preflight import inventory_faults

APP = {
    "name": "shop",
    "path": "app",
    "wsgi": "config.wsgi:application",
    "settings": "config.settings",
    "port": 8000,
}
HOSTS = {
    "lb1": ["loadbalancer", "etcd"],
    "app1": ["app"],
    "app2": ["app"],
    "db1": ["postgres"],
    "db2": ["postgres"],
    "cache1": ["redis"],
}
SHOP = STUB_SECRETS["secrets_apps"]["customers"]
SHARED = {
    "inventory_dir": str(PROJECT / "inventories" / "x"),
    "cluster_name": "pergola",
    "cluster_domain": "pergola.internal",
    "cluster_public_names": ["www.example.com"],
    "cluster_public_port": 443,
    "cluster_public_origins": ["https://www.example.com"],
    "cluster_max_connections": 100,
    "cluster_app_instances": 2,
    "cluster_apps": [APP],
    **STUB_SECRETS,
    "secrets_apps": {"shop": SHOP, "forum": SHOP, "shop_ro": SHOP},
}
FACTS = {"distribution": "Debian", "distribution_major_version": "13", "memtotal_mb": 2048}
AUTHORITY = hashlib.sha256(STUB_SECRETS["secrets_authorities"]["services"]["certificate"].encode()).hexdigest()
ROOM = {"/": 20000, "/var/lib": 20000, "/opt": 20000}
EVERY = "*"  # every host
GONE = object()  # takes a variable away


def away(message):
    """What Ansible registers for a host that can't be reached."""
    return {"unreachable": True, "msg": f"Task failed: Make sure this host can be reached over ssh: {message}"}


class Inventory:
    """A good inventory of hosts that have been set up, to be broken."""

    def __init__(self):
        self.groups = {"cluster": list(HOSTS), "all": list(HOSTS)}
        for host, groups in HOSTS.items():
            for group in groups:
                self.groups.setdefault(group, []).append(host)
        self.hostvars = {
            host: copy.deepcopy(SHARED)
            | {"host_address": f"10.0.0.{number}", "host_memory_mb": 1024, "host_cpus": 1, "ansible_facts": dict(FACTS)}
            | {"__preflight_facts": {"ansible_facts": FACTS}}
            | {"__preflight_host": {"authority": AUTHORITY, "free_mb": dict(ROOM)}}
            for number, host in enumerate(HOSTS, start=1)
        }

    def change(self, where, value):
        """`groups|etcd`, `db1|host_address`, `*|cluster_name`: one path and its new value."""
        owner, *path, name = where.split("|")
        if owner == "groups":
            self.groups[name] = value
            return
        for host in self.hostvars if owner == EVERY else [owner]:
            place = self.hostvars.setdefault(host, {})
            for part in path:
                place = place[part]
            if value is GONE:
                place.pop(name, None)
            else:
                place[name] = value

    def faults(self):
        return inventory_faults(self.groups, self.hostvars)


def other_app(**changes):
    """A second app beside the shop."""
    return [APP, APP | {"name": "forum", "port": 8100, "server_names": ["forum.example.com"]} | changes]


BARE = {"*|__preflight_host|authority": ""}
NO_SECRETS = {f"*|{name}": GONE for name in SHARED if name.startswith("secrets_")}
COMMON = [host for host in HOSTS if host != "lb1"]

# What is changed in a good inventory, and the one line that must come of it.
GROUPS = {
    **{
        f"nobody in {group}": (
            {f"groups|{group}": []} | changes,
            f"group {group} has no host: add one to the inventory",
        )
        for group, changes in {
            "loadbalancer": {},
            "etcd": {},
            "app": {"groups|loadbalancer": ["lb1", "app1", "app2"]},
            "postgres": {"groups|loadbalancer": ["lb1", "db1", "db2"]},
            "redis": {"groups|loadbalancer": ["lb1", "cache1"]},
        }.items()
    },
    "a host outside the cluster": (
        {"groups|app": ["app1", "app2", "app9"], "app9|host_address": "10.0.0.9"},
        "app9 is in group app but not in cluster: make app a child of cluster",
    ),
    "two etcd members": (
        {"groups|etcd": ["lb1", "cache1"]},
        "group etcd has 2 hosts, which survive no more failures than 1: use 1 or 3",
    ),
    "four etcd members": (
        {"groups|etcd": ["lb1", "cache1", "db1", "db2"]},
        "group etcd has 4 hosts, which survive no more failures than 3: use 3 or 5",
    ),
    "two caches": (
        {"groups|redis": ["cache1", "lb1"]},
        "group redis has 2 hosts, and only one would be used: keep one of cache1, lb1",
    ),
    "a host in no tier": (
        {"groups|app": ["app1"]},
        "app2 is in cluster and in no tier: put it into one of loadbalancer, app, postgres, etcd, redis, or take it "
        "out",
    ),
    "no address": (
        {"db2|host_address": None},
        "db2: host_address is not set: add to hosts.yml the address that the other hosts reach it by",
    ),
    "a virtual address for one": (
        {"*|cluster_virtual_address": "10.0.0.250"},
        "cluster_virtual_address needs two load balancers: add a host to group loadbalancer, or remove it",
    ),
    "a virtual address that is none": (
        {"groups|loadbalancer": ["lb1", "app1"], "*|cluster_virtual_address": "www.example.com"},
        "cluster_virtual_address must be an IPv4 address, not 'www.example.com'",
    ),
    "a virtual address of IPv6": (
        {"groups|loadbalancer": ["lb1", "app1"], "*|cluster_virtual_address": "2001:db8::1"},
        "cluster_virtual_address must be an IPv4 address, not '2001:db8::1'",
    ),
    "a virtual address that is a host's": (
        {"groups|loadbalancer": ["lb1", "app1"], "*|cluster_virtual_address": "10.0.0.1"},
        "cluster_virtual_address 10.0.0.1 belongs to lb1: take a free address of the load balancers' network",
    ),
    "a name for an address": (
        {"db2|host_address": "db2.example.com"},
        "db2: host_address must be an IP address, not 'db2.example.com'",
    ),
    "an address twice": (
        {"db2|host_address": "10.0.0.4"},
        "db1, db2 have the same host_address 10.0.0.4: give each host its own",
    ),
    "loopback": (
        {"db2|host_address": "127.0.0.1"},
        "db2: host_address 127.0.0.1 means each host itself: write the one that others reach it by",
    ),
}
VARIABLES = {
    **{
        f"{name} is {value!r}": (
            {f"*|{name}": value},
            f"{name} is not set: add it to group_vars/cluster/main.yml, such as {name}: {example}",
        )
        for value in (None, "")
        for name, example in {
            "cluster_name": "pergola",
            "cluster_domain": "pergola.internal",
            "cluster_public_names": "[www.example.com]",
            "cluster_public_port": "443",
            "cluster_public_origins": "[https://www.example.com]",
            "cluster_max_connections": "100",
            "cluster_app_instances": "2",
        }.items()
    },
    "a typo of a role's variable": (
        {"*|nginx_http_prot": 80},
        "nginx_http_prot is unknown: did you mean nginx_http_port?",
    ),
    "a typo on some hosts": (
        {"db1|postgresql_tll": 30, "db2|postgresql_tll": 30},
        "db1, db2: postgresql_tll is unknown: did you mean postgresql_ttl?",
    ),
    "a typo in the role's name": (
        {"lb1|ngnix_https_port": 443},
        "lb1: ngnix_https_port is unknown: did you mean nginx_https_port?",
    ),
    "a typo of the inventory's own": (
        {"app1|host_memory": 1024},
        "app1: host_memory is unknown: did you mean host_memory_mb?",
    ),
    "a typo of a secret": (
        {"*|secrets_app": {}},
        "secrets_app is unknown: did you mean secrets_apps?",
    ),
    "a name like ours": (
        {"*|etcd_colour": "red"},
        "etcd_colour is unknown: see docs/variables.md, and let names of your own not begin with etcd_",
    ),
    "no list": (
        {"*|cluster_public_names": "www.example.com"},
        "cluster_public_names must be a list, such as cluster_public_names: [www.example.com]",
    ),
    "no number": (
        {"*|cluster_public_port": "https"},
        "cluster_public_port must be a whole number, not 'https'",
    ),
    "a port above all": (
        {"*|cluster_public_port": 65536},
        "cluster_public_port must be from 1 to 65535, not 65536",
    ),
    "a negative number": (
        {"*|cluster_max_connections": -1},
        "cluster_max_connections must be at least 1, not -1",
    ),
    "a role's number": ({"lb1|nginx_https_port": "https"}, "lb1: nginx_https_port must be a whole number, not 'https'"),
    "a role's port": ({"lb1|nginx_https_port": 0}, "lb1: nginx_https_port must be from 1 to 65535, not 0"),
    "a half number": ({"*|app_workers": 1.5}, "app_workers must be a whole number, not 1.5"),
    "less than Patroni accepts": ({"*|postgresql_ttl": 10}, "postgresql_ttl must be at least 20, not 10"),
    "more patience than etcd has": (
        {"*|etcd_election_ms": 60000},
        "etcd_election_ms must be from 1 to 50000, not 60000",
    ),
    "less patience than etcd accepts": (
        {"lb1|etcd_heartbeat_ms": 300},
        "lb1: etcd_election_ms must be at least 5 times etcd_heartbeat_ms, 1500, not 1000",
    ),
    "no truth": (
        {"*|postgresql_synchronous_mode": "maybe"},
        "postgresql_synchronous_mode must be true or false, not 'maybe'",
    ),
    "no choice": (
        {"*|app_worker_class": "sync"},
        "app_worker_class must be gevent or gthread, not 'sync'",
    ),
    "text for a list": ({"*|common_packages": "curl"}, "common_packages must be a list, not 'curl'"),
    "text for a mapping": ({"*|app_environment": "A=1"}, "app_environment must be a mapping, not 'A=1'"),
    "a list for a text": ({"*|nginx_read_timeout": ["65s"]}, "nginx_read_timeout must be text, not ['65s']"),
    "half an element": ({"*|common_administrators": [{"name": "ann"}]}, "common_administrators[0]: key is missing"),
    "too much of an element": (
        {"*|common_administrators": [{"name": "ann", "key": "ssh-ed25519 A", "sudo": True}]},
        "common_administrators[0]: sudo is unknown, known are name, key",
    ),
    "a bad element": (
        {"*|common_packages": ["curl", ["acl"]]},
        "common_packages[1] must be text, not ['acl']",
    ),
    "no processor": ({"app1|host_cpus": 0}, "app1: host_cpus must be at least 1, not 0"),
    "hosts that disagree": (
        {"db1|cluster_max_connections": 200, "db2|cluster_max_connections": 200},
        "cluster_max_connections is not the same on db1, db2 as on app1: set it in group_vars/cluster alone",
    ),
    "an origin without its scheme": (
        {"*|cluster_public_origins": ["www.example.com"]},
        "cluster_public_origins: 'www.example.com' must be scheme and host, such as https://www.example.com",
    ),
    "an origin with a path": (
        {"*|cluster_public_origins": ["https://www.example.com/"]},
        "cluster_public_origins: 'https://www.example.com/' must be scheme and host, such as https://www.example.com",
    ),
}
APPS = {
    **{
        f"{next(iter(change))} {next(iter(change.values()))!r}": (
            {"*|cluster_apps": [APP | change], "*|secrets_apps": {str((APP | change)["name"]): SHOP}},
            f"cluster_apps[0] ({(APP | change)['name']}): {complaint}",
        )
        for change, complaint in (
            ({"name": None}, "name None must match [a-z][a-z0-9_]{0,24}"),
            ({"name": "my-shop"}, "name 'my-shop' must match [a-z][a-z0-9_]{0,24}"),
            ({"name": "postgres"}, "the name is taken by the system: choose another one"),
            ({"wsgi": "config.wsgi"}, r"wsgi 'config.wsgi' must match \w+(\.\w+)*:\w+"),
            ({"settings": "config/settings.py"}, r"settings 'config/settings.py' must match \w+(\.\w+)*"),
            ({"port": "http"}, r"port 'http' must match \d{4,5}"),
            (
                {"prot": 8000},
                "prot is unknown, known are name, path, wsgi, settings, port, server_names, public_paths, login_paths, "
                "environment, worker_class, hourly_command",
            ),
            ({"environment": ["A=1"]}, "environment must be a mapping, such as {HSTS_SECONDS: 60}"),
            ({"environment": {"A-B": 1}}, r"environment: 'A-B' can't name a variable, it must match [A-Za-z_]\w*"),
            ({"environment": {"A": [1]}}, "environment: A must be text or a number: quote it"),
            (
                {"worker_class": "tornado"},
                "worker_class must be gevent, gthread, sync or a class of its own, as module.Class, not 'tornado'",
            ),
            (
                {"hourly_command": "purge_expired --all"},
                "hourly_command must be the name of a management command without arguments, such as purge_expired, "
                "not 'purge_expired --all'",
            ),
            ({"server_names": "www.example.com"}, "server_names must be a list, such as [www.example.com]"),
            ({"public_paths": ["docs"]}, "public_paths must be a list of paths, such as [/docs/]"),
            ({"login_paths": ["login"]}, "login_paths must be a list of paths, such as [/login/]"),
            (
                {"path": "docs"},
                f"path docs is no Django project, there is no {PROJECT}/docs/manage.py: correct the path",
            ),
        )
    },
    **{
        f"no {field}": (
            {"*|cluster_apps": [{key: value for key, value in APP.items() if key != field}]},
            f"cluster_apps[0] (shop): {field} is missing",
        )
        for field in ("path", "wsgi", "settings", "port")
    },
    "no mapping": (
        {"*|cluster_apps": [APP, "forum"]},
        "cluster_apps[1] must be a mapping with name, path, wsgi, settings, port",
    ),
    "two apps for the same names": (
        {"*|cluster_apps": other_app(server_names=[])},
        "cluster_apps[1] (forum): server_names is missing, and each app but the first needs its own: "
        "[shop.example.com]",
    ),
    "two apps for the same database": (
        {"*|cluster_apps": other_app(name="shop_ro")},
        "cluster_apps: two apps would both make shop_ro: rename one of them",
    ),
    **{
        f"port {port}": (
            {"*|cluster_apps": other_app(port=port)},
            f"cluster_apps (forum): port {port} with 2 instances needs {needs} uses: choose another port",
        )
        for port, needs in (
            (8001, "8001, which shop"),
            (8006, "8008, which another service"),
            (5431, "5432, which another service"),
        )
    },
}
SIZES = {
    "connections": (
        {"*|cluster_max_connections": 25},
        "cluster_max_connections does not fit: max_connections 25 - 20 reserved (superuser 3, patroni 4, migrations 6, "
        "monitoring 4, backup 3) = 5 for 2 app hosts x 1 apps x 4 connections = 8: raise cluster_max_connections to 28 "
        "or more",
    ),
    "a small database host": (
        {"db1|host_memory_mb": 512},
        "db1: the host has 512 MB and needs 640 MB (system 256 + postgres 384): give it more memory or take it out of "
        "a group",
    ),
    "a small app host by its own account": (
        {"app1|host_memory_mb": GONE, "app1|ansible_facts|memtotal_mb": 600},
        "app1: the host has 576 MB and needs 640 MB (system 256 + app 384): give it more memory or take it out of a "
        "group",
    ),
    "more memory than there is": (
        {"db1|host_memory_mb": 4096},
        "db1: host_memory_mb is 4096, and the host has 2048 MB: lower it, or leave it out",
    ),
    "memory in words": ({"db1|host_memory_mb": "1G"}, "db1: host_memory_mb must be a whole number, not '1G'"),
    "instances": (
        {"*|cluster_app_instances": 5, "groups|app": ["app1"], "groups|loadbalancer": ["lb1", "app2"]},
        "app1: 5 instances need 800 MB (each 40 + 120 per worker) and the app has 768 MB on this host: lower "
        "cluster_app_instances or give the host more memory",
    ),
    "containers of a small machine": (
        {"*|cluster_machine_memory_mb": 4863},
        "the tiers of 6 hosts claim 4864 MB of one machine with 4863 MB (cluster_machine_memory_mb): lower "
        "host_memory_mb",
    ),
}
ANSWERS = {
    "away": (
        {"db2|__preflight_facts": away("ssh: connect to host 10.0.0.5 port 22: Connection timed out")},
        "db2 can't be reached, ssh: connect to host 10.0.0.5 port 22: Connection timed out: see that it is up and that "
        "ssh db2 works, or go on without it by --limit 'all:!db2'",
    ),
    "locked": (
        {"db2|__preflight_facts": away("deploy@db2: Permission denied (publickey).")},
        "db2 can't be reached, deploy@db2: Permission denied (publickey): let ansible_user in by your public key, by "
        "ssh-copy-id, or go on without it by --limit 'all:!db2'",
    ),
    "a stranger": (
        {"db2|__preflight_facts": away("Host key verification failed.")},
        "db2 can't be reached, Host key verification failed: compare its key and accept it, by ssh db2, or go on "
        "without it by --limit 'all:!db2'",
    ),
    "nowhere": (
        {"db2|__preflight_facts": away("ssh: Could not resolve hostname db2: Name or service not known")},
        "db2 can't be reached, ssh: Could not resolve hostname db2: Name or service not known: correct its name, or "
        "give it an ansible_host, or go on without it by --limit 'all:!db2'",
    ),
    "no sudo": (
        {"db2|__preflight_facts": {"msg": "Task failed: Missing sudo password"}},
        "db2 can't be looked at, Missing sudo password: add -K for sudo's password, or let ansible_user use sudo "
        "without one, or go on without it by --limit 'all:!db2'",
    ),
    "no Python": (
        {"db2|__preflight_facts": {"module_stderr": "/bin/sh: 1: /usr/bin/python3: not found\n"}},
        "db2 can't be looked at, /bin/sh: 1: /usr/bin/python3: not found: install python3 on it, or go on without it "
        "by --limit 'all:!db2'",
    ),
    "another system": (
        {
            "db2|ansible_facts": {
                "distribution": "Ubuntu",
                "distribution_major_version": "24",
                "distribution_version": "24.04",
            }
        },
        "db2 runs Ubuntu 24.04, and the stack needs Debian 13: install that",
    ),
    "another release": (
        {
            "db2|ansible_facts": {
                "distribution": "Debian",
                "distribution_major_version": "12",
                "distribution_version": "12.9",
            }
        },
        "db2 runs Debian 12.9, and the stack needs Debian 13: install that",
    ),
    "a host that was removed": (
        {
            "db2|__preflight_host|removed": "db2 was removed from the cluster pergola.",
            "db2|__preflight_host|authority": "",
        },
        "db2 was removed from the cluster and is still in the inventory: delete it there, or, to take it back as a new "
        "host, delete /etc/pergola/removed on it",
    ),
    "a small disk": (
        {**BARE, "db1|__preflight_host|free_mb": ROOM | {"/var/lib": 2000}},
        "db1 has 2000 MB left in /var/lib and needs 2304 MB: make room, or give it a larger disk",
    ),
    "a full disk": (
        {"app1|__preflight_host|free_mb": ROOM | {"/opt": 100}},
        "app1 has 100 MB left in /opt and needs 256 MB: make room, or give it a larger disk",
    ),
}
MAKE = "type make secrets INVENTORY=inventories/x"
RESTORE = "restore group_vars/cluster/secrets.yml"
CUT_OFF = (
    "restore the file that they were set up with, since this one would cut you off from the data; install a host anew "
    "that comes from another cluster"
)
NEWER = (
    "newer than those in group_vars/cluster/secrets.yml: get the file from whoever ran rotate-secrets; to go back to "
    "yours, add secrets_rotating: true to it and run rotate-secrets"
)
ASKED = ("__preflight_facts", "__preflight_host", "ansible_facts")
SECRETS = {
    "no secrets for bare hosts": (NO_SECRETS | BARE, f"this inventory has no secrets: {MAKE}"),
    "no secrets for a cluster with data": (
        {**NO_SECRETS, "lb1|__preflight_host|authority": "", "app1|__preflight_host|authority": ""},
        f"this inventory has no secrets, but app2, cache1, db1, db2 were set up before: {RESTORE} from your backup, "
        "since new secrets would cut you off from the data",
    ),
    "other secrets than those of the cluster": (
        {"*|__preflight_host|authority": "0" * 64},
        "app1, app2, cache1, db1, db2, lb1 were set up with other secrets than those in "
        f"group_vars/cluster/secrets.yml: {CUT_OFF}",
    ),
    "other secrets than those of one database": (
        {"db1|__preflight_host|authority": "", "db2|__preflight_host|authority": "0" * 64},
        f"db2 were set up with other secrets than those in group_vars/cluster/secrets.yml: {CUT_OFF}",
    ),
    "no secrets for a cluster of which only a bare host is asked": (
        {**NO_SECRETS, "app2|__preflight_host|authority": ""}
        | {f"{host}|{name}": GONE for host in HOSTS if host != "app2" for name in ASKED},
        "this inventory has no secrets, and app1, cache1, db1, db2, lb1 have not said whether they were set up "
        f"before: {RESTORE} if they were; only else {MAKE}",
    ),
    "one authority missing for a cluster with data": (
        {"*|secrets_authorities": {"control": STUB_SECRETS["secrets_authorities"]["control"]}},
        "this inventory has no whole authority services in its secrets, but app1, app2, cache1, db1, db2, lb1 were set "
        f"up before: {RESTORE} from your backup, since new secrets would cut you off from the data",
    ),
    "half an authority for a cluster with data": (
        {"*|secrets_authorities": STUB_SECRETS["secrets_authorities"] | {"control": {"key": "hunter2"}}},
        "this inventory has no whole authority control in its secrets, but app1, app2, cache1, db1, db2, lb1 were set "
        f"up before: {RESTORE} from your backup, since new secrets would cut you off from the data",
    ),
    "other secrets than those of an app host, where no host with data is asked": (
        {"app1|__preflight_host|authority": "0" * 64}
        | {f"{host}|{name}": GONE for host in HOSTS if not host.startswith("app") for name in ASKED},
        f"app1 were set up with other secrets than those in group_vars/cluster/secrets.yml: {CUT_OFF}",
    ),
    "older secrets than those of some hosts": (
        {"*|secrets_rotated": "2026-01-31T12:00:00Z", "db1|__preflight_host|rotated": "2026-02-01T00:00:00Z"}
        | {"lb1|__preflight_host|rotated": "2026-01-31T12:00:00Z", "app1|__preflight_host|rotated": ""},
        f"db1 have the secrets of 2026-02-01T00:00:00Z, which are {NEWER}",
    ),
    "secrets of the beginning after a rotation": (
        {"*|__preflight_host|rotated": "2026-02-01T00:00:00Z"},
        f"app1, app2, cache1, db1, db2, lb1 have the secrets of 2026-02-01T00:00:00Z, which are {NEWER}",
    ),
    "a host that can't be looked at": (
        {"db2|__preflight_host": {"failed": True, "msg": "No space left on device: '/tmp/x'."}},
        "db2 can't be looked at, No space left on device: '/tmp/x': see that it is up and that ssh db2 works, or go on "
        "without it by --limit 'all:!db2'",
    ),
    "one secret missing": (
        {"*|secrets_apps": {"shop": {key: value for key, value in SHOP.items() if key != "redis_password"}}},
        f"secrets are missing (secrets_apps.shop.redis_password): {MAKE}",
    ),
    "half an authority": (
        BARE | {"*|secrets_authorities": STUB_SECRETS["secrets_authorities"] | {"control": {"key": "hunter2"}}},
        "secrets_authorities.control has only its key: restore the other half from a backup, or remove it to get a new "
        "authority",
    ),
}
BAD = GROUPS | VARIABLES | APPS | SIZES | ANSWERS | SECRETS
