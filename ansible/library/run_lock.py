#!/usr/bin/python
"""Keep all but one run from changing something, and remember what that run is about."""

import fcntl
import json
import os
from contextlib import contextmanager
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.run_lock import read

DOCUMENTATION = """
---
module: run_lock
short_description: Keep all but one run from changing something
description:
  - The lock is a file that says who holds it. What died with it leaves it behind, as the sign of something unfinished.
  - It is no failure that somebody else has it; C(held) tells.
options:
  path:
    description: The file. Its directory must exist.
    type: path
    required: true
  state:
    description:
      - C(held) takes the lock, or writes its record anew; C(free) gives it back, if it is this run's; C(seen) leaves it
        to whoever has it.
    type: str
    choices: [held, free, seen]
    default: held
  run:
    description: What this run is known by. Needed to take a lock and to give it back.
    type: str
  record:
    description: What else is to be known of this run.
    type: dict
    default: {}
  over:
    description: Runs that may be taken for dead. C(any) stands for all.
    type: list
    elements: str
    default: []
author:
  - Pergola
"""

EXAMPLES = """
- name: Take the lock
  run_lock:
    path: /opt/shop/deploy.lock
    run: "{{ me.run }}"
    record: {by: "{{ me.by }}", verb: deploy}
"""

RETURN = """
held:
  description: Whether this run has the lock now.
  type: bool
  returned: always
holder:
  description: The record of whoever had it before; with C(seen), of whoever has it. Empty if nobody does.
  type: dict
  returned: always
"""


def write(path, record):
    """Replace the file as a whole."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(json.dumps(record) + "\n")
    unfinished.replace(path)


@contextmanager
def alone(directory):
    """Nobody else looks at or changes the lock meanwhile."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def take(path, run, record, over):
    """(whether we have the lock, who had it before)."""
    with alone(path.parent):
        holder = read(path)
        held = not holder or holder["run"] in (run, *over) or "any" in over
        if held:
            write(path, {"run": run, **record})
        return held, holder


def see(path, run):
    """(whether we have the lock, who has it)."""
    holder = read(path)
    return bool(holder) and holder["run"] == run, holder


def leave(path, run):
    """(whether there was something to give back, who had it before)."""
    with alone(path.parent):
        holder = read(path)
        mine = holder.get("run") == run
        if mine:
            path.unlink()
        return mine, holder


def main():
    """Answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["held", "free", "seen"], "default": "held"},
            "run": {"type": "str"},
            "record": {"type": "dict", "default": {}},
            "over": {"type": "list", "elements": "str", "default": []},
        },
        required_if=[("state", state, ["run"]) for state in ("held", "free")],
    )
    options = module.params
    path = Path(options["path"])
    try:
        if options["state"] == "seen":
            held, holder = see(path, options["run"])
            changed = False
        elif options["state"] == "free":
            changed, holder = leave(path, options["run"])
            held = False
        else:
            held, holder = take(path, options["run"], options["record"], options["over"])
            changed = held
    except OSError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, held=held, holder=holder)


if __name__ == "__main__":
    main()
