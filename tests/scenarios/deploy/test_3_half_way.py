"""Deploys die half-way, and two are started at once."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.deploy.conftest import APP, PLAYBOOKS, Project
from scenarios.playbook import Playbook
from toolbox import name_of

BOUND = Bound(failed=0)
PACE = Settings(reads_per_second=120, writes_per_second=6)
# Where a run is killed: a task, and so many seconds after it began.
KILLED_IN = [
    ("app : Take the lock", 0.2),
    ("app : Build it", 4),
    ("app : Migrate the database", 1),
    ("app : Start what is down, restart what is due if it is this host's turn, and wait until all are ready", 3),
    ("app : Move the instances", 4),
    ("app : Mark the release as live", 0.2),
]
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_compiled_fold")]
    operations = [migrations.RunSQL("SELECT 1")]
"""


@pytest.fixture(scope="module")
def story(tmp_path_factory, inventory, hosts, visitors, deploy, rollback, site, running, live):
    """What happened, in this order."""
    told = types.SimpleNamespace(first=live())
    project = Project(tmp_path_factory.mktemp("half-way") / "app")
    project.write("customers/migrations/0005_nothing.py", MIGRATION).commit()
    killable = Playbook(inventory, file=str(PLAYBOOKS / "deploy.yml"))
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        for task, seconds in KILLED_IN:
            killable.killed_in(task, *project.option, after=seconds)
        told.finished = deploy(project)
        told.ran, told.live = running(), live()
        told.again = site()

        project.append("config/__init__.py", "\nNUMBER = 'half'\n").commit()
        killable.killed_in("app : Move the instances", *project.option, after=6)
        told.undone = rollback()
        told.ran_after, told.site = running(), site()

        # Whoever holds the lock on another machine may be alive.
        foreign = '{"run": "elsewhere x 1 2", "by": "ann@elsewhere", "since": "2026-01-01T00:00:00Z", "verb": "deploy"}'
        for host in hosts("app")[:1]:
            host.check_output(f"echo '{foreign}' > /opt/{APP}/deploy.lock")
            told.holder = name_of(host)
        told.refused = deploy(project, status=2)
        told.site_refused = site("--tags", "app", status=2)
        told.ran_refused = running()
        told.unlocked = deploy(project, "-e", "unlock=true")
        assert probe.answered(15)
    told.report = probe.report
    return told


def test_a_run_after_those_that_were_killed_finishes_the_job(story):
    assert story.ran == {story.live} != {story.first}
    assert story.again.changed == {}


def test_a_rollback_undoes_a_deploy_that_died(story):
    assert story.ran_after == {story.live}
    assert story.site.changed == {}


@pytest.mark.parametrize("which", ["refused", "site_refused"])
def test_two_at_once_are_refused_with_who_it_is_and_what_to_type(story, which):
    run = getattr(story, which)
    for part in ("ann@elsewhere", "2026-01-01T00:00:00Z", "-e unlock=true"):
        assert part in run.output
    assert run.changed == {}
    assert story.ran_refused == {story.live}


def test_nothing_is_left_over(story, left_over):
    assert left_over() == {}


def test_no_visitor_noticed(story):
    assert record("deploys die half-way and are finished", [story.report], BOUND), str(story.report)
