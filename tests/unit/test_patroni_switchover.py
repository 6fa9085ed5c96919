"""Who becomes the primary, and when nobody does."""

import pytest
from patroni_double import Patroni
from patroni_switchover import Switchover

from ansible.module_utils import patroni
from ansible.module_utils.patroni import PatroniError


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(patroni, "SETTLED", 0)


def switchover(api, candidate=None, leaving=None, check_mode=False, synchronous=True, at=None):
    options = {"timeout": 0, "synchronous": synchronous, "candidate": candidate, "leaving": leaving, "at": at}
    done = Switchover(api, options, check_mode)
    done.run()
    return done.actions


def test_the_synchronous_replica_takes_over():
    api = Patroni("db1", "db2", "db3")
    assert switchover(api) == ["switch over from db1 to db2"]
    assert api.asked == ["db1 to db2"]


def test_whoever_lacks_least_where_all_may():
    api = Patroni("db1", "db2", "db3")
    api.member("db2")["lag"] = 100
    assert switchover(api, synchronous=False) == ["switch over from db1 to db3"]


def test_nothing_happens_if_the_candidate_is_the_primary_already():
    assert switchover(Patroni("db1", "db2"), candidate="db1") == []


def test_nothing_happens_if_those_who_leave_are_replicas():
    assert switchover(Patroni("db1", "db2", "db3"), leaving=["db3"]) == []
    assert switchover(Patroni("db1", "db2", "db3"), leaving=["db3", "db1"]) == ["switch over from db1 to db2"]


@pytest.mark.parametrize("name", ["db3", "db9"])
def test_it_refuses_whom_commits_did_not_wait_for(name):
    api = Patroni("db1", "db2", "db3")
    with pytest.raises(PatroniError, match=f"{name} can't take over without losing commits. Who can: db2"):
        switchover(api, candidate=name)
    assert api.asked == []


def test_it_refuses_a_replica_that_lags():
    api = Patroni("db1", "db2")
    api.member("db2")["lag"] = 10**9
    with pytest.raises(PatroniError, match=r"the cluster is not well: db2 .* lag 1000000000"):
        switchover(api, candidate="db2")
    assert api.asked == []


def test_it_refuses_without_a_primary():
    api = Patroni("db1", "db2")
    api.member("db1")["role"] = "replica"
    with pytest.raises(PatroniError, match="there is no primary"):
        switchover(api)


def test_one_that_is_alone_hands_over_to_nobody():
    with pytest.raises(PatroniError, match="a replica may take over"):
        switchover(Patroni("db1"), leaving=["db1"])


def test_check_mode_only_says_what_it_would_do():
    api = Patroni("db1", "db2")
    assert switchover(api, check_mode=True) == ["switch over from db1 to db2"]
    assert api.asked == []


def test_it_waits_for_the_moment_that_was_chosen(monkeypatch):
    slept = []
    monkeypatch.setattr(patroni.time, "time", lambda: 1000.0)
    monkeypatch.setattr(patroni.time, "sleep", slept.append)
    switchover(Patroni("db1", "db2"), at=1002.5)
    switchover(Patroni("db1", "db2"), at=999.0)
    assert slept == [2.5, 0]


def test_the_old_primary_is_told_itself(monkeypatch):
    asked = []
    monkeypatch.setattr(patroni.Api, "_ask", lambda self, url, order=None: asked.append((url, order)))
    leader, candidate = Patroni("db1", "db2").members
    patroni.Api("https://db2:8008", None).switchover(leader, candidate)
    assert asked == [("https://db1:8008/switchover", {"leader": "db1", "candidate": "db2"})]
