"""Check mode leaves bare hosts bare. Then runs that die half-way, each of which the next one continues, set them up."""

import types

import pytest
from toolbox import name_of

# Where a run is killed: a task, and so many seconds after it began.
KILLED_IN = [
    ("common : Install base packages", 2),
    ("certificate : Make the key of etcd", 0.5),
    ("etcd : Start the member", 0.3),
    ("postgresql : Install packages", 8),
    ("postgresql : Wait until PostgreSQL is the primary, or streams from it", 2),
    ("postgresql : Make databases and roles on the primary", 0.3),
    ("redis : Write the configuration", 0.5),
    ("app : Build it", 6),
    ("app : Migrate the database before the first release starts", 2),
    ("nginx : Unpack the archive", 0.3),
]


@pytest.fixture(scope="module")
def looked_at(small_site, hosts):
    """A run in check mode, and what is found on the hosts afterwards."""
    left = "ls -d /etc/pergola /etc/etcd /etc/patroni /etc/nginx /etc/redis /etc/pgbouncer /opt/customers; echo looked"
    run = small_site("--check", "--diff")
    return types.SimpleNamespace(run=run, left={name_of(host): host.run(left).stdout for host in hosts("cluster")})


def test_check_mode_says_which_packages_bare_hosts_would_get(looked_at):
    assert "This host has not been set up yet" in looked_at.run.output
    assert "etcd-server" in looked_at.run.output
    assert looked_at.run.changed


def test_check_mode_leaves_bare_hosts_bare(looked_at):
    assert set(looked_at.left.values()) == {"looked\n"}


@pytest.fixture(scope="module")
def story(looked_at, small_site):
    """Ten runs that are killed, the one that finishes, and one more."""
    for task, seconds in KILLED_IN:
        small_site.killed_in(task, after=seconds)
    return types.SimpleNamespace(finished=small_site(), again=small_site())


def test_the_run_after_ten_that_were_killed_finishes_the_job(story):
    assert story.finished.changed


def test_the_run_after_that_changes_nothing(story):
    assert story.again.changed == {}
