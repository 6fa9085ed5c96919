"""The house style that linters do not know."""

import re

import pytest
import yaml
from harness import PROJECT
from test_roles import ROLES, load, specified

ANSIBLE = PROJECT / "ansible"
TEMPLATES = sorted((PROJECT / "templates").rglob("*.j2"))
TASK_FILES = sorted([*ANSIBLE.glob("roles/*/tasks/**/*.yml"), *ANSIBLE.glob("roles/*/handlers/**/*.yml")])
PLAYBOOKS = [PROJECT / "site.yml", *sorted((ANSIBLE / "playbooks").rglob("*.yml"))]
TEXTS = [path for path in ANSIBLE.rglob("*") if path.suffix in {".yml", ".py", ".j2", ".sh"} and path.is_file()]
SECRET_WORDS = re.compile(r"\b\w*(password|secret_key|secrets_)\w*")


def relative(path):
    return str(path.relative_to(PROJECT))


def tasks_in(content):
    """Every task of a loaded file, in blocks too."""
    for task in content or []:
        if not isinstance(task, dict):
            continue
        yield task
        for part in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
            yield from tasks_in(task.get(part))


class Loader(yaml.SafeLoader):
    """Accepts Ansible's own tags."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def load_tasks(path):
    return list(tasks_in(Loader(path.read_text()).get_single_data()))


@pytest.mark.parametrize("path", TASK_FILES, ids=relative)
def test_task_files_are_short(path):
    assert len(path.read_text().splitlines()) <= 70, "split it by chapter"


@pytest.mark.parametrize("path", TASK_FILES + PLAYBOOKS, ids=relative)
def test_no_error_is_ignored(path):
    assert not [task.get("name") for task in load_tasks(path) if "ignore_errors" in task]


@pytest.mark.parametrize("path", sorted((ANSIBLE / "playbooks").glob("*.yml")), ids=relative)
def test_a_verb_says_how_to_use_it_what_it_touches_and_how_to_undo_it(path):
    name, header = path.stem.replace("_", "-"), path.read_text().partition("\n\n- name:")[0]
    assert f"make {name}" in header
    assert f"\n{name}: venv ## " in (PROJECT / "Makefile").read_text()
    if name not in ("secrets", "status"):
        assert "Touches:" in header
        assert "undo" in header.lower()


@pytest.mark.parametrize("path", [*TEXTS, *TEMPLATES], ids=relative)
def test_no_app_is_known_by_name(path):
    """Any Django project can take the place of the one in app/."""
    assert "customers" not in path.read_text().lower()


@pytest.mark.parametrize("path", [*TEXTS, *TEMPLATES], ids=relative)
def test_lines_are_at_most_120_long(path):
    assert not [number for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > 120]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_no_other_role_s_variable(role):
    """site.yml hands over what one role needs to know of another. certificate and service are called as functions."""
    functions = {"certificate", "service"} - {role}
    foreign = {
        name
        for other in ROLES
        if other != role and other not in functions
        for name in specified(other).keys() | load(other, "defaults/main.yml").keys()
    }
    mine = specified(role).keys()
    files = [*(ANSIBLE / "roles" / role).rglob("*.yml"), *(PROJECT / "templates" / role).rglob("*.j2")]
    named = {
        word
        for file in files
        for line in file.read_text().splitlines()
        for word in re.findall(r"[a-z_][a-z0-9_]+", line.split(" # ")[0])
    }
    assert not (named & foreign) - mine


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_no_inventory_variable(role):
    """cluster_*, host_* and secrets_* belong to the inventory: only site.yml passes them on."""
    if role == "preflight":
        pytest.skip("the inventory is what it checks")
    files = [*(ANSIBLE / "roles" / role).rglob("*.yml"), *(PROJECT / "templates" / role).rglob("*.j2")]
    mine = specified(role).keys()
    pattern = re.compile(
        r"\b(?:secrets_\w+|cluster_(?:apps|name|domain|public_\w+|max_connections)|host_(?:address|memory_mb|cpus))\b"
    )
    assert not {name for file in files for name in pattern.findall(file.read_text())} - mine


@pytest.mark.parametrize("path", TASK_FILES + PLAYBOOKS, ids=relative)
def test_tasks_with_secrets_are_silent(path):
    """A task whose arguments hold a secret hides them; what is only passed on to a role is not shown anyway."""
    for task in load_tasks(path):
        shown = {key: value for key, value in task.items() if "." in key and "include_role" not in key}
        shown = {key: value for key, value in shown.items() if not key.endswith(("assert", "debug", "fail", "file"))}
        if SECRET_WORDS.search(" ".join(re.findall(r"\{\{.*?\}\}", str(shown)))):
            assert task.get("no_log"), task.get("name")


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_templates_tell_no_time(path):
    """A timestamp would change the file on each run."""
    assert not re.search(r"\bnow\(|strftime|ansible_date_time|lookup\(", path.read_text())


def test_site_yml_is_a_table_of_contents():
    assert len((PROJECT / "site.yml").read_text().splitlines()) <= 180
