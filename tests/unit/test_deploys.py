"""Who may change a release, whether its migrations fit, and what is said when it stops."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from harness import PROJECT, make_inventory

sys.path.insert(0, str(PROJECT / "ansible" / "library"))
sys.path.insert(0, str(PROJECT / "ansible" / "filter_plugins"))

import run_lock
import this_run
from failures import failure_reason, without_quotations
from migrations import breaking_migrations, unapplied_migrations

VERBS = [PROJECT / "ansible" / "playbooks" / f"{name}.yml" for name in ("deploy", "rollback", "maintenance")]
PLAN = """\
[X]  shop.0001_initial
[ ]  shop.0002_price
[ ]  auth.0013_squashed_x (3 squashed migrations)
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "deploy.lock"


def test_a_free_lock_is_taken_with_its_record(lock):
    assert run_lock.take(lock, "me", {"by": "ann"}, []) == (True, {})
    assert json.loads(lock.read_text()) == {"run": "me", "by": "ann"}


def test_only_one_run_holds_it_and_the_other_hears_who(lock):
    run_lock.take(lock, "first", {"by": "ann"}, [])
    assert run_lock.take(lock, "second", {"by": "bob"}, []) == (False, {"run": "first", "by": "ann"})
    assert run_lock.leave(lock, "second")[0] is False
    assert json.loads(lock.read_text())["run"] == "first"


def test_whoever_holds_it_may_write_it_anew_and_gives_it_back(lock):
    run_lock.take(lock, "me", {}, [])
    assert run_lock.take(lock, "me", {"release": "1-a"}, [])[0]
    assert json.loads(lock.read_text())["release"] == "1-a"
    assert run_lock.leave(lock, "me")[0]
    assert not lock.exists()


def test_whoever_looks_leaves_it_as_it_is(lock):
    assert run_lock.see(lock, None) == (False, {})
    run_lock.take(lock, "ann", {"verb": "deploy"}, [])
    assert run_lock.see(lock, None) == (False, {"run": "ann", "verb": "deploy"})
    assert run_lock.see(lock, "ann")[0]


@pytest.mark.parametrize("over", [["dead"], ["any"]])
def test_it_is_taken_from_the_dead(lock, over):
    run_lock.take(lock, "dead", {"release": "1-a"}, [])
    assert run_lock.take(lock, "me", {}, over) == (True, {"run": "dead", "release": "1-a"})


def test_a_lock_that_can_t_be_read_is_somebody_s(lock):
    lock.write_text("half a rec")
    assert run_lock.take(lock, "me", {}, []) == (False, {"run": "unknown"})
    assert run_lock.take(lock, "me", {}, ["any"])[0]


def test_a_run_is_alive_until_its_process_is_gone():
    with subprocess.Popen(["sleep", "60"]) as process:
        run = this_run.identity(process.pid)
        assert not this_run.is_dead(run)
        process.kill()
    assert this_run.is_dead(run)


def test_another_process_of_the_same_number_is_another_run():
    host, boot, pid, start = this_run.identity(os.getpid()).split()
    assert this_run.is_dead(f"{host} {boot} {pid} {int(start) + 1}")
    assert this_run.is_dead(f"{host} another-boot {pid} {start}")


@pytest.mark.parametrize("what", ["name", "installation", "numbers of processes"])
def test_nobody_is_taken_for_dead_by_another_machine(monkeypatch, tmp_path, what):
    machine, boot, pid, start = this_run.identity(os.getpid()).split()
    dead = f"{machine} {boot} {pid} {int(start) + 1}"
    assert this_run.is_dead(dead)
    if what == "name":
        monkeypatch.setattr(this_run.socket, "gethostname", lambda: "another")
    elif what == "installation":
        monkeypatch.setattr(this_run, "MACHINE_ID", tmp_path / "machine-id")
        (tmp_path / "machine-id").write_text("another\n")
    else:
        monkeypatch.setattr(this_run.os, "readlink", lambda path: "pid:[1]")
    assert not this_run.is_dead(dead)


def test_without_a_number_of_its_own_a_machine_knows_runs_of_this_boot_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(this_run, "MACHINE_ID", tmp_path / "none")
    machine, boot, pid, start = this_run.identity(os.getpid()).split()
    assert this_run.is_dead(f"{machine} {boot} {pid} {int(start) + 1}")
    assert not this_run.is_dead(f"{machine} another-boot {pid} {start}")


@pytest.mark.parametrize("run", ["elsewhere boot 1 2", "unknown", ""])
def test_of_other_machines_nothing_is_known(run):
    assert not this_run.is_dead(run)


def test_what_the_database_lacks_is_read_from_the_plan():
    assert unapplied_migrations(PLAN) == ["shop.0002_price", "auth.0013_squashed_x"]


def found(sql, harmless=""):
    return breaking_migrations([{"item": "shop.0002_x", "stdout": f"BEGIN;\n--\n-- x\n--\n{sql}\nCOMMIT;"}], harmless)


