"""The pages that say what there is agree with what there is."""

import importlib.util
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted((PROJECT / "docs").glob("**/*.md"))]
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(#[^)]*)?\)")


@pytest.fixture(scope="module")
def variables():
    spec = importlib.util.spec_from_file_location("variables", PROJECT / "docs" / "variables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_variables_is_up_to_date(variables):
    assert variables.TARGET.read_text() == variables.page(), "type make docs"


def test_every_variable_of_the_inventory_is_explained(variables):
    wiring = [PROJECT / "site.yml", *(PROJECT / "ansible" / "wiring").glob("*.yml")]
    used = {name for path in wiring for name in re.findall(r"\b(?:cluster|host)_[a-z_]+\b", path.read_text())}
    others = {"host_addresses", "cluster_app", "cluster_database"}  # a filter, and variables of site.yml itself
    assert used - others <= set(variables.CLUSTER)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page):
    targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named <= targets
