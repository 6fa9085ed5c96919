"""The interface of every role: argument_specs and defaults say the same, and each default says why."""

import re
from functools import cache

import pytest
import yaml
from harness import PROJECT

ROLES = sorted(path.name for path in (PROJECT / "ansible" / "roles").iterdir() if path.is_dir())


@cache
def load(role, path):
    file = PROJECT / "ansible" / "roles" / role / path
    return (yaml.safe_load(file.read_text()) or {}) if file.exists() else {}


@cache
def specified(role):
    """The options of the role's entry points, {name: option}."""
    entry_points = load(role, "meta/argument_specs.yml").get("argument_specs", {}).values()
    return {name: option for entry_point in entry_points for name, option in (entry_point.get("options") or {}).items()}


@pytest.mark.parametrize("role", ROLES)
def test_specs_and_defaults_have_the_same_keys(role):
    optional = {name for name, option in specified(role).items() if not option.get("required")}
    assert optional == load(role, "defaults/main.yml").keys()


@pytest.mark.parametrize("role", ROLES)
def test_specs_and_defaults_have_the_same_values(role):
    defaults = load(role, "defaults/main.yml")
    stated = {name: option["default"] for name, option in specified(role).items() if "default" in option}
    assert stated == defaults


@pytest.mark.parametrize("role", ROLES)
def test_what_is_required_has_no_default(role):
    assert not [name for name, option in specified(role).items() if option.get("required") and "default" in option]


@pytest.mark.parametrize("role", ROLES)
def test_each_option_has_a_type_and_a_description(role):
    assert not [name for name, option in specified(role).items() if not {"type", "description"} <= option.keys()]


@pytest.mark.parametrize("role", ROLES)
def test_each_default_has_a_comment(role):
    """Beside it, or above the paragraph that it is in."""
    file = PROJECT / "ansible" / "roles" / role / "defaults" / "main.yml"
    for paragraph in re.split(r"\n\s*\n", file.read_text() if file.exists() else ""):
        explained = False
        for line in paragraph.splitlines():
            explained = explained or line.startswith("# ")
            assert not re.match(r"\w+:", line) or explained or " # " in line, f"{role}: {line}"


@pytest.mark.parametrize("role", ROLES)
def test_the_role_describes_itself(role):
    assert load(role, "meta/argument_specs.yml")["argument_specs"]["main"]["short_description"]


@pytest.mark.parametrize("role", ROLES)
def test_names_begin_with_the_role(role):
    assert not [name for name in specified(role) if not name.startswith(f"{role}_")]


@pytest.mark.parametrize("role", ROLES)
def test_templates_are_not_hidden_in_roles(role):
    assert not (PROJECT / "ansible" / "roles" / role / "templates").exists()
