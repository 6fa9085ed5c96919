"""docs/running.md agrees with the playbook: its tags, and what check mode leaves out."""

import re

import yaml
from harness import PROJECT
from test_conventions import TASK_FILES, load_tasks

PAGE = (PROJECT / "docs" / "running.md").read_text()
# What cannot say in advance what it would do; Ansible skips it in check mode unless `check_mode: false` says that it
# only reads.
BLIND = {"command", "shell", "script", "raw", "expect", "uri", "wait_for", "fetch"}
AT_MOST = 11
# What lies deeper belongs to verbs of their own, such as deploy, which refuse check mode.
SITE = [path for path in TASK_FILES if path.parent.name == "tasks"]


def real_tree():
    """{tag of a play: (its name, tags of parts)}, in the order of site.yml."""
    plays = yaml.safe_load((PROJECT / "site.yml").read_text())
    return {
        tag: (play["name"], [part for role in play.get("roles", []) for part in role.get("tags", [])])
        for play in plays
        for tag in play["tags"]
    }


def documented_tree():
    """The same, as the page draws it."""
    tree = {}
    for line in re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1].splitlines():
        if line.startswith((" ", "├", "└")):
            next(reversed(tree.values()))[1].append(line.split()[1])
        else:
            tag, name = re.split(r"\s{2,}", line)[:2]
            tree[tag] = (name, [])
    return tree


def skipped(task):
    """Whether check mode leaves a task out."""
    blind = [key for key in task if key.rpartition(".")[2] in BLIND and "creates" not in str(task[key])]
    left_out = re.search(r"not \(?ansible_check_mode", str(task.get("when", "")))
    return (blind and task.get("check_mode") is not False) or left_out


def test_the_tree_of_tags_is_the_real_one():
    assert documented_tree() == real_tree()
    assert list(documented_tree()) == list(real_tree())


def test_the_page_lists_all_tasks_that_check_mode_leaves_out():
    real = {f"{path.parents[1].name}: {task['name']}" for path in SITE for task in load_tasks(path) if skipped(task)}
    listed = re.findall(r"^- `([a-z]+: .+)`", PAGE.partition("leaves out")[2], re.MULTILINE)
    assert sorted(listed) == sorted(real)
    assert len(real) <= AT_MOST


def test_what_runs_in_check_mode_changes_nothing():
    forced = [task for path in SITE for task in load_tasks(path) if task.get("check_mode") is False]
    assert forced
    assert not [task["name"] for task in forced if task.get("changed_when") is not False]
