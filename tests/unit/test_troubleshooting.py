"""docs/troubleshooting.md leaves out no message that preflight or `make status` can print."""

import ast
import re

import pytest
from harness import PROJECT
from preflight.hosts import REMEDIES

ANSIBLE = PROJECT / "ansible"
PAGE = " ".join((PROJECT / "docs" / "troubleshooting.md").read_text().replace("`", "").split())


def literal(node):
    """The fixed parts of a message; None of what is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [part.value for part in node.values if isinstance(part, ast.Constant)]
    return None


def texts(function, node):
    """The messages that an expression stands for: itself, either of two, or what was assigned to the name."""
    if isinstance(node, ast.IfExp):
        return texts(function, node.body) + texts(function, node.orelse)
    if isinstance(node, ast.Name):
        steps = [step for step in ast.walk(function) if isinstance(step, ast.Assign)]
        steps = [step for step in steps if getattr(step.targets[0], "id", "") == node.id]
        return [text for step in steps for text in texts(function, step.value)]
    return [literal(node)] if literal(node) else []


def functions(*paths):
    """Every function of some files."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield node


def said_by_preflight():
    """What its checks yield or return, and what the filters that they call raise."""
    for function in functions(*sorted((ANSIBLE / "preflight").glob("*.py"))):
        for node in ast.walk(function):
            if isinstance(node, ast.Yield | ast.Return) and function.name != "prefixes":
                yield from texts(function, node.value)
    for function in functions(*(ANSIBLE / "filter_plugins" / f"{name}.py" for name in ("budget", "credentials"))):
        if function.name in ("pgbouncer_pool_sizes", "missing_names", "_load"):
            for node in ast.walk(function):
                if isinstance(node, ast.Raise):
                    yield from texts(function, node.exc.args[0])


def said_by_status():
    """What each finding says."""
    for function in functions(ANSIBLE / "status" / "findings.py"):
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                yield from texts(function, node.args[1])


def pattern(parts):
    """Finds a message whatever stands between its fixed parts."""
    return ".{0,200}?".join(re.escape(" ".join(part.split())) for part in parts if part.strip(" :'.,[]()"))


PREFLIGHT = sorted({pattern(parts) for parts in said_by_preflight()} - {""})
STATUS = sorted({pattern(parts) for parts in said_by_status()} - {""})


def test_the_messages_are_found_in_the_code():
    assert len(PREFLIGHT) >= 50
    assert len(STATUS) >= 35


@pytest.mark.parametrize("message", PREFLIGHT + STATUS)
def test_each_message_of_the_code_is_on_the_page(message):
    assert re.search(message, PAGE)


@pytest.mark.parametrize("remedy", REMEDIES.values())
def test_each_remedy_is_on_the_page(remedy):
    assert remedy.format(host="db2") in PAGE
