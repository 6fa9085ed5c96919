"""The lab's inventory with stub secrets, and templates rendered the way Ansible renders them."""

from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

init_plugin_loader([])
filter_loader.add_directory(str(PROJECT / "ansible" / "filter_plugins"))

APP_SECRETS = ("secret_key", "database_password", "database_owner_password", "redis_password", "admin_password")
LAB = {"lab_prefix": "pergola-unit", "lab_network": "10.9.8", "lab_https_port": 8443, "lab_http_port": 8080}


def secret(name):
    """What stands for the secret `name` in rendered files: visible, and nothing else looks like it."""
    return f"SECRET-{name}"


STUB_SECRETS = {
    "secrets_postgresql_replication_password": secret("replication"),
    "secrets_postgresql_rewind_password": secret("rewind"),
    "secrets_authorities": {
        name: {part: secret(f"{name}-{part}") for part in ("key", "certificate")} for name in ("control", "services")
    },
    "secrets_apps": {
        "customers": {name: secret(name) for name in APP_SECRETS},
    },
}


def make_inventory(directory, *, secrets=STUB_SECRETS):
    """The lab's inventory in `directory`, with what `make up` would write beside it."""
    source = PROJECT / "inventories" / "lab"
    variables = directory / "group_vars" / "cluster"
    variables.mkdir(parents=True)
    (directory / "hosts.yml").write_text((source / "hosts.yml").read_text())
    (variables / "main.yml").write_text((source / "group_vars" / "cluster" / "main.yml").read_text())
    (variables / "lab.yml").write_text(yaml.safe_dump(LAB))
    if secrets:
        (variables / "secrets.yml").write_text(yaml.safe_dump(secrets))
    return directory


class Stack:
    """site.yml applied to an inventory, as far as one can go without a host."""

    def __init__(self, inventory):
        self.loader = DataLoader()
        self.loader.set_basedir(str(PROJECT))
        self.inventory = InventoryManager(loader=self.loader, sources=[str(inventory)])
        self.variables = VariableManager(loader=self.loader, inventory=self.inventory)
        HostVars(self.inventory, self.variables, self.loader)  # registers itself as hostvars
        self.plays = self._load(PROJECT / "site.yml")

    def _load(self, path):
        return (self.loader.load_from_file(str(path), trusted_as_template=True) if path.exists() else None) or {}

    def _wiring(self, role):
        """Where site.yml uses a role: the hosts, the variables that it hands over, the loop around it."""
        for play in self.plays:
            calls = play.get("roles", []) + [
                task | task["ansible.builtin.include_role"] | {"role": task["ansible.builtin.include_role"]["name"]}
                for task in play.get("tasks", [])
                if "ansible.builtin.include_role" in task
            ]
            for call in calls:
                if call["role"] == role:
                    given = play.get("vars", {}) | call.get("vars", {})
                    for file in play.get("vars_files", []):
                        given |= self._load(PROJECT / file)
                    return play["hosts"], given, self._loop(call)
        raise LookupError(f"site.yml does not use the role {role}")

    @staticmethod
    def _loop(call):
        """{loop variable: name of the list}"""
        return {call["loop_control"]["loop_var"]: call["loop"].strip("{} ")} if "loop" in call else {}

    def host_variables(self, role, host=None, **overrides):
        """Everything that a task of `role` sees on `host` (default: the first one that has the role)."""
        group, given, loop = self._wiring(role)
        host = self.inventory.get_host(host or min(self.inventory.get_groups_dict()[group]))
        folder = PROJECT / "ansible" / "roles" / role
        facts = {"ansible_facts": {"memtotal_mb": 991, "processor_vcpus": 1, "hostname": host.name}}
        variables = (
            facts
            | self._load(folder / "defaults" / "main.yml")
            | self.variables.get_vars(host=host)
            | self._load(folder / "vars" / "main.yml")
            | given
        )
        variables |= {name: variables[items][0] for name, items in loop.items()}
        return variables | {name: trust_as_template(v) if isinstance(v, str) else v for name, v in overrides.items()}

    def evaluate(self, expression, role, host=None, **overrides):
        """The value of an expression or variable in a task of `role`."""
        templar = Templar(loader=self.loader, variables=self.host_variables(role, host, **overrides))
        return templar.template(trust_as_template("{{ " + expression + " }}"))

    def render(self, role, template, host=None, **overrides):
        """templates/<role>/<template> as it would land on `host`."""
        variables = self.host_variables(role, host, **overrides)
        variables["ansible_managed"] = "Ansible managed"
        source = PROJECT / "templates" / role / template
        templar = Templar(loader=self.loader, variables=variables)
        templar = templar.copy_with_new_env(
            searchpath=[str(PROJECT / "templates"), str(source.parent)], available_variables=variables
        )
        text = trust_as_template(source.read_text())
        return templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True})
