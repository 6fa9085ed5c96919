"""Stands in for Patroni in unit tests."""


class Patroni:
    """Stands in for the REST API. A limit that was lowered stays with a replica until the primary has it."""

    def __init__(self, *names, pending=(), lowered=False):
        self.lowered = lowered
        self.asked = []
        self.paused = False
        self.members = [
            {"name": name, "role": "replica", "state": "streaming", "lag": 0, "api_url": f"https://{name}:8008/patroni"}
            for name in names
        ]
        self.members[0] |= {"role": "leader", "state": "running"}
        if len(names) > 1:
            self.members[1]["role"] = "sync_standby"
        for member in self.members:
            if member["name"] in pending:
                member["pending_restart"] = True

    def member(self, name):
        return next(member for member in self.members if member["name"] == name)

    def cluster(self):
        return {"members": [dict(member) for member in self.members], **({"pause": True} if self.paused else {})}

    def applied(self, member, primary):
        """A restart took place: what had to wait is in force, or for a replica has to wait for the primary."""
        if primary:
            self.lowered = False
        if primary or not self.lowered:
            member.pop("pending_restart", None)

    def restart(self, member):
        self.asked.append(f"restart {member['name']}")
        own = self.member(member["name"])
        self.applied(own, own["role"] == "leader")

    def switchover(self, leader, candidate):
        self.asked.append(f"{leader['name']} to {candidate['name']}")
        old, new = self.member(leader["name"]), self.member(candidate["name"])
        old |= {"role": "sync_standby", "state": "streaming"}
        new |= {"role": "leader", "state": "running"}
        self.applied(old, primary=False)
