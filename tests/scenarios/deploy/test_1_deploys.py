"""Three releases roll over all instances under load, one after the other; then it goes one back."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.deploy.conftest import APP, Project
from toolbox import name_of

BOUND = Bound(failed=0)
# A restart of another machine's, which has died.
VERB_LOCK = "/etc/pergola/verb.lock"
DIED = '{"run": "1", "by": "ann@elsewhere", "verb": "restart", "since": "2026-01-01T00:00:00Z"}'
PACE = Settings(reads_per_second=120, writes_per_second=6)
RUNS = 3


def processes(hosts):
    """The instances' main processes, by host."""
    command = f"systemctl show --property=MainPID --value {APP}@1 {APP}@2"
    return {name_of(host): host.check_output(command) for host in hosts("app")}


@pytest.fixture(scope="module")
def story(tmp_path_factory, hosts, visitors, deploy, rollback, site, running, live, log):
    """What happened, in this order."""
    told = types.SimpleNamespace(first=live(), deploys=[], reports=[], ran=[], logs=[])
    project = Project(tmp_path_factory.mktemp("deploys") / "app")
    for number in range(RUNS):
        project.append("config/__init__.py", f"\nNUMBER = {number}\n").commit()
        with Probe(visitors, PACE) as probe:
            assert probe.answered(15)
            told.deploys.append(deploy(project))
            assert probe.answered(15)
        told.reports.append(probe.report)
        told.ran.append(running())
        told.logs.append(log())
    told.processes = processes(hosts)
    hosts("etcd")[0].check_output(f"echo '{DIED}' > {VERB_LOCK}")
    deploy(project, "-e", "unlock=true")
    told.processes_again = processes(hosts)
    told.verb_locks = [name_of(host) for host in hosts("etcd") if host.file(VERB_LOCK).exists]
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        rollback()
        assert probe.answered(15)
    told.rolled_back = probe.report
    told.ran_after_rollback = running()
    told.live_after_rollback = live()
    told.site = site()
    told.second_rollback = rollback(status=2)
    told.unknown = rollback("-e", "release=nonsense", status=2)
    told.unknown_app = rollback("-e", "app=nonsense", status=2)
    return told


def test_every_instance_runs_the_new_release(story):
    releases = [release for ran in story.ran for release in ran]
    assert len(releases) == len({story.first, *releases}) - 1 == RUNS


def test_each_is_a_line_in_the_log_of_every_host(story):
    before = story.first
    for [release], lines in zip(story.ran, story.logs, strict=True):
        assert all(f" deploy: from {before} to {release}: done" in line for line in lines)
        before = release


def test_deploying_what_is_live_restarts_nothing(story):
    assert story.processes_again == story.processes


def test_the_lock_of_a_verb_that_died_elsewhere_is_taken_away(story):
    assert story.verb_locks == []


def test_old_releases_are_removed(story, hosts):
    for host in hosts("app"):
        releases = host.check_output(f"ls /opt/{APP}/releases").split()
        assert story.live_after_rollback in releases
        assert len(releases) <= 4


def test_a_rollback_goes_back_to_the_release_before_and_site_yml_leaves_it(story):
    assert story.ran_after_rollback == story.ran[-2] == {story.live_after_rollback}
    assert story.site.changed == {}


def test_there_is_only_one_step_back(story, running):
    assert "there is no release to go back to" in story.second_rollback.output
    assert running() == story.ran_after_rollback


def test_what_does_not_exist_is_refused_with_what_does(story):
    assert "There is no release nonsense. Name one with -e release=ID: " in story.unknown.output
    assert story.live_after_rollback in story.unknown.output
    assert f"There is no app nonsense in cluster_apps, only {APP}" in story.unknown_app.output


def test_nothing_is_left_over(story, left_over):
    assert left_over() == {}


def test_no_visitor_noticed(story):
    assert record("three deploys", story.reports, BOUND), [str(report) for report in story.reports]
    assert record("a rollback", [story.rolled_back], BOUND), str(story.rolled_back)
