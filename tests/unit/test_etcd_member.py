"""How a host becomes a member of an etcd cluster, from whatever state it is found in."""

import etcd_member
import pytest

OBJECTION = "can only promote a learner member which is in sync with leader"


class Etcd:
    """Stands in for etcdctl: knows members, and a leader whose learners take some rounds to catch up."""

    def __init__(self, *names):
        self.members = [self.entry(name, number) for number, name in enumerate(names, 10)]
        self.rounds = 0
        self.asked = []

    def entry(self, name, number, **more):
        return {"ID": number, "name": name, "peerURLs": [f"https://{name}:2380"], **more}

    def __call__(self, group, verb, *arguments):
        assert group == "member"
        if verb == "list":
            return {"members": self.members}
        self.asked.append(" ".join([verb, *arguments]))
        if verb == "remove":
            self.members = [entry for entry in self.members if f"{entry['ID']:x}" != arguments[0]]
        elif verb == "add":
            self.members.append(self.entry(arguments[0], 99, isLearner=True) | {"name": ""})
        elif verb == "promote":
            self.rounds -= 1
            if self.rounds >= 0:
                raise etcd_member.EtcdError(OBJECTION)
            next(entry for entry in self.members if f"{entry['ID']:x}" == arguments[0]).pop("isLearner")
        return {}


def member(etcd, name="lb2", **options):
    return etcd_member.Member(etcd, name, f"https://{name}:2380", **options)


def test_a_new_member_is_added_as_a_learner():
    etcd = Etcd("lb1")
    new = member(etcd)
    new.announce()
    assert etcd.asked == ["add lb2 --peer-urls=https://lb2:2380 --learner"]
    assert new.actions == ["add lb2"]
    assert new.listed() == "lb1=https://lb1:2380,lb2=https://lb2:2380"


def test_one_that_was_announced_and_never_started_is_not_added_again():
    etcd = Etcd("lb1")
    member(etcd).announce()
    again = member(etcd)
    again.announce()
    assert again.actions == []


def test_one_that_lost_its_data_is_taken_out_first():
    etcd = Etcd("lb1", "lb2", "cache1")
    member(etcd).announce()
    assert etcd.asked == ["remove b", "add lb2 --peer-urls=https://lb2:2380 --learner"]


def test_a_learner_is_promoted_once_it_has_caught_up():
    etcd = Etcd("lb1")
    etcd.rounds = 2
    etcd.members.append(etcd.entry("lb2", 11, isLearner=True))
    learner = member(etcd)
    etcd_member.patiently(learner.promote, seconds=5, pause=0)
    assert etcd.asked == ["promote b"] * 3
    assert learner.actions == ["promote lb2"]


def test_one_that_votes_is_left_alone():
    etcd = Etcd("lb1", "lb2")
    member(etcd).promote()
    assert etcd.asked == []


def test_one_that_leaves_is_taken_out_once():
    etcd = Etcd("lb1", "lb2", "cache1")
    member(etcd).leave()
    member(etcd).leave()
    assert etcd.asked == ["remove b"]


def test_a_learner_that_never_catches_up_ends_with_what_etcd_said():
    etcd = Etcd("lb1")
    etcd.rounds = 10**6
    etcd.members.append(etcd.entry("lb2", 11, isLearner=True))
    with pytest.raises(etcd_member.EtcdError, match=OBJECTION):
        etcd_member.patiently(member(etcd).promote, seconds=0.01, pause=0)


def test_a_stranger_with_data_is_told_what_to_do():
    with pytest.raises(
        etcd_member.EtcdError, match="lb2 is not one of the cluster's members, lb1=https://lb1:2380: stop"
    ):
        member(Etcd("lb1")).promote()


def test_check_mode_only_says_what_it_would_do():
    etcd = Etcd("lb1")
    new = member(etcd, check_mode=True)
    new.announce()
    new.promote()
    assert new.actions == ["add lb2"]
    assert etcd.asked == []
