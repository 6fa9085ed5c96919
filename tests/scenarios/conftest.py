"""What scenarios share: the view of the cluster that tests/infra has, hands on its hosts, and the playbook.

A scenario breaks things, so that it runs on the containers of a lab alone:

    .venv/bin/pytest tests/scenarios/failover --ansible-inventory=molecule/inventory
"""

import pytest
import yaml
from infra.conftest import *  # noqa: F403
from infra.conftest import ROOT
from scenarios.lab import Lab
from scenarios.playbook import Playbook


@pytest.fixture(scope="session")
def inventory(pytestconfig):
    """The path of the inventory under test."""
    return (ROOT / pytestconfig.option.ansible_inventory).resolve()


@pytest.fixture(scope="session")
def lab(inventory):
    """The containers that are its hosts."""
    return Lab(inventory)


@pytest.fixture(scope="session")
def site(lab, inventory):
    """site.yml, to be run or to be killed: site().changed."""
    return Playbook(inventory)


@pytest.fixture(scope="session")
def verb(lab, inventory):
    """One of ansible/playbooks, to be run: verb("switchover")("-e", "candidate=db2").changed."""
    return lambda name: Playbook(inventory, file=f"ansible/playbooks/{name}.yml")


@pytest.fixture(scope="session")
def without(lab, inventory, tmp_path_factory):
    """site.yml, or another playbook, for the inventory without some of its hosts; others may take their places, by
    group: without(["lb2"], instead={"etcd": "app1"})()."""

    def make(gone, instead=None, file="site.yml"):
        tree = yaml.safe_load((inventory / "hosts.yml").read_text())
        for group in tree["cluster"]["children"].values():
            group["hosts"] = {name: values for name, values in group["hosts"].items() if name not in gone}
        for group, name in (instead or {}).items():
            tree["cluster"]["children"][group]["hosts"][name] = None
        made = tmp_path_factory.mktemp("without")
        (made / "hosts.yml").write_text(yaml.safe_dump(tree))
        (made / "group_vars").symlink_to(inventory / "group_vars")
        return Playbook(made, file=file)

    return make
