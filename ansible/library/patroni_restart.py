#!/usr/bin/python
"""Restart PostgreSQL where settings wait for it: replicas one by one, then the primary, which hands over before."""

import json
import ssl
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
---
module: patroni_restart
short_description: Restart PostgreSQL where settings wait for it
description:
  - Asks Patroni which members wait for a restart. Nothing happens where none does.
  - Refuses to begin unless there is one primary and every replica streams from it.
  - Restarts replicas one by one, each when the one before streams again. A primary with replicas hands over to one that
    lost nothing, and restarts as a replica; alone it restarts in its place.
  - A limit that was lowered reaches replicas only by way of the primary. Where that is so, the new primary restarts in
    its place, and then the replicas once more.
options:
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

LAG = 16 * 1024 * 1024  # bytes that a replica may lack and still count as well
SETTLED = 15  # seconds until Patroni has noticed what a restart changed
HTTP_SECONDS = 60
PASSES = 3  # a replica may restart before the primary's word that a limit is lower has reached it


class PatroniError(Exception):
    """What is wrong, or what Patroni answered."""


class Api:
    """The members' REST API."""

    def __init__(self, url, context):
        self.url = url
        self.context = context

    def cluster(self):
        """All members as Patroni sees them."""
        return self._ask(f"{self.url}/cluster")

    def restart(self, member):
        """Restart PostgreSQL on one member."""
        base = member["api_url"].rsplit("/", 1)[0]
        self._ask(f"{base}/restart", {"restart_pending": True})

    def switchover(self, leader, candidate):
        """Make another member the primary."""
        self._ask(f"{self.url}/switchover", {"leader": leader["name"], "candidate": candidate["name"]})

    def _ask(self, url, order=None):
        body = None if order is None else json.dumps(order).encode()
        request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=HTTP_SECONDS, context=self.context) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise PatroniError(f"{url}: {error.code} {error.read().decode().strip()}") from error
        except OSError as error:
            raise PatroniError(f"{url}: {error}") from error
        return json.loads(text) if order is None else text


def leader_of(members):
    """The primary, or None."""
    return next((member for member in members if member["role"] == "leader"), None)


def replicas_of(members):
    """All others."""
    return [member for member in members if member["role"] != "leader"]


def is_well(member):
    """Whether it runs, or streams and has not fallen behind."""
    if member["role"] == "leader":
        return member["state"] == "running"
    lag = member.get("lag", 0)
    return member["state"] == "streaming" and isinstance(lag, int) and lag <= LAG


def faults(cluster):
    """Why nothing may be restarted now."""
    members = cluster["members"]
    if cluster.get("pause"):
        yield "Patroni is paused: patronictl -c /etc/patroni/config.yml resume"
    if leader_of(members) is None:
        yield "there is no primary"
    for member in members:
        if not is_well(member):
            yield f"{member['name']} ({member['role']}) is {member['state']}, lag {member.get('lag', 0)}"


class Restart:
    """One rolling restart."""

    def __init__(self, api, options, check_mode=False):
        self.api = api
        self.options = options
        self.check_mode = check_mode
        self.actions = []

    def members(self):
        """All members, as they are now."""
        return self.api.cluster()["members"]

    def pending(self):
        """Members that wait for a restart."""
        return [member for member in self.members() if member.get("pending_restart")]

    def until(self, what, check, seconds=None):
        """The first true answer of `check`; without one in time, PatroniError if `what` says what was waited for."""
        give_up = time.monotonic() + (self.options["timeout"] if seconds is None else seconds)
        while not (answer := check()):
            if time.monotonic() > give_up:
                if what is None:
                    return answer
                raise PatroniError(f"waited in vain until {what}: {'; '.join(faults(self.api.cluster()))}")
            time.sleep(0.5)
        return answer

    def named(self, name):
        """One member, as it is now; a member that is down may not be listed."""
        return next((member for member in self.members() if member["name"] == name), None)

    def settle(self, name):
        """Wait until all members are well, and Patroni has seen that this one waits no more, if that is so."""
        self.until("all members are well again", lambda: not any(faults(self.api.cluster())))
        self.until(None, lambda: not (self.named(name) or {}).get("pending_restart"), SETTLED)

    def restart(self, member):
        """Restart PostgreSQL on one member."""
        self.actions.append(f"restart {member['name']}")
        if not self.check_mode:
            self.api.restart(member)
            self.settle(member["name"])

    def candidate(self):
        """Who may take over: a replica that has all that was acknowledged, else the one that lacks least."""
        replicas = [member for member in replicas_of(self.members()) if is_well(member)]
        if self.options["synchronous"]:
            replicas = [member for member in replicas if member["role"] in ("sync_standby", "quorum_standby")]
        return min(replicas, key=lambda member: member.get("lag", 0), default=None)

    def hand_over(self, leader):
        """Let another member be the primary; the old one restarts on its way to become a replica."""
        candidate = self.until("a replica may take over", self.candidate)
        self.actions.append(f"switch over from {leader['name']} to {candidate['name']}")
        if self.check_mode:
            return
        self.api.switchover(leader, candidate)
        self.until(
            f"{candidate['name']} is the primary",
            lambda: (leader_of(self.members()) or {}).get("name") == candidate["name"],
        )
        self.settle(leader["name"])

    def run(self):
        """Restart whoever waits for it."""
        if not self.pending():
            return
        if found := list(faults(self.api.cluster())):
            raise PatroniError(f"PostgreSQL is restarted nowhere, since the cluster is not well: {'; '.join(found)}")
        for replica in replicas_of(self.pending()):
            self.restart(replica)
        leader = leader_of(self.pending())
        if leader and replicas_of(self.members()):
            self.hand_over(leader)
        if self.check_mode:
            return
        for _ in range(PASSES):
            for member in sorted(self.pending(), key=lambda member: member["role"] != "leader"):
                self.restart(member)
        if left := [member["name"] for member in self.pending()]:
            raise PatroniError(f"{', '.join(left)} still wait for a restart: see journalctl --unit patroni there")


def main():
    """Answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "api": {"type": "str", "required": True},
            "synchronous": {"type": "bool", "default": True},
            "authority": {"type": "path", "required": True},
            "certificate": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    options = module.params
    restart = None
    try:
        context = ssl.create_default_context(cafile=options["authority"])
        context.load_cert_chain(options["certificate"], options["key"])
        restart = Restart(Api(options["api"], context), options, module.check_mode)
        restart.run()
    except (PatroniError, OSError) as error:
        module.fail_json(msg=str(error), actions=restart.actions if restart else [])
    module.exit_json(changed=bool(restart.actions), actions=restart.actions)


if __name__ == "__main__":
    main()
