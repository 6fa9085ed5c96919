"""Writes docs/variables.md from the roles' argument_specs: `make docs`."""

import re
import sys
import textwrap
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[1]
TARGET = PROJECT / "docs" / "variables.md"

INTRODUCTION = """\
# Variables

<!-- Written by `make docs` from ansible/roles/*/meta/argument_specs.yml. Change those, not this page. -->

Set variables in the inventory: for all hosts in `<inventory>/group_vars/cluster/main.yml`, for one tier in
`<inventory>/group_vars/<group>.yml`, for one host in `<inventory>/host_vars/<host>.yml` or beside its name in
`hosts.yml`. A variable given to `ansible-playbook` with `-e` wins over all of them and is forgotten afterwards.
"""

# Those of the inventory itself, which site.yml hands over to the roles.
CLUSTER = {
    name: option["description"]
    for name, option in yaml.safe_load((PROJECT / "ansible" / "inventory_variables.yml").read_text()).items()
}


def page():
    """The whole page."""
    parts = [INTRODUCTION, "## The cluster\n"]
    parts += [entry(f"`{name}`: {text}") for name, text in CLUSTER.items()]
    for name, given in sorted(wiring().items()):
        specs = PROJECT / "ansible" / "roles" / name / "meta" / "argument_specs.yml"
        parts += role(yaml.safe_load(specs.read_text())["argument_specs"]["main"], name, given)
    return "\n".join(parts).rstrip() + "\n"


def wiring():
    """{role: what site.yml or another role gives it}. What is given there can't be set elsewhere."""
    found = {}
    for path in [PROJECT / "site.yml", *(PROJECT / "ansible" / "roles").glob("*/tasks/*.yml")]:
        for name, given in calls(yaml.safe_load(path.read_text()) or []):
            found.setdefault(name, set()).update(given)
    return found


def calls(entries, shared=()):
    """(role, names of its variables) for each role that plays or tasks call."""
    for entry in entries:
        files = [yaml.safe_load((PROJECT / file).read_text()) for file in entry.get("vars_files", [])]
        shared = {*shared, *(name for file in files for name in file)}
        given = {*entry.get("vars", {}), *shared}
        if "role" in entry:
            yield entry["role"], own(given, entry["role"])
        if "ansible.builtin.include_role" in entry:
            name = entry["ansible.builtin.include_role"]["name"]
            yield name, own(given, name)
        for part in ("roles", "tasks", "block"):
            yield from calls(entry.get(part, []), shared)


def own(names, role):
    """Those that belong to a role."""
    return {name for name in names if name.startswith(f"{role}_")}


def role(spec, name, given):
    """One role: what may be set, and what site.yml gives it."""
    options = spec.get("options", {})
    given = set(given) | {option for option, details in options.items() if details.get("required")}
    yield f"\n## {name}\n"
    yield fill(spec["short_description"].rstrip(".") + ".", "")
    for text in spec.get("description", []):
        yield fill(text, "")
    yield ""
    if given:
        names = ", ".join(f"`{option}`" for option in sorted(given))
        yield fill(f"Given by `site.yml` or a calling role: {names}.", "") + "\n"
    for option, details in options.items():
        if option not in given:
            yield entry(f"`{option}` ({kind(details)}, default {default(details)}): {sentence(details['description'])}")


def kind(details):
    """The type, with the type of elements or the choices."""
    if "choices" in details:
        return " or ".join(f"`{choice}`" for choice in details["choices"])
    if details["type"] == "list":
        return f"list of {details.get('elements', 'str')}"
    return details["type"]


def default(details):
    """The default as one would write it."""
    value = details.get("default")
    if value is None:
        return "none"
    if isinstance(value, str) and value:
        return f"`{value}`"
    return f"`{yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix('...' + chr(10)).strip()}`"


def sentence(text):
    """A description, which may be a list of sentences."""
    return " ".join(text) if isinstance(text, list) else text


def entry(text):
    """One item of a list."""
    return fill(text, "- ")


def fill(text, bullet):
    """Lines of at most 120 characters."""
    return textwrap.fill(
        re.sub(r"\bC\(([^)]*)\)", r"`\1`", " ".join(text.split())),
        width=120,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if TARGET.read_text() == page() else "docs/variables.md is out of date: type make docs")
    TARGET.write_text(page())
