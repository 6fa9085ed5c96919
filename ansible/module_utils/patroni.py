"""A PostgreSQL cluster by Patroni's REST API: how its members are, to restart them, to hand over without a loss."""

import json
import ssl
import time
import urllib.error
import urllib.request

LAG = 16 * 1024 * 1024  # bytes that a replica may lack and still count as well
SETTLED = 15  # seconds until Patroni has noticed what a restart changed
HTTP_SECONDS = 60
SYNCHRONOUS = ("sync_standby", "quorum_standby")

# What every module that uses this takes.
ARGUMENTS = {
    "api": {"type": "str", "required": True},
    "authority": {"type": "path", "required": True},
    "certificate": {"type": "path", "required": True},
    "key": {"type": "path", "required": True, "no_log": False},
    "timeout": {"type": "int", "default": 120},
}


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
        """Restart PostgreSQL on one member, if settings wait for it."""
        self._ask(f"{base_of(member)}/restart", {"restart_pending": True})

    def switchover(self, leader, candidate):
        """Make another member the primary. The old one is told itself, or it would begin with its next round only."""
        self._ask(f"{base_of(leader)}/switchover", {"leader": leader["name"], "candidate": candidate["name"]})

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


def base_of(member):
    """URL of one member's own API."""
    return member["api_url"].rsplit("/", 1)[0]


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


class Cluster:
    """The members, and what is done to them, step by step.

    `options` has `timeout` (s, of each step), `synchronous`: hand over only to a replica that commits wait for, and for
    a switchover `at`: when (s since 1970, by this host's clock), if not at once.
    In check mode, `actions` says what would be done first.
    """

    def __init__(self, api, options, check_mode=False):
        self.api = api
        self.options = options
        self.check_mode = check_mode
        self.actions = []

    def members(self):
        """All members, as they are now."""
        return self.api.cluster()["members"]

    def leader(self):
        """The primary as it is now, or None."""
        return leader_of(self.members())

    def named(self, name):
        """One member, as it is now; a member that is down may not be listed."""
        return next((member for member in self.members() if member["name"] == name), None)

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

    def may_take_over(self, member):
        """Whether it is a replica that lacks little, and nothing that was acknowledged."""
        is_replica = is_well(member) and member["role"] != "leader"
        return is_replica and (not self.options["synchronous"] or member["role"] in SYNCHRONOUS)

    def candidate(self):
        """Who may take over and lacks least, or None."""
        return min(filter(self.may_take_over, self.members()), key=lambda member: member.get("lag", 0), default=None)

    def hand_over(self, leader, candidate=None):
        """Let another member be the primary; the old one restarts on its way to become a replica."""
        candidate = candidate or self.until("a replica may take over", self.candidate)
        self.actions.append(f"switch over from {leader['name']} to {candidate['name']}")
        if self.check_mode:
            return
        time.sleep(max(0, (self.options.get("at") or 0) - time.time()))
        self.api.switchover(leader, candidate)
        self.until(
            f"{candidate['name']} is the primary",
            lambda: (self.leader() or {}).get("name") == candidate["name"],
        )
        self.settle(leader["name"])


def answer(module, work):
    """Let a kind of Cluster that can run do so, as the module's options say, and answer Ansible."""
    options = module.params
    cluster = None
    try:
        context = ssl.create_default_context(cafile=options["authority"])
        context.load_cert_chain(options["certificate"], options["key"])
        cluster = work(Api(options["api"], context), options, module.check_mode)
        cluster.run()
    except (PatroniError, OSError) as error:
        module.fail_json(msg=str(error), actions=cluster.actions if cluster else [])
    module.exit_json(changed=bool(cluster.actions), actions=cluster.actions)
