"""In which order PostgreSQL is restarted, and when it is not."""

import pytest
from patroni_double import Patroni
from patroni_restart import Restart

from ansible.module_utils import patroni
from ansible.module_utils.patroni import PatroniError


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(patroni, "SETTLED", 0)


def restart(api, replicas_only=False, check_mode=False):
    done = Restart(api, {"timeout": 0, "replicas_only": replicas_only}, check_mode)
    done.run()
    return done.actions


def test_nothing_happens_where_nobody_waits():
    api = Patroni("db1", "db2", "db3")
    assert restart(api) == []
    assert api.asked == []


def test_replicas_one_by_one_and_the_primary_is_left_alone_before_it_hands_over():
    api = Patroni("db1", "db2", "db3", pending=["db1", "db2", "db3"])
    assert restart(api, replicas_only=True) == ["restart db2", "restart db3"]
    assert api.asked == ["restart db2", "restart db3"]


def test_only_those_that_wait():
    assert restart(Patroni("db1", "db2", "db3", pending=["db3"])) == ["restart db3"]
    assert restart(Patroni("db1", "db2", "db3", pending=["db1"]), replicas_only=True) == []


def test_a_primary_alone_restarts_in_its_place():
    assert restart(Patroni("db1", pending=["db1"])) == ["restart db1"]


def test_a_limit_that_was_lowered_takes_the_primary_first():
    api = Patroni("db1", "db2", pending=["db1", "db2"], lowered=True)
    assert restart(api) == ["restart db1", "restart db2"]


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
    with pytest.raises(PatroniError, match=reason):
        restart(api)
    assert api.asked == []


def test_it_refuses_without_a_primary_or_while_patroni_is_paused():
    api = Patroni("db1", "db2", pending=["db2"])
    api.paused = True
    with pytest.raises(PatroniError, match=r"patronictl .* resume"):
        restart(api)
    api.paused = False
    api.member("db1")["role"] = "replica"
    with pytest.raises(PatroniError, match="there is no primary"):
        restart(api)
    assert api.asked == []


def test_a_restart_that_fails_ends_it():
    api = Patroni("db1", "db2", "db3", pending=["db1", "db2", "db3"])
    api.restart = lambda member: api.member(member["name"]).update(state="starting")
    with pytest.raises(PatroniError, match=r"members are well again: db1 .* starting"):
        restart(api)


def test_check_mode_only_says_what_it_would_do():
    api = Patroni("db1", "db2", pending=["db1", "db2"])
    assert restart(api, check_mode=True) == ["restart db1", "restart db2"]
    assert restart(api, replicas_only=True, check_mode=True) == ["restart db2"]
    assert api.asked == []
