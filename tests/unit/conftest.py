"""Fixtures of the unit tests, and where their imports come from."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

import ansible.module_utils

# The same examples on each run, however busy the machine is.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")

HERE = Path(__file__).resolve().parent
ANSIBLE = HERE.parents[1] / "ansible"
sys.path[:0] = [str(HERE), str(ANSIBLE / "filter_plugins"), str(ANSIBLE / "library"), str(ANSIBLE)]
ansible.module_utils.__path__.append(str(ANSIBLE / "module_utils"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """site.yml applied to the lab's inventory."""
    from harness import Stack, make_inventory

    return Stack(make_inventory(tmp_path_factory.mktemp("inventory") / "lab"))


@pytest.fixture(scope="session")
def render(stack):
    """Renders templates/<role>/<template> for a host of the lab."""
    return stack.render
