#!/usr/bin/python
"""Which releases of an app a host has, and which one it serves."""

import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils import run_lock

DOCUMENTATION = """
---
module: release_info
short_description: Which releases of an app a host has
description:
  - Reads what lies under the app's directory and changes nothing. A directory that isn't there holds no release.
options:
  path:
    description: The directory of the app, with C(live), C(archives), C(releases) and C(instances) in it.
    type: path
    required: true
author:
  - Pergola
"""

EXAMPLES = """
- name: Look at the releases
  release_info:
    path: /opt/shop
"""

RETURN = """
live:
  description: The release that is live as far as this host knows; empty if it knows of none.
  type: str
  returned: always
live_since:
  description: When the host learnt that, in seconds since the epoch.
  type: float
  returned: always
previous:
  description: The release that was live before, to which one may roll back; empty if there is none.
  type: str
  returned: always
lock:
  description: The record of the run that changes the release just now, or died while it did; empty if there is none.
  type: dict
  returned: always
archives:
  description: The releases whose archive is here.
  type: list
  returned: always
releases:
  description: The releases that are installed in full, those that came last at the end.
  type: list
  returned: always
instances:
  description: The release that each instance points to.
  type: dict
  returned: always
free_mb:
  description: What is free where archives are kept and releases are installed (MB), where there is less.
  type: int
  returned: always
"""

ARCHIVE = ".tar.gz"
UNFINISHED = ".part"


def _entries(path):
    return sorted(path.iterdir(), key=lambda entry: (entry.lstat().st_mtime, entry.name)) if path.is_dir() else []


def _word(path):
    """What a marker says; nothing if there is none."""
    return path.read_text().strip() if path.exists() else ""


def release_info(path):
    """Everything that the directory of an app says of its releases."""
    marker = path / "live"
    folders = [path / "archives", path / "releases"]
    archives = [entry.name for entry in _entries(path / "archives")]
    links = [entry for entry in _entries(path / "instances") if entry.is_symlink()]
    return {
        "live": _word(marker),
        "live_since": marker.stat().st_mtime if marker.exists() else 0.0,
        "previous": _word(path / "previous"),
        "lock": run_lock.read(path / "deploy.lock"),
        "archives": [name.removesuffix(ARCHIVE) for name in archives if name.endswith(ARCHIVE)],
        "releases": [entry.name for entry in _entries(path / "releases") if entry.suffix != UNFINISHED],
        "instances": {link.name: link.readlink().name for link in links},
        "free_mb": min((shutil.disk_usage(folder).free >> 20 for folder in folders if folder.is_dir()), default=0),
    }


def main():
    """Answer Ansible."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    try:
        module.exit_json(changed=False, **release_info(Path(module.params["path"])))
    except OSError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
