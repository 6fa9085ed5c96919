"""Bad inventories, and what is said about each."""

import copy

import pytest
from faults import RESERVED_NAMES, inventory_faults
from harness import STUB_SECRETS

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


class Inventory:
    """A good inventory, to be broken."""

    def __init__(self):
        self.groups = {"cluster": list(HOSTS), "all": list(HOSTS)}
        for host, groups in HOSTS.items():
            for group in groups:
                self.groups.setdefault(group, []).append(host)
        shared = {
            "inventory_dir": "inventories/x",
            "cluster_name": "pergola",
            "cluster_domain": "pergola.internal",
            "cluster_public_names": ["www.example.com"],
            "cluster_public_port": 443,
            "cluster_public_origins": ["https://www.example.com"],
            "cluster_max_connections": 100,
            "cluster_app_instances": 2,
            "cluster_apps": [APP],
            **STUB_SECRETS,
            "secrets_apps": {"shop": STUB_SECRETS["secrets_apps"]["customers"]},
        }
        self.hostvars = {
            host: copy.deepcopy(shared) | {"host_address": f"10.0.0.{number}", "host_memory_mb": 1024, "host_cpus": 1}
            for number, host in enumerate(HOSTS, start=1)
        }

    def set(self, **variables):
        for values in self.hostvars.values():
            values.update(variables)

    def faults(self):
        return inventory_faults(self.groups, self.hostvars)


@pytest.fixture
def inventory():
    return Inventory()


def test_a_good_inventory_has_no_fault(inventory):
    assert inventory.faults() == []


def test_memory_may_be_left_to_the_facts(inventory):
    for values in inventory.hostvars.values():
        del values["host_memory_mb"], values["host_cpus"]
    assert inventory.faults() == []


def test_all_faults_are_listed_at_once(inventory):
    inventory.set(cluster_domain="", cluster_max_connections=25)
    inventory.groups["redis"] = []
    assert len(inventory.faults()) == 3


def test_an_empty_inventory():
    assert inventory_faults({"all": []}, {}) == ["group cluster has no host: fill in hosts.yml"]


@pytest.mark.parametrize("group", ["loadbalancer", "app", "postgres", "etcd", "redis"])
def test_a_needed_group_without_a_host(inventory, group):
    inventory.groups[group] = []
    assert inventory.faults() == [f"group {group} has no host: add one to the inventory"]


def test_a_host_outside_the_cluster(inventory):
    inventory.groups["app"].append("app9")
    inventory.hostvars["app9"] = {}
    assert "app9 is in group app but not in cluster: make app a child of cluster" in inventory.faults()


@pytest.mark.parametrize(
    ("hosts", "advice"), [(["lb1", "app1"], "use 1 or 3"), (["lb1", "app1", "app2", "db1"], "3 or 5")]
)
def test_an_even_etcd_count(inventory, hosts, advice):
    inventory.groups["etcd"] = hosts
    [fault] = inventory.faults()
    assert fault.startswith(f"group etcd has {len(hosts)} hosts, which survive no more failures than {len(hosts) - 1}")
    assert advice in fault


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("cluster_name", "pergola"),
        ("cluster_domain", "pergola.internal"),
        ("cluster_public_names", "[www.example.com]"),
        ("cluster_public_port", "443"),
        ("cluster_public_origins", "[https://www.example.com]"),
        ("cluster_max_connections", "100"),
        ("cluster_app_instances", "2"),
    ],
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable(inventory, name, example, value):
    inventory.set(**{name: value})
    assert inventory.faults() == [
        f"{name} is not set: add it to group_vars/cluster/main.yml, such as {name}: {example}"
    ]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("cluster_public_names", "www.example.com", "must be a list, such as cluster_public_names: [www.example.com]"),
        ("cluster_public_port", "https", "must be a whole number above 0, not 'https'"),
        ("cluster_max_connections", -1, "must be a whole number above 0, not -1"),
    ],
)
def test_a_wrong_type(inventory, name, value, complaint):
    inventory.set(**{name: value})
    assert inventory.faults() == [f"{name} {complaint}"]


@pytest.mark.parametrize("origin", ["www.example.com", "https://www.example.com/"])
def test_an_origin_that_no_browser_sends(inventory, origin):
    inventory.set(cluster_public_origins=[origin])
    assert inventory.faults() == [
        f"cluster_public_origins: {origin!r} must be scheme and host, such as https://www.example.com"
    ]


def test_a_missing_address(inventory):
    inventory.hostvars["db2"]["host_address"] = None
    assert inventory.faults() == [
        "db2: host_address is not set: add to hosts.yml the address that the other hosts reach it by"
    ]


def test_an_address_that_is_a_name(inventory):
    inventory.hostvars["db2"]["host_address"] = "db2.example.com"
    assert inventory.faults() == ["db2: host_address must be an IP address, not 'db2.example.com'"]


