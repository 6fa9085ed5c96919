"""Copies of the app that are released, the verbs that release them, and what the hosts run."""

import shutil
import subprocess

import pytest
from scenarios.lab import ROOT
from scenarios.playbook import Playbook
from toolbox import name_of

APP = "customers"
PLAYBOOKS = ROOT / "ansible" / "playbooks"
# Every instance's own word for its release: its process, not the link that it was started from.
RUNNING = (
    "for number in 1 2; do pid=$(systemctl show --property=MainPID --value {app}@$number); "
    "tr '\\0' '\\n' < /proc/$pid/environ | sed -n 's/^RELEASE_ID=//p'; done"
)


class Project:
    """A copy of a Django project, committed in a repository of its own."""

    def __init__(self, path, source=ROOT / "app"):
        self.path = path
        shutil.copytree(source, path, ignore=shutil.ignore_patterns("tests", "__pycache__", ".*"))
        self._git("init", "--quiet")
        self.commit()

    def _git(self, *arguments):
        identity = ["-c", "user.name=scenario", "-c", "user.email=scenario@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=self.path, check=True)

    def commit(self):
        """Everything as it is."""
        self._git("add", ".")
        self._git("commit", "--quiet", "--allow-empty", "--message", "As it is")
        return self

    def write(self, name, text):
        """Replace a file, or add one."""
        (self.path / name).write_text(text)
        return self

    def append(self, name, text):
        """Add to a file."""
        return self.write(name, (self.path / name).read_text() + text)

    @property
    def option(self):
        """How a deploy is told of it."""
        return "--extra-vars", f"app_path={self.path}"


@pytest.fixture
def project(tmp_path):
    """The app, to be changed."""
    return Project(tmp_path / "app")


@pytest.fixture(scope="session")
def deploy(lab, inventory):
    """deploy(project, *options, status=0)"""
    run = Playbook(inventory, file=str(PLAYBOOKS / "deploy.yml"))
    return lambda project, *options, status=0: run(*project.option, *options, status=status)


@pytest.fixture(scope="session")
def rollback(lab, inventory):
    """rollback(*options, status=0)"""
    return Playbook(inventory, file=str(PLAYBOOKS / "rollback.yml"))


@pytest.fixture(scope="session")
def maintenance(lab, inventory):
    """maintenance("on")"""
    run = Playbook(inventory, file=str(PLAYBOOKS / "maintenance.yml"))
    return lambda state, *options, status=0: run("-e", f"maintenance={state}", *options, status=status)


@pytest.fixture(scope="session")
def running(hosts):
    """The releases that the instances run, each by its process; one where all is well."""

    def ask(app=APP):
        return {line for host in hosts("app") for line in host.check_output(RUNNING.format(app=app)).split()}

    return ask


@pytest.fixture(scope="session")
def live(hosts):
    """The release that all app hosts call live."""

    def ask(app=APP):
        [release] = {host.check_output(f"cat /opt/{app}/live") for host in hosts("app")}
        return release

    return ask


@pytest.fixture(scope="session")
def log(hosts):
    """The last line of each app host's log of deploys."""
    return lambda: [host.check_output(f"tail -n 1 /var/log/{APP}-deploys.log") for host in hosts("app")]


@pytest.fixture(scope="session")
def left_over(hosts):
    """What a run leaves behind where it died: locks, half releases, canaries, by host."""
    command = f"ls -d /opt/{APP}/deploy.lock /opt/{APP}/releases/*.part /etc/systemd/system/{APP}@0.socket 2>/dev/null"
    return lambda: {name_of(host): text for host in hosts("app") if (text := host.run(command).stdout)}
