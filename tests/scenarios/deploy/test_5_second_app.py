"""Another Django project moves in beside the first, is deployed by itself, and nobody at the first one notices."""

import json
import types

import httpx
import pytest
from probe import Bound, Probe, Settings, record
from scenarios.deploy.conftest import PLAYBOOKS, Project
from scenarios.lab import ROOT
from scenarios.playbook import Playbook

BOUND = Bound(failed=0)
PACE = Settings(reads_per_second=120, writes_per_second=6)
SECOND = {
    "name": "notes",
    "path": "tests/second_app",
    "wsgi": "notes.wsgi:application",
    "settings": "notes.settings",
    "port": 8100,
    "server_names": ["notes.example.com"],
}


@pytest.fixture(scope="module")
def story(tmp_path_factory, inventory, cluster, visitors, trust, live, running):
    """What happened, in this order."""
    apps = ("--extra-vars", json.dumps({"cluster_apps": [*cluster.cluster_apps, SECOND]}))
    site = Playbook(inventory, *apps)
    secrets = Playbook(inventory, *apps, file=str(PLAYBOOKS / "secrets.yml"))
    deploy = Playbook(inventory, *apps, "-e", "app=notes", file=str(PLAYBOOKS / "deploy.yml"))
    rollback = Playbook(inventory, *apps, "-e", "app=notes", file=str(PLAYBOOKS / "rollback.yml"))
    project = Project(tmp_path_factory.mktemp("second") / "notes", ROOT / "tests" / "second_app")

    def ask(method="GET", path="/", **options):
        with httpx.Client(base_url=visitors.url, verify=trust, headers={"Host": "notes.example.com"}) as client:
            return client.request(method, path, **options, extensions={"sni_hostname": "localhost"})

    told = types.SimpleNamespace(ask=ask, before=live())
    secrets()
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        told.moved_in = site()
        told.again = site()
        told.first = live("notes")
        told.written = ask("POST", data={"text": "kept over a deploy"}).status_code
        project.append("notes/views.py", "\nNUMBER = 2\n").commit()
        deploy(*project.option)
        told.second, told.ran, told.answer = live("notes"), running("notes"), ask().json()
        rollback()
        told.third = live("notes")
        assert probe.answered(15)
    told.report = probe.report
    return told


def test_it_is_set_up_beside_the_other(story):
    assert story.again.changed == {}
    assert story.written == 201


def test_it_is_deployed_and_rolled_back_by_itself(story, live):
    assert story.ran == {story.second} != {story.first}
    assert story.answer == {"release": story.second, "notes": ["kept over a deploy"]}
    assert story.third == story.first
    assert live() == story.before


def test_its_static_files_come_by_its_name(story):
    assert "max-width" in story.ask(path="/static/notes.css").text


def test_no_visitor_of_the_first_noticed(story):
    assert record("a second app moves in, is deployed and rolled back", [story.report], BOUND), str(story.report)
