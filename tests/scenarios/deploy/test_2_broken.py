"""Releases that can't serve stop before or at the first instance, and the release before serves on."""

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.deploy.conftest import APP
from toolbox import name_of

BOUND = Bound(failed=0)
PACE = Settings(reads_per_second=120, writes_per_second=6)
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_compiled_fold")]
    operations = [migrations.RunSQL({sql!r})]
"""
UNREADY = """

def _fail():
    raise RuntimeError("told to be unready")


CHECKS["primary"].ask = _fail
"""
# Only behind the socket of a real instance: the canary does not show it.
SECOND_FAILS = """
import os

if os.environ.get("PROMETHEUS_MULTIPROC_DIR", "").endswith("-2"):
    raise RuntimeError("told to die as instance 2")
"""


def does_not_import(project):
    project.append("config/settings.py", "\nraise RuntimeError('told not to import')\n").commit()


def does_not_boot(project):
    project.append("config/wsgi.py", "\nraise RuntimeError('told not to boot')\n").commit()


def is_not_ready(project):
    project.append("config/health.py", UNREADY).commit()


def second_instance_dies(project):
    project.append("config/wsgi.py", SECOND_FAILS).commit()


def migration_fails(project):
    project.write("customers/migrations/0005_fails.py", MIGRATION.format(sql="SELECT 1 / 0")).commit()


def migration_breaks(project):
    sql = 'ALTER TABLE "customers_customer" DROP COLUMN "notes"'
    project.write("customers/migrations/0005_breaks.py", MIGRATION.format(sql=sql)).commit()


def is_not_committed(project):
    project.append("config/wsgi.py", "\n# not committed\n")


# What is wrong with a release, and the words in which the deploy says so.
BROKEN = [
    (does_not_import, "told not to import"),
    (does_not_boot, "told not to boot"),
    (is_not_ready, "told to be unready"),
    (second_instance_dies, "told to die as instance 2"),
    (migration_fails, "division by zero"),
    (migration_breaks, "customers.0005_breaks: DROPPING columns (customers_customer.notes)"),
    (is_not_committed, "is not what its commit says: config/wsgi.py"),
]


@pytest.mark.parametrize(("breaks", "words"), BROKEN, ids=[breaks.__name__ for breaks, _ in BROKEN])
def test_a_broken_release_stops_and_nobody_notices(breaks, words, project, visitors, deploy, running, live, left_over):
    breaks(project)
    before = live()
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        run = deploy(project, status=2)
        assert probe.answered(15)
    assert record(f"a broken release: {breaks.__name__.replace('_', ' ')}", [probe.report], BOUND), str(probe.report)
    assert words in run.output.partition("TASK [Say it]")[2]
    assert running() == {live()} == {before}
    assert left_over() == {}


def test_a_full_disk_stops_before_anything_is_installed(project, hosts, deploy, running, live):
    """A small file system where archives go stands for it."""
    project.append("config/__init__.py", "\nNUMBER = 'full'\n").commit()
    host = hosts("app")[-1]
    host.check_output(f"mount -t tmpfs -o size=1m tmpfs /opt/{APP}/archives")
    try:
        run = deploy(project, status=2)
    finally:
        host.check_output(f"umount /opt/{APP}/archives")
    assert f"{name_of(host)} has" in run.output
    assert running() == {live()}
