#!/usr/bin/python
"""Who runs this playbook, and which other runs of this machine have died."""

import getpass
import os
import socket
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
---
module: this_run
short_description: Who runs this playbook
description:
  - Runs on the controller and changes nothing. A run is known by machine, boot, process and when that process began, so
    that no other run is ever taken for it. Two machines or containers of one name are two machines, unless one is a
    clone of the other.
options:
  others:
    description: Other runs, of which those that have died on this machine are told.
    type: list
    elements: str
    default: []
author:
  - Pergola
"""

EXAMPLES = """
- name: See who deploys
  this_run:
  delegate_to: localhost
"""

RETURN = """
run:
  description: What this run is known by.
  type: str
  returned: always
by:
  description: The user and the machine, for people.
  type: str
  returned: always
at:
  description: The time by this machine's clock, UTC.
  type: str
  returned: always
dead:
  description: Those of C(others) that were started on this machine and are no more.
  type: list
  returned: always
"""

PROC = Path("/proc")
MACHINE_ID = Path("/etc/machine-id")


def stat(pid):
    """(parent, start) of a process; of none, nothing."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None, None
    return int(fields[1]), fields[19]


def is_playbook(pid):
    """Whether a process is ansible-playbook."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")[:2]
    except OSError:
        return False
    return any(os.path.basename(word) == b"ansible-playbook" for word in words)


def playbook(pid):
    """The outermost ansible-playbook that a process belongs to: its workers have the same name."""
    found = pid
    while pid:
        found = pid if is_playbook(pid) else found
        pid = stat(pid)[0]
    return found


def machine():
    """Where numbers of processes are the same as here."""
    installation = MACHINE_ID.read_text().strip() if MACHINE_ID.exists() else ""
    return "/".join((socket.gethostname(), installation, os.readlink(PROC / "self/ns/pid")))


def identity(pid):
    """What a run is known by."""
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{machine()} {boot} {pid} {stat(pid)[1]}"


def is_dead(run):
    """Whether a run was one of this machine, and is no more."""
    parts = run.split()
    if len(parts) != 4 or parts[0] != machine() or not parts[2].isdecimal():
        return False
    if "//" in parts[0] and parts[1] != identity(os.getpid()).split()[1]:
        return False  # without a number of its own, this machine can't be told from another one of its name
    return identity(parts[2]) != run


def main():
    """Answer Ansible."""
    module = AnsibleModule(
        argument_spec={"others": {"type": "list", "elements": "str", "default": []}}, supports_check_mode=True
    )
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    module.exit_json(
        changed=False,
        run=identity(playbook(os.getpid())),
        by=f"{user}@{socket.gethostname()}",
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        dead=[run for run in module.params["others"] if is_dead(run)],
    )


if __name__ == "__main__":
    main()
