#!/usr/bin/python
"""What preflight asks of a host beside Ansible's facts."""

import hashlib
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
---
module: preflight_host
short_description: What preflight asks of a host beside Ansible's facts
description:
  - Reads only. Says whether an earlier run has set the host up, with which authority, or whether it was removed
    from the cluster, when its secrets were made, and how much disk is free.
options: {}
author:
  - Pergola
"""

EXAMPLES = """
- name: Look at the host
  preflight_host:
"""

RETURN = """
authority:
  description: SHA-256 of the services authority's certificate on this host; empty where the host is bare.
  type: str
  returned: always
removed:
  description: What remove_node has noted on the host; empty where it has not.
  type: str
  returned: always
rotated:
  description: When rotate_secrets made the secrets that this host has; empty where it never did.
  type: str
  returned: always
free_mb:
  description: Free space by directory (MB).
  type: dict
  returned: always
"""

AUTHORITY = Path("/etc/pergola/tls/services-ca.crt")
REMOVED = Path("/etc/pergola/removed")
ROTATED = Path("/etc/pergola/rotated")
DIRECTORIES = ("/", "/var/lib", "/opt")


def main():
    """Answer Ansible."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(
        changed=False,
        authority=hashlib.sha256(AUTHORITY.read_bytes()).hexdigest() if AUTHORITY.is_file() else "",
        removed=REMOVED.read_text().strip() if REMOVED.is_file() else "",
        rotated=ROTATED.read_text().strip() if ROTATED.is_file() else "",
        free_mb={path: shutil.disk_usage(path).free >> 20 for path in DIRECTORIES if Path(path).is_dir()},
    )


if __name__ == "__main__":
    main()
