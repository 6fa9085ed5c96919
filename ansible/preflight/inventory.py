"""The inventory as checks see it: hosts, groups, variables, and what the hosts said."""

from pathlib import Path

from ansible.errors import AnsibleError
from jinja2 import TemplateError, Undefined, UndefinedError
from sizing import TIERS

PROJECT = Path(__file__).resolve().parents[2]


def plain(value):
    """`value` as plain Python data; whatever it refers to is looked up here."""
    if isinstance(value, Undefined):
        str(value)  # Ansible's own kind raises here, and says what is undefined
        raise UndefinedError
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def integer(value):
    """`value` as an integer, or None."""
    try:
        return None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError):
        return None


class Inventory:
    """Variables that can't be evaluated become faults, and None."""

    def __init__(self, groups, hostvars):
        self.groups = {name: sorted(hosts) for name, hosts in groups.items()}
        self.hosts = self.groups.get("cluster", [])
        self.hostvars = {host: hostvars[host] for host in self.hosts}
        self.unreadable = {}

    # --- variables ---

    def value(self, host, name, label=None):
        """A variable of one host, or None."""
        try:
            return plain(self.hostvars[host].get(name))
        except (AnsibleError, TemplateError) as error:
            self.unreadable.setdefault((name, str(error)), set()).add(label or host)
            return None

    def guess(self, host, name):
        """A variable that may refer to what only a role knows: None where it does."""
        try:
            return plain(self.hostvars[host].get(name))
        except (AnsibleError, TemplateError):
            return None

    def shared(self, name):
        """A variable of the whole cluster."""
        return self.value(self.hosts[0], name, label="cluster")

    def unreadable_on(self, name):
        """The hosts whose variable `name` could not be evaluated, which is a fault by itself."""
        return {host for (variable, _), hosts in self.unreadable.items() if variable == name for host in hosts}

    def unreadable_faults(self):
        """What could not be evaluated, and why."""
        for (name, reason), hosts in self.unreadable.items():
            hint = ": type make up, which makes the lab's variables" if "'lab_" in reason else ""
            yield f"{', '.join(sorted(hosts))}: {name} can't be evaluated, {reason.rstrip('.')}{hint}"

    def labelled(self, hosts_by_message):
        """Messages with the hosts that they are about in front, where these are not all."""
        for message, hosts in hosts_by_message.items():
            names = sorted(set(hosts))
            yield message if names == self.hosts else f"{', '.join(names)}: {message}"

    # --- what is derived from them ---

    @property
    def directory(self):
        """Where the inventory is, as one would type it."""
        directory = Path(str(self.shared("inventory_dir")))
        return str(directory.relative_to(PROJECT) if directory.is_relative_to(PROJECT) else directory)

    def tiers(self, host):
        """The tiers of one host."""
        return [tier for tier in TIERS if host in self.groups.get(tier, [])]

    def apps(self):
        """The entries of cluster_apps that can be worked with."""
        apps = self.shared("cluster_apps")
        return [app for app in apps if isinstance(app, dict) and "name" in app] if isinstance(apps, list) else []

    def app_instances(self):
        """Instances of each app on each app host; one while that is not known, so that other checks can go on."""
        return max(1, integer(self.shared("cluster_app_instances")) or 1)

    # --- what the hosts said: only those of this run are asked, and only where they have an address ---

    def answers(self, name):
        """{host: what the task that registers `name` got from it}"""
        said = {host: self.hostvars[host].get(name) for host in self.hosts}
        return {host: answer for host, answer in said.items() if answer and not answer.get("skipped")}

    def facts(self, host):
        """Ansible's facts of a host; empty where it was not asked or did not answer."""
        return self.hostvars[host].get("ansible_facts") or {}
