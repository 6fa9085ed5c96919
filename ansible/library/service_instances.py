#!/usr/bin/python
"""Run the instances of a socket-activated service: start what is down, tell or restart what is out of date."""

import datetime
import http.client
import os
import re
import ssl
import subprocess
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
---
module: service_instances
short_description: Run the instances of a socket-activated service
description:
  - Instance N of C(name) is C(name@N.socket), which listens on C(port) + N, and C(name@N.service) behind it.
  - Starts and enables instances that are down, removes those beyond C(count), and waits until each one is ready.
  - An instance is due for a restart if one of its files is newer than its process. It is restarted only where
    C(restart) allows it, one after the other, each behind its socket and only after the one before is ready.
  - With C(release) it only moves instances there, likewise one after the other. One that does not become ready goes
    back to what it ran, and the task fails.
  - With C(canary) it only tries the release out. Instance 0, which nobody is sent to, runs it until it is ready, and is
    taken away again.
options:
  name:
    description: Name of the service, without C(@).
    type: str
    required: true
  count:
    description: How many instances there are to be.
    type: int
    required: true
  pointers:
    description: The directory with one link per instance to what it runs.
    type: path
    required: true
  files:
    description: What an instance reads when it starts, besides its units and its pointer.
    type: list
    elements: path
    default: []
  release:
    description: Where the links of the instances are to lead.
    type: str
    default: ""
  canary:
    description: Try C(release) as instance 0, whose socket unit is there.
    type: bool
    default: false
  restart:
    description: Restart the instances that are due.
    type: bool
    default: false
  address:
    description: The address that the sockets listen on.
    type: str
    required: true
  port:
    description: Instance N listens on this port + N.
    type: int
    required: true
  host:
    description: The Host header of the readiness check.
    type: str
    required: true
  authority:
    description: Certificate of the authority that signed the service's certificate.
    type: path
    required: true
  certificate:
    description: Client certificate of the readiness check.
    type: path
    required: true
  key:
    description: Key of the client certificate.
    type: path
    required: true
  timeout:
    description: How long an instance may take to become ready (s).
    type: int
    default: 60
author:
  - Pergola
"""

EXAMPLES = """
- name: Run the instances
  service_instances:
    name: shop
    count: 2
    pointers: /opt/shop/instances
    address: 10.0.0.5
    port: 8000
    host: shop.example.com
    authority: /etc/shop/ca.crt
    certificate: /etc/shop/probe.crt
    key: /etc/shop/probe.key
"""

RETURN = """
due:
  description: Instances that are still due for a restart.
  type: list
  returned: always
actions:
  description: What was done, or would be in check mode.
  type: list
  returned: always
"""

UNITS = Path("/etc/systemd/system")
PROPERTIES = "Id,ActiveState,UnitFileState,ActiveEnterTimestamp,ExecMainStartTimestamp,NeedDaemonReload"
READY = "/readyz"
ATTEMPT = 10  # seconds that one readiness check may take
RESTARTS = 3  # after so many within one wait, a process that dies as it starts is not waited for any longer
JOURNAL_LINES = 30


class InstanceError(Exception):
    """An instance does not run as it should; the message says what it answered."""


def systemctl(*arguments):
    """Output of systemctl, which must succeed."""
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstanceError(f"systemctl {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def parse_units(text):
    """Properties by unit from `systemctl show`."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n") if block]
    return {block["Id"]: block for block in blocks}


def seconds(timestamp):
    """Seconds since the epoch of a systemd timestamp; of none, 0."""
    if not timestamp or timestamp == "n/a":
        return 0.0
    return datetime.datetime.strptime(f"{timestamp}+0000", "%a %Y-%m-%d %H:%M:%S.%f %Z%z").timestamp()


