#!/usr/bin/python
"""Make this host a member of an etcd cluster that exists, as a learner until it can vote, or take it out."""

import json
import os
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
---
module: etcd_member
short_description: Make this host a member of an etcd cluster that exists, or take it out
description:
  - A learner takes no part in majorities, so that a cluster never depends on a member that has no data yet.
  - Whatever it finds done it leaves as it is, so that a run which died half-way is finished by the next.
options:
  name:
    description: Name of the member.
    type: str
    required: true
  peer_url:
    description: Where the other members reach it.
    type: str
    required: true
  state:
    description:
      - C(announced), the cluster knows it and waits for it. For a member without data; if the cluster has seen it
        before, with data that are lost now, it is taken out first.
      - C(voting), it has started and is no learner any more.
      - C(absent), the cluster goes on without it.
    type: str
    choices: [announced, voting, absent]
    required: true
  endpoints:
    description: Clients' URLs of members; the first one that answers is asked.
    type: list
    elements: str
    required: true
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
    description: How long members may take to answer, and a learner to catch up (s).
    type: int
    default: 120
author:
  - Pergola
"""

EXAMPLES = """
- name: Announce the new member
  etcd_member:
    name: lb2
    peer_url: https://lb2:2380
    state: announced
    endpoints: ["https://lb1:2379"]
    authority: /etc/pergola/tls/control-ca.crt
    certificate: /etc/pergola/tls/etcd.crt
    key: /etc/pergola/tls/etcd.key
"""

RETURN = """
cluster:
  description: All members and their peer URLs, as ETCD_INITIAL_CLUSTER wants it.
  type: str
  returned: always
actions:
  description: What was done, or would be in check mode.
  type: list
  returned: always
"""


class EtcdError(Exception):
    """What etcdctl said."""


class Cluster:
    """The cluster, by way of etcdctl."""

    def __init__(self, endpoints, environment):
        self.endpoints = endpoints
        self.environment = environment

    def __call__(self, *arguments):
        """The answer of the first endpoint that has one; a learner and the dead have none."""
        said = "no endpoint was named"
        for endpoint in self.endpoints:
            done = subprocess.run(
                ["etcdctl", f"--endpoints={endpoint}", "--dial-timeout=2s", "--write-out=json", *arguments],
                env=os.environ | self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                return json.loads(done.stdout)
            said = f"{endpoint}: {(done.stderr or done.stdout).strip()}"
        raise EtcdError(said)


class Member:
    """One member of the cluster, which may not know it yet."""

    def __init__(self, cluster, name, peer_url, check_mode=False):
        self.cluster = cluster
        self.name = name
        self.peer_url = peer_url
        self.check_mode = check_mode
        self.actions = []

    def entries(self):
        """All members; those that were never started have no name."""
        return self.cluster("member", "list")["members"]

    def own(self):
        """Its own entry, or None."""
        return next((entry for entry in self.entries() if self.peer_url in entry["peerURLs"]), None)

    def act(self, action, *arguments):
        """Note what is done, and do it."""
        if not self.check_mode:
            self.cluster("member", *arguments)
        self.actions.append(action)

    def announce(self):
        """Let the cluster wait for it."""
        own = self.own()
        if own and own.get("name"):
            self.act(f"remove {self.name}, whose data are lost", "remove", f"{own['ID']:x}")
            own = None
        if not own:
            self.act(f"add {self.name}", "add", self.name, f"--peer-urls={self.peer_url}", "--learner")

    def promote(self):
        """Let it vote, if it does not yet; etcd agrees once it has caught up."""
        own = self.own()
        if own is None and self.check_mode:
            return
        if own is None:
            raise EtcdError(
                f"{self.name} is not one of the cluster's members, {self.listed()}: "
                "stop etcd there and move /var/lib/etcd/pergola away, and the next run makes it a member"
            )
        if own.get("isLearner"):
            self.act(f"promote {self.name}", "promote", f"{own['ID']:x}")

    def leave(self):
        """Let the cluster go on without it."""
        if own := self.own():
            self.act(f"remove {self.name}", "remove", f"{own['ID']:x}")

    def listed(self):
        """All members with their peer URLs."""
        pairs = [(entry.get("name") or self.name, url) for entry in self.entries() for url in entry["peerURLs"]]
        return ",".join(f"{name}={url}" for name, url in sorted(pairs))


def patiently(attempt, seconds, pause=1.0):
    """Repeat until etcd agrees; after so many seconds its last objection is the answer."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except EtcdError:
            if time.monotonic() > give_up:
                raise
            time.sleep(pause)


def main():
    """Answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "peer_url": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["announced", "voting", "absent"], "required": True},
            "endpoints": {"type": "list", "elements": "str", "required": True},
            "authority": {"type": "path", "required": True},
            "certificate": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    options = module.params
    environment = {
        "ETCDCTL_CACERT": options["authority"],
        "ETCDCTL_CERT": options["certificate"],
        "ETCDCTL_KEY": options["key"],
    }
    cluster = Cluster(options["endpoints"], environment)
    member = Member(cluster, options["name"], options["peer_url"], module.check_mode)
    try:
        reach = {"announced": member.announce, "voting": member.promote, "absent": member.leave}
        patiently(reach[options["state"]], options["timeout"])
        listed = member.listed()
    except (EtcdError, OSError) as error:
        module.fail_json(msg=str(error), actions=member.actions)
    module.exit_json(changed=bool(member.actions), actions=member.actions, cluster=listed)


if __name__ == "__main__":
    main()
