"""A cluster is set up on bare hosts by runs that die half-way, each of which the next one continues."""

import types

import pytest

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
def story(small_site):
    """Ten runs that are killed, the one that finishes, and one more."""
    for task, seconds in KILLED_IN:
        small_site.killed_in(task, after=seconds)
    return types.SimpleNamespace(finished=small_site(), again=small_site())


def test_the_run_after_ten_that_were_killed_finishes_the_job(story):
    assert story.finished.changed


def test_the_run_after_that_changes_nothing(story):
    assert story.again.changed == {}