def test_the_same_address_twice(inventory):
    inventory.hostvars["db2"]["host_address"] = inventory.hostvars["db1"]["host_address"]
    assert inventory.faults() == ["db1, db2 have the same host_address 10.0.0.4: give each host its own"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": None}, "name None must match"),
        ({"name": "my-shop"}, "name 'my-shop' must match"),
        ({"name": "postgres"}, "the name is taken by the system"),
        ({"wsgi": "config.wsgi"}, "wsgi 'config.wsgi' must match"),
        ({"settings": "config/settings.py"}, "settings 'config/settings.py' must match"),
        ({"port": "http"}, "port 'http' must match"),
        ({"prot": 8000}, "prot is unknown, known are name, path, wsgi, settings, port, server_names"),
        ({"server_names": "www.example.com"}, "server_names must be a list, such as [www.example.com]"),
    ],
)
def test_a_malformed_app(inventory, change, complaint):
    app = APP | change
    inventory.set(cluster_apps=[app], secrets_apps={str(app["name"]): STUB_SECRETS["secrets_apps"]["customers"]})
    [fault] = inventory.faults()
    assert fault.startswith(f"cluster_apps[0] ({app['name']}): ")
    assert complaint in fault


@pytest.mark.parametrize("field", ["path", "wsgi", "settings", "port"])
def test_an_incomplete_app(inventory, field):
    inventory.set(cluster_apps=[{key: value for key, value in APP.items() if key != field}])
    assert inventory.faults() == [f"cluster_apps[0] (shop): {field} is missing"]


def test_an_app_without_a_name(inventory):
    inventory.set(cluster_apps=["shop", {"path": "app"}])
    faults = inventory.faults()
    assert "cluster_apps[0] must be a mapping with name, path, wsgi, settings, port" in faults
    assert "cluster_apps[1] (without a name): name is missing" in faults


def test_two_apps_fit(inventory):
    shop = STUB_SECRETS["secrets_apps"]["customers"]
    inventory.set(cluster_apps=[APP, APP | {"name": "forum", "port": 8100}], secrets_apps={"shop": shop, "forum": shop})
    assert inventory.faults() == []


@pytest.mark.parametrize(
    ("name", "port", "complaint"),
    [
        ("shop_ro", 8100, "cluster_apps: two apps would both make shop_ro: rename one of them"),
        ("forum", 8001, "port 8001 with 2 instances needs 8001, which shop uses: choose another port"),
        ("forum", 8006, "port 8006 with 2 instances needs 8008, which another service uses: choose another port"),
        ("forum", 5431, "port 5431 with 2 instances needs 5432, which another service uses: choose another port"),
    ],
)
def test_two_apps_collide(inventory, name, port, complaint):
    secrets = STUB_SECRETS["secrets_apps"]["customers"]
    inventory.set(cluster_apps=[APP, APP | {"name": name, "port": port}], secrets_apps={"shop": secrets, name: secrets})
    [fault] = inventory.faults()
    assert complaint in fault


def test_no_secrets_at_all(inventory):
    for values in inventory.hostvars.values():
        for name in [name for name in values if name.startswith("secrets_")]:
            del values[name]
    assert inventory.faults() == ["this inventory has no secrets: type make secrets INVENTORY=inventories/x"]


def test_one_secret_missing(inventory):
    inventory.hostvars["app1"]["secrets_apps"]["shop"].pop("redis_password")
    assert inventory.faults() == [
        "secrets are missing (secrets_apps.shop.redis_password): type make secrets INVENTORY=inventories/x"
    ]


def test_half_an_authority(inventory):
    inventory.set(secrets_authorities=STUB_SECRETS["secrets_authorities"] | {"control": {"key": "hunter2"}})
    [fault] = inventory.faults()
    assert fault.startswith("secrets_authorities.control has only its key: restore the other half")
    assert "hunter2" not in fault


def test_a_connection_budget_that_does_not_fit(inventory):
    inventory.set(cluster_max_connections=25)
    [fault] = inventory.faults()
    assert fault.startswith("cluster_max_connections does not fit: max_connections 25 - 20 reserved (superuser 3, ")
    assert fault.endswith(
        "= 5 for 2 app hosts x 1 apps x 4 connections = 8: raise cluster_max_connections to 28 or more"
    )


@pytest.mark.parametrize(
    ("host", "memory", "complaint"),
    [
        ("db1", 512, "db1: the host has 512 MB and needs 640 MB (system 256 + postgres 384)"),
        ("app1", 600, "app1: the host has 576 MB and needs 640 MB (system 256 + app 384)"),
        ("db1", "1G", "db1: host_memory_mb must be a whole number, not '1G'"),
    ],
)
def test_a_host_that_is_too_small(inventory, host, memory, complaint):
    inventory.hostvars[host]["host_memory_mb"] = memory
    [fault] = inventory.faults()
    assert fault.startswith(complaint)


def test_more_instances_than_the_memory_holds(inventory):
    inventory.set(cluster_app_instances=5)
    fault, _ = inventory.faults()  # one for each app host
    assert fault.startswith("app1: 5 instances need 800 MB (each 40 + 120 per worker) and the app has 768 MB")


def test_no_processor(inventory):
    inventory.hostvars["app1"]["host_cpus"] = 0
    assert inventory.faults() == ["app1: host_cpus must be a whole number above 0, not 0"]


def test_containers_that_do_not_fit_their_machine(inventory):
    inventory.set(cluster_machine_memory_mb=4864)
    assert inventory.faults() == []
    inventory.set(cluster_machine_memory_mb=4863)
    [fault] = inventory.faults()
    assert fault.startswith(
        "the tiers of 6 hosts claim 4864 MB of one machine with 4863 MB (cluster_machine_memory_mb)"
    )
    assert fault.endswith("lower host_memory_mb")


def test_names_that_the_app_role_refuses_are_refused_before_it_runs(stack):
    assert set(stack.evaluate("__app_reserved_names", "app")) <= RESERVED_NAMES
