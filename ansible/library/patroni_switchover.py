#!/usr/bin/python
"""Let another member be the primary, without losing what was acknowledged."""

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.patroni import ARGUMENTS, Cluster, PatroniError, answer, faults

DOCUMENTATION = """
---
module: patroni_switchover
short_description: Let another member be the primary
description:
  - Hands over to C(candidate), or to the replica that lacks least.
  - Nothing happens if the candidate is the primary already, or if the primary is not among C(leaving).
  - Refuses unless the candidate streams and has all that was acknowledged, and waits until all members are well again.
options:
  candidate:
    description: Who is to be the primary.
    type: str
  leaving:
    description: Only if one of these is the primary, as before it is stopped.
    type: list
    elements: str
  at:
    description: When to hand over, in seconds since 1970 by this host's clock; at once by default.
    type: float
  api:
    description: URL of the REST API of any member.
    type: str
    required: true
  synchronous:
    description: Hand over only to a replica that commits wait for.
    type: bool
    default: true
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
- name: Let db1 be no primary while it reboots
  patroni_switchover:
    api: https://db1:8008
    leaving: [db1]
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


class Switchover(Cluster):
    """One switchover."""

    def run(self):
        """Hand over, if there is a reason to."""
        leader = self.leader()
        if leader and leader["name"] == self.options["candidate"]:
            return
        if leader and self.options["leaving"] is not None and leader["name"] not in self.options["leaving"]:
            return
        if found := list(faults(self.api.cluster())):
            raise PatroniError(f"nobody takes over, since the cluster is not well: {'; '.join(found)}")
        self.hand_over(leader, self.chosen())

    def chosen(self):
        """The candidate that was asked for, or None where anyone will do."""
        name = self.options["candidate"]
        if name is None:
            return None
        fitting = [member["name"] for member in filter(self.may_take_over, self.members())]
        if name not in fitting:
            raise PatroniError(
                f"{name} can't take over without losing commits. Who can: {', '.join(fitting) or 'nobody now'}"
            )
        return self.named(name)


def main():
    """Answer Ansible."""
    own = {
        "candidate": {"type": "str"},
        "leaving": {"type": "list", "elements": "str"},
        "synchronous": {"type": "bool", "default": True},
        "at": {"type": "float"},
    }
    answer(AnsibleModule(argument_spec=ARGUMENTS | own, supports_check_mode=True), Switchover)


if __name__ == "__main__":
    main()
