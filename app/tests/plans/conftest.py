"""A million customers in a database that is kept, and a session with what site.yml would configure."""

import sys
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from django.db import connection

from customers.selectors import Selection
from tests.plans.people import ensure_people

sys.path.append(str(Path(__file__).parents[3] / "tests" / "unit"))


def deployed_settings() -> dict[str, str]:
    """PostgreSQL's settings on a host of the lab: of the instance, and of the app's role."""
    from harness import Stack, make_inventory

    with TemporaryDirectory() as directory:
        stack = Stack(make_inventory(Path(directory) / "lab"))
        patroni = yaml.safe_load(stack.render("postgresql", "patroni.yml.j2", "db1"))
        role = stack.evaluate("postgresql_role_settings", "postgresql")
    return {name: str(value) for name, value in (patroni["postgresql"]["parameters"] | role).items()}


def set_settings(settings: dict[str, str]) -> None:
    """For this transaction. What a session may set, is set; the rest is for the instance alone, and no plan depends
    on it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_settings WHERE context = 'user'")
        for name in {name for (name,) in cursor.fetchall()} & settings.keys():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, settings[name]])


@pytest.fixture(scope="session")
def deployed() -> dict[str, str]:
    return deployed_settings()


@pytest.fixture(scope="session")
def people(django_db_setup, django_db_blocker) -> None:
    with django_db_blocker.unblock():
        ensure_people()


@pytest.fixture
def as_deployed(people, db, deployed) -> None:
    set_settings(deployed)


class Worst:
    """The page that read most, and what most pages without a filter read, told at the end."""

    def __init__(self) -> None:
        self.pages: list[tuple[int, dict]] = []

    def note(self, buffers: int, wanted: dict) -> None:
        self.pages.append((buffers, wanted))

    def told(self) -> str:
        most, wanted = max(self.pages, key=itemgetter(0))
        unfiltered = sorted(
            buffers for buffers, page in self.pages if page["selection"] == Selection(term=page["selection"].term)
        )
        return (
            f"{len(self.pages)} pages; the most read {most} buffers: {wanted}; "
            f"without a filter 19 of 20 read at most {unfiltered[len(unfiltered) * 19 // 20]}"
        )


WORST = Worst()


@pytest.fixture
def worst() -> Worst:
    return WORST


def pytest_terminal_summary(terminalreporter) -> None:
    if WORST.pages:
        terminalreporter.write_line(WORST.told())
