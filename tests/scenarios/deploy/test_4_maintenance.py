"""Visitors get a page that says when to come again, until they get the app again."""

import httpx
import pytest
from probe import Bound, Probe, Settings, record
from scenarios.deploy.conftest import PLAYBOOKS
from scenarios.playbook import Playbook
from toolbox import name_of

PACE = Settings(reads_per_second=120, writes_per_second=4)
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("customers", {last!r})]
    operations = [migrations.RunSQL({sql!r})]
"""


@pytest.fixture(scope="module")
def ask(visitors):
    """The front door's answer."""

    def get(accept, method="GET", path="/api/customers/?page_size=1"):
        with httpx.Client(base_url=visitors.url, verify=visitors.trust, headers=visitors.headers, timeout=40) as client:
            return client.request(method, path, headers={"Accept": accept})

    return get


@pytest.fixture(scope="module")
def nginx(hosts):
    """nginx's processes: nothing restarts or reloads."""
    return lambda: {name_of(host): host.check_output("pgrep nginx") for host in hosts("loadbalancer")}


def test_maintenance_goes_on_and_off_without_a_restart(ask, nginx, maintenance, site):
    before = nginx()
    maintenance("on")
    try:
        program, person, form = ask("application/json"), ask("text/html", path="/admin/"), ask("text/html", "POST")
        for answer in (program, person, form):
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
        assert "maintenance" in program.json()["detail"]
        assert "<title>Maintenance</title>" in person.text
        assert "maintenance" in form.json()["detail"], "below /api/ each error is JSON"
        assert site().changed == {}
        assert ask("application/json").status_code == 503
        assert maintenance("on").changed == {}
    finally:
        maintenance("off")
    assert ask("application/json").status_code == 200
    assert nginx() == before


def test_a_load_balancer_that_is_away_is_named_and_the_others_are_told(lab, hosts, maintenance):
    here, away = hosts("loadbalancer")
    file = "/var/lib/pergola/maintenance/customers"
    lab.kill(name_of(away))
    try:
        run = maintenance("on", status=4)
    finally:
        lab.start(name_of(away))
    told = [host.file(file).exists for host in (here, away)]
    maintenance("off")
    assert told == [True, False]
    assert f"{name_of(away)} could not be told: run this again" in run.output
    assert not here.file(file).exists


def test_another_word_is_refused(maintenance):
    assert "maintenance is either on or off, not perhaps" in maintenance("perhaps", status=2).output


def break_with_the_past(project, number):
    """What the schema loses is a table that nothing uses, so that the lab can go on with it."""
    last = "0004_compiled_fold"
    for sql in ("CREATE TABLE scenario (id int)", "DROP TABLE scenario"):
        name = f"{number:04}_scenario"
        project.write(f"customers/migrations/{name}.py", MIGRATION.format(last=last, sql=sql)).commit()
        last, number = name, number + 1


def test_a_breaking_migration_goes_through_maintenance(project, visitors, deploy, rollback, live, running):
    break_with_the_past(project, number=6)
    before = live()
    assert "customers.0007_scenario: DROPPING table" in deploy(project, status=2).output
    assert live() == before
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        deploy(project, "-e", "allow_breaking=true")
        assert probe.answered(15)
    assert running() == {live()} != {before}
    assert set(probe.report.reasons) <= {"read: status 503", "write: status 503"}
    assert record("a breaking migration, in maintenance", [probe.report], Bound(failed=None)), str(probe.report)
    assert "there is no release to go back to" in rollback(status=2).output


def test_a_breaking_deploy_that_dies_is_finished_not_undone(project, inventory, deploy, rollback, live, running, ask):
    break_with_the_past(project, number=8)
    before = live()
    killable = Playbook(inventory, file=str(PLAYBOOKS / "deploy.yml"))
    killable.killed_in("app : Move the instances", *project.option, "-e", "allow_breaking=true", after=3)
    assert ask("application/json").status_code == 503
    assert "Finish it by make deploy ARGS='-e allow_breaking=true'" in rollback(status=2).output
    assert "customers.0009_scenario: DROPPING table" in deploy(project, status=2).output
    assert live() == before
    deploy(project, "-e", "allow_breaking=true")
    assert running() == {live()} != {before}
    assert ask("application/json").status_code == 200
    assert "there is no release to go back to" in rollback(status=2).output
