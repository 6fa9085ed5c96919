"""Every inventory parses, and has no fault once its blanks are filled in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from harness import LAB, PROJECT, STUB_SECRETS, Stack

INVENTORIES = sorted(path.parent.name for path in (PROJECT / "inventories").glob("*/hosts.yml"))
NAMES = {"cluster_public_names": ["www.example.com"], "cluster_public_origins": ["https://www.example.com"]}
MOLECULE = ["molecule/inventory", "molecule/single/inventory", "tests/load/inventory"]
BENCH_SECRETS = dict.fromkeys(("customers", "naive", "peer"), STUB_SECRETS["secrets_apps"]["customers"])
BLANKS = {"lab": LAB, "production": NAMES, "single": NAMES} | dict.fromkeys(MOLECULE, LAB)
BLANKS["tests/load/inventory"] = LAB | {"secrets_apps": BENCH_SECRETS}


def copy_of(name, directory, variables):
    """The inventory `name` as it is in the repository, with `variables` beside what it has."""
    target = directory / name
    source = PROJECT / (name if name in MOLECULE else f"inventories/{name}")
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("lab.yml", "secrets.yml"))
    (target / "group_vars" / "cluster" / "blanks.yml").write_text(yaml.safe_dump(variables))
    return target


def give_addresses(inventory):
    """An address for each host whose address was left open."""
    hosts = Stack(inventory).inventory.get_hosts("cluster")
    (inventory / "host_vars").mkdir(exist_ok=True)
    for number, host in enumerate(hosts, start=1):
        if host.vars.get("host_address", "") is None:
            (inventory / "host_vars" / f"{host.name}.yml").write_text(f"host_address: 10.0.0.{number}\n")


def faults(inventory):
    """What preflight says of it, evaluated by Ansible as in a run."""
    return Stack(inventory).evaluate("groups | inventory_faults(hostvars)", "preflight")


@pytest.mark.parametrize("name", [*(f"inventories/{name}" for name in INVENTORIES), *MOLECULE])
def test_it_parses(name):
    subprocess.run(
        [Path(sys.executable).parent / "ansible-inventory", "-i", PROJECT / name, "--graph"],
        env=os.environ | {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"},
        capture_output=True,
        check=True,
    )


@pytest.mark.parametrize("name", INVENTORIES + MOLECULE)
def test_it_has_no_fault_once_filled_in(name, tmp_path):
    inventory = copy_of(name, tmp_path, STUB_SECRETS | BLANKS.get(name, {}))
    give_addresses(inventory)
    assert faults(inventory) == []


@pytest.mark.parametrize("name", INVENTORIES)
def test_every_host_is_in_the_cluster(name, tmp_path):
    groups = Stack(copy_of(name, tmp_path, {})).inventory.get_groups_dict()
    assert set(groups["all"]) == set(groups["cluster"])


def test_the_production_template_refuses_to_run_as_it_is(tmp_path):
    said = faults(copy_of("production", tmp_path, {}))
    assert len(said) == 11
    assert said[0].startswith("cluster_public_names is not set: add it to group_vars/cluster/main.yml")
    assert said[1].startswith("cluster_public_origins is not set")
    assert [fault.split(":")[0] for fault in said[2:10]] == [
        "app1", "app2", "cache1", "db1", "db2", "db3", "lb1", "lb2",
    ]  # fmt: skip
    assert said[10] == f"this inventory has no secrets: type make secrets INVENTORY={tmp_path}/production"


def test_one_host_is_in_every_group(tmp_path):
    groups = Stack(copy_of("single", tmp_path, {})).inventory.get_groups_dict()
    assert all(groups[name] == ["host1"] for name in ("loadbalancer", "app", "postgres", "redis", "etcd"))


def test_one_host_needs_no_router(tmp_path):
    stack = Stack(copy_of("single", tmp_path, NAMES | STUB_SECRETS))
    databases = stack.render("pgbouncer", "pergola.ini.j2", ansible_facts={"memtotal_mb": 1987})
    assert "customers = host=host1 dbname=customers user=customers port=5432 pool_size=20\n" in databases
    assert "customers_ro = host=host1 dbname=customers user=customers port=5432 pool_size=20 " in databases
    assert stack.evaluate("common_host_aliases", "common") == {}


def test_the_production_template_uses_sudo_rather_than_root(tmp_path):
    stack = Stack(copy_of("production", tmp_path, {}))
    assert stack.host_variables("preflight")["ansible_user"] == "deploy"


def test_the_lab_before_make_up_says_what_to_type(tmp_path):
    said = faults(copy_of("lab", tmp_path, {}))
    assert (
        "app1, app2, cache1, db1, db2, db3, lb1, lb2: host_address can't be evaluated, 'lab_network' is undefined"
        in ("\n".join(said))
    )
    assert all("type make up" in fault or "type make secrets" in fault for fault in said)


def test_the_lab_is_the_topology_it_claims_to_be(stack):
    groups = stack.inventory.get_groups_dict()
    assert {name: sorted(groups[name]) for name in ("loadbalancer", "app", "postgres", "redis", "etcd")} == {
        "loadbalancer": ["lb1", "lb2"],
        "app": ["app1", "app2"],
        "postgres": ["db1", "db2", "db3"],
        "redis": ["cache1"],
        "etcd": ["cache1", "lb1", "lb2"],
    }
