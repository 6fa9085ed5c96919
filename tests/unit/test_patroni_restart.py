"""In which order PostgreSQL is restarted, and when it is not."""

import sys

import pytest
from harness import PROJECT

sys.path.insert(0, str(PROJECT / "ansible" / "library"))

import patroni_restart


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


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(patroni_restart, "SETTLED", 0)


def restart(api, check_mode=False, synchronous=True):
    done = patroni_restart.Restart(api, {"timeout": 0, "synchronous": synchronous}, check_mode)
    done.run()
    return done.actions


def test_nothing_happens_where_nobody_waits():
    api = Patroni("db1", "db2", "db3")
    assert restart(api) == []
    assert api.asked == []


def test_replicas_first_then_the_primary_hands_over_to_the_synchronous_one():
    api = Patroni("db1", "db2", "db3", pending=["db1", "db2", "db3"])
    assert restart(api) == ["restart db2", "restart db3", "switch over from db1 to db2"]
    assert api.asked == ["restart db2", "restart db3", "db1 to db2"]


def test_only_those_that_wait():
    assert restart(Patroni("db1", "db2", "db3", pending=["db3"])) == ["restart db3"]
    assert restart(Patroni("db1", "db2", "db3", pending=["db1"])) == ["switch over from db1 to db2"]


def test_a_primary_alone_restarts_in_its_place():
    assert restart(Patroni("db1", pending=["db1"])) == ["restart db1"]


def test_a_limit_that_was_lowered_takes_the_new_primary_first():
    api = Patroni("db1", "db2", pending=["db1", "db2"], lowered=True)
    assert restart(api) == ["restart db2", "switch over from db1 to db2", "restart db2", "restart db1"]


def test_without_a_synchronous_one_nobody_takes_over_unless_that_is_allowed():
    api = Patroni("db1", "db2", pending=["db1"])
    api.member("db2")["role"] = "replica"
    with pytest.raises(patroni_restart.PatroniError, match="waited in vain until a replica may take over"):
        restart(api)
    assert api.asked == []
    assert restart(api, synchronous=False) == ["switch over from db1 to db2"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "stopped"}, r"db2 \(sync_standby\) is stopped"),
        ({"lag": 10**9}, r"db2 \(sync_standby\) is streaming, lag 1000000000"),
        ({"lag": "unknown"}, "lag unknown"),
    ],
)
def test_it_refuses_where_a_replica_is_not_well(change, reason):
    api = Patroni("db1", "db2", pending=["db1"])
    api.member("db2").update(change)
    with pytest.raises(patroni_restart.PatroniError, match=reason):
        restart(api)
    assert api.asked == []


def test_it_refuses_without_a_primary_or_while_patroni_is_paused():
    api = Patroni("db1", "db2", pending=["db2"])
    api.paused = True
    with pytest.raises(patroni_restart.PatroniError, match=r"patronictl .* resume"):
        restart(api)
    api.paused = False
    api.member("db1")["role"] = "replica"
    with pytest.raises(patroni_restart.PatroniError, match="there is no primary"):
        restart(api)
    assert api.asked == []


def test_a_restart_that_fails_ends_it():
    api = Patroni("db1", "db2", "db3", pending=["db1", "db2", "db3"])
    api.restart = lambda member: api.member(member["name"]).update(state="starting")
    with pytest.raises(patroni_restart.PatroniError, match=r"members are well again: db2 .* starting"):
        restart(api)


def test_check_mode_only_says_what_it_would_do():
    api = Patroni("db1", "db2", pending=["db1", "db2"])
    assert restart(api, check_mode=True) == ["restart db2", "switch over from db1 to db2"]
    assert api.asked == []
