"""How psycopg waits under gevent; here for sockets, as nothing is patched in these tests."""

import socket

import gevent
import pytest

from serving.waiting import READ, WRITE, ready_now, wait


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def asking(*wanted):
    """As psycopg's generators do; returns what it was told."""
    told = []
    for each in wanted:
        told.append((yield each))
    return told


def test_what_is_ready_is_not_waited_for(pair):
    ours, theirs = pair
    theirs.send(b"x")
    assert wait(asking(READ, WRITE, READ | WRITE), ours.fileno()) == [READ, WRITE, READ | WRITE]
    ours.recv(1)
    assert wait(asking(READ | WRITE), ours.fileno()) == [WRITE]


def test_others_run_until_it_is(pair):
    ours, theirs = pair
    ran = []

    def other():
        ran.append(True)
        theirs.send(b"x")

    gevent.spawn_later(0.05, other)
    assert wait(asking(READ), ours.fileno()) == [READ]
    assert ran


def test_who_may_not_write_yet_waits_as_well(pair):
    ours, theirs = pair
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            ours.send(b"x" * 65536)
    gevent.spawn_later(0.05, theirs.recv, 2**20)
    assert wait(asking(WRITE), ours.fileno()) == [WRITE]


@pytest.mark.parametrize("wanted", [READ, READ | WRITE])
def test_the_end_of_a_connection_is_found_by_whoever_waits(pair, wanted):
    ours, theirs = pair
    gevent.spawn_later(0.05, theirs.close)
    [told] = wait(asking(wanted), ours.fileno())
    assert told & READ or wanted & WRITE
    assert wait(asking(READ), ours.fileno()) == [READ]
    assert ours.recv(1) == b""


@pytest.mark.parametrize("wanted", [READ, WRITE])
def test_who_waits_for_what_is_closed_is_told_at_once_and_finds_the_error(wanted):
    ours, theirs = socket.socketpair()
    number = ours.fileno()
    ours.close()
    theirs.close()
    assert ready_now(number, wanted) == wanted