def changed_at(path):
    """When a file, or the link itself, was last written; what is not there was never."""
    try:
        return Path(path).lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def journal(unit, since):
    """What a unit has logged since a moment, the last lines of it."""
    command = ["journalctl", "--unit", unit, f"--since=@{int(since)}", f"--lines={JOURNAL_LINES}", "--output=cat"]
    done = subprocess.run([*command, "--no-pager", "--quiet"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def target(link):
    """Where a link leads, or nothing."""
    return os.readlink(link) if link.is_symlink() else ""


def probe(address, port, host, context, timeout):
    """(status, body) of one readiness check; the status is 0 if there was no answer."""
    connection = http.client.HTTPSConnection(address, port, timeout=timeout, context=context)
    try:
        connection.request("GET", READY, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__
    finally:
        connection.close()


class Instances:
    """The instances of one service on this host."""

    def __init__(self, module):
        self.options = module.params
        self.check_mode = module.check_mode
        self.name = module.params["name"]
        self.pointers = Path(module.params["pointers"])
        self.release = module.params["release"]
        numbers = [0] if module.params["canary"] else range(1, module.params["count"] + 1)
        self.numbers = [str(number) for number in numbers]
        self.actions = []
        self.units = self.read_units()

    def read_units(self):
        """State of all sockets and services."""
        names = [f"{self.name}@{number}.{kind}" for number in self.numbers for kind in ("socket", "service")]
        return parse_units(systemctl("show", "--timestamp=us+utc", f"--property={PROPERTIES}", *names))

    def act(self, action, *arguments):
        """Note what is done, and do it."""
        self.actions.append(action)
        if not self.check_mode:
            systemctl(*arguments)

    def is_down(self, number):
        """Not running, not listening, or not enabled."""
        return any(
            (unit["ActiveState"], unit["UnitFileState"]) not in (("active", "enabled"), ("reloading", "enabled"))
            for unit in (self.units[f"{self.name}@{number}.{kind}"] for kind in ("socket", "service"))
        )

    def socket_is_due(self, number):
        """Whether the socket listens as an older unit file said."""
        unit = f"{self.name}@{number}.socket"
        return changed_at(UNITS / unit) > seconds(self.units[unit]["ActiveEnterTimestamp"])

    def is_due(self, number):
        """Whether anything that the instance started from is newer than its process."""
        unit = UNITS / f"{self.name}@.service"
        files = [*self.options["files"], self.pointers / number, unit, *unit.with_suffix(".service.d").glob("*.conf")]
        started = seconds(self.units[f"{self.name}@{number}.service"]["ExecMainStartTimestamp"])
        return self.socket_is_due(number) or any(changed_at(file) > started for file in files)

    def reload_manager(self):
        """Let systemd read unit files that are newer than what it knows."""
        if any(unit["NeedDaemonReload"] == "yes" for unit in self.units.values()):
            self.act("daemon-reload", "daemon-reload")

    def let_go(self, number):
        """Stop an instance whose socket listens as an older unit file said."""
        socket = f"{self.name}@{number}.socket"
        if self.units[socket]["ActiveState"] == "active" and self.socket_is_due(number):
            self.act(f"stop {number}", "stop", socket, f"{self.name}@{number}.service")

    def start(self, number):
        """Start an instance that is down."""
        self.let_go(number)
        self.act(f"start {number}", "enable", "--now", f"{self.name}@{number}.socket", f"{self.name}@{number}.service")

    def restart(self, number):
        """Restart an instance; what arrives meanwhile waits in its socket."""
        self.let_go(number)
        self.act(f"restart {number}", "restart", f"{self.name}@{number}.service")

    def remove_surplus(self):
        """Take away instances beyond the count."""
        found = [re.fullmatch(r".*@(\d+)\.socket", path.name) for path in UNITS.glob(f"{self.name}@*.socket")]
        for number in sorted({match[1] for match in found if match} - set(self.numbers), key=int):
            units = [f"{self.name}@{number}.socket", f"{self.name}@{number}.service"]
            self.act(f"remove {number}", "disable", "--now", *units)
            if not self.check_mode:
                (UNITS / units[0]).unlink()
                (self.pointers / number).unlink(missing_ok=True)

    def wait(self, number):
        """Return once the instance is ready; raise what it said last if that takes too long."""
        if self.check_mode:
            return
        context = ssl.create_default_context(cafile=self.options["authority"])
        context.load_cert_chain(self.options["certificate"], self.options["key"])
        address, port = self.options["address"], self.options["port"] + int(number)
        began, restarts, dies = time.monotonic(), self.restarts(number), False
        status, body = 0, ""
        while not dies and (left := began + self.options["timeout"] - time.monotonic()) > 0:
            # It has time enough: an app that waits for its database can then say so.
            status, body = probe(address, port, self.options["host"], context, min(left, ATTEMPT))
            if status == 200:
                return
            dies = self.restarts(number) - restarts >= RESTARTS
            time.sleep(0.5)
        answer = f"{READY} says: {status} {body}" if status else f"It does not answer: {body}"
        why = "and dies as it starts" if dies else f"after {self.options['timeout']} s"
        raise InstanceError(
            f"{self.name}@{number} at {address}:{port} is not ready {why}. "
            f"{answer}. See journalctl --unit {self.name}@{number}"
        )

    def restarts(self, number):
        """How often systemd has started the instance again."""
        shown = systemctl("show", "--property=Id,NRestarts", f"{self.name}@{number}.service")
        return int(parse_units(shown)[f"{self.name}@{number}.service"].get("NRestarts", 0))

    # --- releases ---

    def point(self, number, release):
        """Lead the link of an instance elsewhere, in one step."""
        link = self.pointers / number
        new = self.pointers.with_name(f"{number}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(release)
        new.replace(link)

    def attempt(self, number, release, action, *arguments):
        """Start an instance with a release; raise why it does not become ready, in the words of its journal too."""
        began = time.time()
        self.point(number, release)
        try:
            self.act(action, *arguments)
            self.wait(number)
        except InstanceError as error:
            said = journal(f"{self.name}@{number}.service", began)
            raise InstanceError(f"{error}\nThe last that it logged:\n{said or '(nothing)'}") from None

    def has_moved(self, number):
        """Whether an instance runs the release."""
        link = self.pointers / number
        started = seconds(self.units[f"{self.name}@{number}.service"]["ExecMainStartTimestamp"])
        return target(link) == self.release and changed_at(link) <= started and not self.is_down(number)

    def move(self, number):
        """Restart an instance with the release; what arrives meanwhile waits in its socket."""
        before = target(self.pointers / number)
        restart = ("restart", f"{self.name}@{number}.service")
        try:
            self.attempt(number, self.release, f"move {number}", *restart)
        except InstanceError as error:
            if before in ("", self.release):
                raise
            try:
                self.attempt(number, before, f"move {number} back", *restart)
                outcome = f"The instance has gone back to {os.path.basename(before)}."
            except InstanceError as another:
                outcome = f"It did not go back to {os.path.basename(before)} either: {another}"
            raise InstanceError(f"{error}\n{outcome}") from None

    def try_out(self):
        """Run the release where nobody is sent to."""
        units = [f"{self.name}@0.socket", f"{self.name}@0.service"]
        systemctl("stop", *units)  # of a run that died
        systemctl("daemon-reload")
        try:
            self.attempt("0", self.release, "try", "start", *units)
        finally:
            systemctl("stop", *units)
            (self.pointers / "0").unlink(missing_ok=True)
            (UNITS / units[0]).unlink(missing_ok=True)
            systemctl("daemon-reload")

    def run(self):
        """Do all that is wanted; returns the instances that are left to be restarted."""
        if self.options["canary"]:
            self.try_out()
            return []
        if self.release:
            for number in self.numbers:
                if not self.has_moved(number):
                    self.move(number)
            return []
        self.reload_manager()
        down = [number for number in self.numbers if self.is_down(number)]
        due = [number for number in self.numbers if number not in down and self.is_due(number)]
        for number in down:
            self.start(number)
        for number in self.numbers:
            if number not in due:
                self.wait(number)
        if self.options["restart"]:
            for number in due:
                self.restart(number)
                self.wait(number)
            due = []
        self.remove_surplus()
        return due


def main():
    """Answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "count": {"type": "int", "required": True},
            "pointers": {"type": "path", "required": True},
            "files": {"type": "list", "elements": "path", "default": []},
            "release": {"type": "str", "default": ""},
            "canary": {"type": "bool", "default": False},
            "restart": {"type": "bool", "default": False},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "host": {"type": "str", "required": True},
            "authority": {"type": "path", "required": True},
            "certificate": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "timeout": {"type": "int", "default": 60},
        },
        required_if=[("canary", True, ["release"])],
        supports_check_mode=True,
    )
    actions = []
    try:
        instances = Instances(module)
        actions = instances.actions
        due = instances.run()
    except (InstanceError, OSError) as error:
        module.fail_json(msg=str(error), actions=actions)
    module.exit_json(changed=bool(actions), actions=actions, due=due)


if __name__ == "__main__":
    main()
