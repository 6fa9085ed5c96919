#!/usr/bin/python
"""Restart PostgreSQL where settings wait for it, member by member."""

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.patroni import ARGUMENTS, Cluster, PatroniError, answer, faults, replicas_of

DOCUMENTATION = """
---
module: patroni_restart
short_description: Restart PostgreSQL where settings wait for it
description:
  - Asks Patroni which members wait for a restart. Nothing happens where none does.
  - Refuses to begin unless there is one primary and every replica streams from it.
  - Restarts members one by one, each when the one before is well again; the primary first, since a limit that was
    lowered reaches replicas only by way of it. Where that restarts in its place, writes wait or fail.
options:
  api:
    description: URL of the REST API of any member.
    type: str
    required: true
  replicas_only:
    description: Leave the primary alone, as before it hands over.
    type: bool
    default: false
  authority:
    description: Certificate of the authority that signed the members' certificates.
    type: path
    required: true
  certificate:
    description: Client certificate.
    type: path
    required: true
  key:
    description: Key of the client certificate.
    type: path
    required: true
  timeout:
    description: How long each step may take (s).
    type: int
    default: 120
author:
  - Pergola
"""

EXAMPLES = """
- name: Restart PostgreSQL where settings wait for it
  patroni_restart:
    api: https://db1:8008
    authority: /etc/pergola/tls/control-ca.crt
    certificate: /etc/pergola/tls/patroni.crt
    key: /etc/pergola/tls/patroni.key
"""

RETURN = """
actions:
  description: What was done; in check mode, what would be done first.
  type: list
  returned: always
"""

PASSES = 3  # a replica may restart before the primary's word that a limit is lower has reached it


class Restart(Cluster):
    """One rolling restart."""

    def pending(self):
        """Members that wait for a restart."""
        return [member for member in self.members() if member.get("pending_restart")]

    def run(self):
        """Restart whoever waits for it."""
        if not self.pending():
            return
        if found := list(faults(self.api.cluster())):
            raise PatroniError(f"PostgreSQL is restarted nowhere, since the cluster is not well: {'; '.join(found)}")
        if self.options["replicas_only"]:
            for replica in replicas_of(self.pending()):
                self.restart(replica)
            return
        for _ in range(1 if self.check_mode else PASSES):
            for member in sorted(self.pending(), key=lambda member: member["role"] != "leader"):
                self.restart(member)
        if self.check_mode:
            return
        if left := [member["name"] for member in self.pending()]:
            raise PatroniError(f"{', '.join(left)} still wait for a restart: see journalctl --unit patroni there")


def main():
    """Answer Ansible."""
    own = {"replicas_only": {"type": "bool", "default": False}}
    answer(AnsibleModule(argument_spec=ARGUMENTS | own, supports_check_mode=True), Restart)


if __name__ == "__main__":
    main()