def test_what_an_unfinished_deploy_noted_still_counts_unless_it_is_looked_at_anew():
    noted = ["shop.0001_y: DROPPING table (y)", "shop.0002_x: DROPPING table (x)", "shop.0003_z: DROPPING table (z)"]
    unapplied = [{"item": "shop.0002_x", "stdout": 'DROP TABLE "item" CASCADE;'}]
    assert breaking_migrations(unapplied, "shop.0003_z", noted) == ["shop.0002_x: DROPPING table (item)", noted[0]]
    assert breaking_migrations([], "", noted) == noted


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        ('ALTER TABLE "item" DROP COLUMN "price" CASCADE;', "DROPPING columns (item.price)"),
        ('DROP TABLE "item" CASCADE;', "DROPPING table (item)"),
        ('ALTER TABLE "item" RENAME COLUMN "price" TO "cost";', "RENAMING columns (item.price)"),
        (
            'ALTER TABLE "item" ADD COLUMN "n" integer DEFAULT 5 NOT NULL;\n'
            'ALTER TABLE "item" ALTER COLUMN "n" DROP DEFAULT;',
            "NOT NULL constraint on columns",
        ),
    ],
)
def test_what_the_release_before_can_t_live_with_is_found(sql, finding):
    assert found(sql) == [f"shop.0002_x: {finding}"]


@pytest.mark.parametrize(
    "sql",
    [
        'CREATE TABLE "item" ("id" bigint NOT NULL PRIMARY KEY);',
        'ALTER TABLE "item" ADD COLUMN "note" varchar(9) NULL;',
        'ALTER TABLE "item" ADD COLUMN "n" integer DEFAULT 5 NOT NULL;',
        'CREATE INDEX CONCURRENTLY "i" ON "item" ("note");',
        "-- THIS OPERATION CANNOT BE WRITTEN AS SQL",
    ],
)
def test_what_it_can_live_with_is_let_through(sql):
    assert found(sql) == []


def test_somebody_who_has_looked_may_say_so():
    sql = 'ALTER TABLE "item" ALTER COLUMN "name" TYPE varchar(90);'
    assert found(sql) == ["shop.0002_x: ALTERING columns (item.name)"]
    assert found(sql, harmless="shop.0001_a, shop.0002_x") == []


def test_a_failure_is_told_by_its_last_line_and_what_came_before():
    failed = {
        "failed": True,
        "rc": 1,
        "cmd": ["shop-manage", "check"],
        "stderr": "Traceback\nKeyError: 'x'\n",
        "msg": "x",
    }
    reason = "KeyError: 'x' (shop-manage check)\nTraceback\nKeyError: 'x'"
    assert failure_reason(failed) == reason
    assert failure_reason({"results": [{"rc": 0, "stderr": "fine"}, failed], "msg": "One failed"}) == reason
    assert failure_reason({"failed": True, "msg": " There is no room. "}) == "There is no room."


def test_a_database_error_is_told_without_the_row_that_it_is_about():
    stderr = (
        'psycopg.errors.UniqueViolation: could not create unique index "unique_email"\n'
        "DETAIL:  Key (lower(email))=(ada@example.com) is duplicated.\n"
        "\nThe above exception was the direct cause of the following exception:\n\nTraceback\n"
        'django.db.utils.IntegrityError: could not create unique index "unique_email"\n'
        "DETAIL:  Key (notes)=(several\nlines) is duplicated.\nCONTEXT:  parallel worker\n"
    )
    reason = failure_reason({"rc": 1, "cmd": "shop-manage migrate", "stderr": stderr})
    first = 'django.db.utils.IntegrityError: could not create unique index "unique_email" (shop-manage migrate)'
    assert reason.splitlines()[0] == first


def test_what_a_failure_quotes_is_not_kept():
    said = 'DataError: invalid input syntax for type integer: "Ada\'s" (shop-manage migrate)'
    assert without_quotations(said) == "DataError: invalid input syntax for type integer: '…' (shop-manage migrate)"


@pytest.mark.parametrize("path", VERBS, ids=lambda path: path.stem)
def test_a_verb_says_how_to_undo_it_and_checks_what_was_typed_first(path):
    assert "Undo:" in path.read_text().partition("\n\n- name:")[0]
    assert yaml.safe_load(path.read_text())[0]["name"] == "Preflight"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--limit", "app"], "--limit leaves out all load balancers"),
        (["--limit", "all:!app2", "-e", "allow_breaking=true"], "leave out --limit, or app2 would go on"),
        (["--limit", "all:!lb1", "-e", "allow_breaking=true"], "leave out --limit, or lb1 would go on"),
    ],
)
def test_a_deploy_that_would_leave_out_who_must_not_be_is_refused(options, words, tmp_path):
    make_inventory(tmp_path)
    playbook = PROJECT / "ansible" / "playbooks" / "deploy.yml"
    python = ["-e", "ansible_connection=local", "-e", f"ansible_python_interpreter={sys.executable}"]
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path, playbook, *python, *options]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert run.returncode == 2
    assert words in " ".join(run.stdout.split())
    assert "changed=1" not in run.stdout


AXES = """
BEGIN;
CREATE TABLE "axes_accessattempt" ("id" integer NOT NULL PRIMARY KEY, "trusted" boolean NOT NULL);
COMMIT;
"""


def test_tables_that_the_same_migrations_create_are_not_of_the_release_before():
    later = 'ALTER TABLE "axes_accessattempt" DROP COLUMN "trusted" CASCADE;'
    results = [{"item": "axes.0001", "stdout": AXES}, {"item": "axes.0005", "stdout": later}]
    assert breaking_migrations(results) == []
    assert breaking_migrations(results[1:]) == ["axes.0005: DROPPING columns (axes_accessattempt.trusted)"]
    assert breaking_migrations(list(reversed(results))) == breaking_migrations(results[1:])
