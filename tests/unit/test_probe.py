"""The probe, against a front door that fails on purpose."""

import asyncio
import json
import ssl
import subprocess
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from probe import Bound, Probe, Report, Settings, Target, record
from probe.client import Client
from probe.report import Lane, commit
from probe.rows import OURS, Row, Rows
from probe.run import Cleaner

QUICK = Settings(reads_per_second=100, writes_per_second=50, readers=4, writers=2, timeout=5, requests=60)


class Door(ThreadingHTTPServer):
    """Customers in a dictionary; `spoil` decides, by method and customer, what goes wrong."""

    daemon_threads = True

    def __init__(self, spoil=lambda method, row: None, *, forgets=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.spoil = spoil
        self.forgets = forgets  # what changes
        self.rows = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def target(self):
        url = f"http://127.0.0.1:{self.server_port}"
        return Target(url=url, trust=ssl.create_default_context(), headers={"Authorization": "Token t"})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None):
        content = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle_any(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        door, part = self.server, self.path.split("?")[0].strip("/").split("/")[-1]
        number = int(part) if part.isdigit() else None
        fault = door.spoil(self.command, body or door.rows.get(number))
        if fault == "close":
            self.close_connection = True
        elif fault:
            self.answer(fault)
        elif self.command == "POST":
            with door.lock:
                number = len(door.rows) + 1
                door.rows[number] = body | {"id": number}
            self.answer(201, door.rows[number])
        elif number is None:
            self.answer(200, {"results": [row for row in door.rows.values() if row]})
        elif not door.rows.get(number):
            self.answer(404)
        elif self.command == "DELETE":
            door.rows[number] = None
            self.answer(204)
        elif self.command == "PATCH":
            before = door.rows[number]
            door.rows[number] = before | body
            self.answer(200, door.rows[number])
            if door.forgets:
                door.rows[number] = before
        else:
            self.answer(200, door.rows[number])

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815


@pytest.fixture
def door():
    """Makes doors, and closes them."""
    made = []

    def make(**options):
        made.append(Door(**options))
        return made[-1]

    yield make
    for each in made:
        each.shutdown()
        each.server_close()


def run(target):
    with Probe(target, QUICK) as probe:
        probe.wait()
    return probe.report


def test_a_load_that_ends_before_what_it_was_to_witness_fails(door):
    with pytest.raises(RuntimeError, match="the load ended early"), Probe(door().target, QUICK) as probe:
        probe._thread.join()
    with pytest.raises(KeyError), Probe(door().target, QUICK) as probe:
        probe._thread.join()
        raise KeyError


# --- gaps, bounds, the file ---


def test_a_gap_lasts_from_one_success_to_the_next_and_counts_both_ends():
    lane = Lane(started=10)
    assert lane.longest_gap == 0
    lane.success(12)
    lane.failure()
    lane.success(13)
    assert (lane.ok, lane.failed, lane.longest_gap) == (2, 1, 2)
    lane.stop(18)
    assert lane.longest_gap == 5


def test_reports_add_up_and_keep_the_longest_gaps():
    first = Report(requests=100, failed=1, longest_read_gap_s=1, longest_write_gap_s=4, acknowledged=9)
    second = Report(requests=50, idle_resets=2, longest_read_gap_s=3, acknowledged=1, lost=1)
    total = first + second
    assert (total.requests, total.failed, total.idle_resets, total.acknowledged, total.lost) == (150, 1, 2, 10, 1)
    assert (total.longest_read_gap_s, total.longest_write_gap_s, total.longest_gap_s) == (3, 4, 4)


@pytest.mark.parametrize(
    ("bound", "report", "held"),
    [
        (Bound(), {}, True),
        (Bound(), {"failed": 1}, False),
        (Bound(failed=1), {"failed": 1}, True),
        (Bound(failed=None), {"failed": 99}, True),
        (Bound(failed=None), {"lost": 1}, False),
        (Bound(failed=None), {"failed": 1, "reasons": Counter({"read: own write not found": 1})}, False),
        (Bound(failed=None), {"failed": 1, "reasons": Counter({"read: old content": 1})}, False),
        (Bound(failed=None), {"failed": 1, "reasons": Counter({"write: old content": 1})}, False),
        (Bound(), {"acknowledged": 0}, False),
        (Bound(), {"requests": 0}, False),
        (Bound(gap_s=3), {"longest_read_gap_s": 3.0}, True),
        (Bound(gap_s=3), {"longest_write_gap_s": 3.1}, False),
        (Bound(), {"longest_write_gap_s": 99.0, "idle_resets": 9}, True),
    ],
)
def test_a_bound_holds_or_not(bound, report, held):
    assert bound.held(Report(**{"requests": 100, "acknowledged": 10} | report)) is held


def test_measurements_are_appended_and_said_in_one_line(tmp_path, capsys):
    path = tmp_path / "reports" / "reliability.json"
    good = Report(requests=100, acknowledged=10, longest_write_gap_s=1.239)
    assert record("a good day", [good, good], Bound(gap_s=3), path)
    assert not record("a bad one", [Report(requests=100, acknowledged=10, failed=2)], Bound(), path)
    entries = json.loads(path.read_text())
    assert [entry["case"] for entry in entries] == ["a good day", "a bad one"]
    assert set(entries[0]) >= {"case", "runs", "requests", "failed", "idle_resets", "longest_gap_s", "acknowledged"}
    assert set(entries[0]) >= {"lost", "bound", "held", "commit", "date"}
    assert (entries[0]["runs"], entries[0]["requests"], entries[0]["longest_gap_s"]) == (2, 200, 1.24)
    assert [entry["held"] for entry in entries] == [True, False]
    assert entries[0]["bound"] == "failed <= 0, longest_gap_s <= 3, lost = stale = 0"
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_texts_are_no_part_of_what_was_measured(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
        return subprocess.check_output(["git", *identity, *arguments], cwd=tmp_path, text=True).strip()

    def write(path, text):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)

    def commits(path, text):
        write(path, text)
        git("add", ".")
        git("commit", "--quiet", "--message", "x")
        return git("rev-parse", "--short", "HEAD")

    assert commit(tmp_path) == "unknown"
    git("init", "--quiet")
    code = commits("app/code.py", "1")
    for text in ("docs/bench.json", "docs/bench.md", "README.md"):
        commits(text, "1")
        write(text, "2")
        assert commit(tmp_path) == code
    write("app/code.py", "2")
    assert commit(tmp_path) == f"{code}+"
    code = commits("app/code.py", "3")
    assert commit(tmp_path) == code


def test_rows_are_told_from_everybody_else_s():
    row = Rows().new()
    assert OURS.match(row.email)
    assert not OURS.match("probe-wagner@probe.example")
    assert row.is_in(row.body | {"id": 1})
    assert not row.is_in(row.body | {"notes": "other"})
    assert not row.is_in(None)


# --- what it notices ---


def test_all_is_well(door):
    here = door()
    report = run(here.target)
    assert (report.failed, report.lost, report.idle_resets) == (0, 0, 0)
    assert report.requests >= QUICK.requests
    assert 0 < report.acknowledged < report.requests
    assert 0 < report.changed < report.acknowledged
    assert report.stale == 0
    assert not any(here.rows.values()), "it leaves no row"


def test_an_old_content_after_an_acknowledged_change_is_stale(door, monkeypatch):
    monkeypatch.setattr(Cleaner, "TRIES", 1)
    report = run(door(forgets=True).target)
    assert report.stale > 0
    assert not Bound(failed=None).held(report)


def test_a_change_whose_answer_never_came_makes_nothing_stale_or_lost(door):
    report = run(door(spoil=lambda method, _: 503 if method == "PATCH" else None).target)
    assert (report.stale, report.lost, report.changed) == (0, 0, 0)
    assert report.failed == report.reasons["write: status 503"] > 0


def test_failures_are_counted_by_reason(door):
    here = door(spoil=lambda method, _: 503 if method == "POST" else None)
    report = run(here.target)
    assert report.failed == report.reasons["write: status 503"] > 0
    assert report.acknowledged == 0


def test_an_acknowledged_row_that_is_gone_or_different_is_lost(door, monkeypatch):
    monkeypatch.setattr(Cleaner, "TRIES", 1)

    def spoil(method, row):
        if method == "GET" and row and row["email"].endswith("-1@probe.example"):
            return 404
        if method == "GET" and row and row["email"].endswith("-2@probe.example"):
            row["notes"] = "something else"
        return None

    report = run(door(spoil=spoil).target)
    assert report.lost == 2


def test_a_row_whose_answer_never_came_is_deleted(door):
    here = door()
    here.rows[1] = Row(email="probe-0123abcd-7@probe.example", notes="n").body | {"id": 1}
    here.rows[2] = {"id": 2, "email": "probe@elsewhere.example"}
    assert asyncio.run(Cleaner(here.target).clean()) == 1
    assert here.rows[1] is None
    assert here.rows[2]


# --- connections that close ---


def ask_twice(target, **options):
    async def both():
        async with Client(target, timeout=5, **options) as client:
            return [await client.ask("GET", "/api/customers/") for _ in range(2)]

    return asyncio.run(both())


def closing(turns):
    """Closes the connection instead of answering at these turns."""
    count = iter(range(99))
    return lambda *_: "close" if next(count) in turns else None


def test_a_connection_that_was_closed_while_idle_gets_a_second_try(door):
    first, second = ask_twice(door(spoil=closing({1})).target)
    assert (first.status, first.idle_reset) == (200, False)
    assert (second.status, second.idle_reset) == (200, True)


def test_one_second_try_and_no_more(door):
    _, second = ask_twice(door(spoil=closing({1, 2})).target)
    assert (second.status, second.idle_reset) == (0, False)
    assert "RemoteProtocolError" in second.reason


def test_a_new_connection_gets_no_second_try(door):
    first, second = ask_twice(door(spoil=closing({0})).target)
    assert first.status == 0
    assert second.status == 200
    _, second = ask_twice(door(spoil=closing({1})).target, keep_alive=False)
    assert second.status == 0


def test_errors_get_no_second_try(door):
    count = iter([None, 502, None])
    first, second = ask_twice(door(spoil=lambda *_: next(count)).target)
    assert (first.status, second.status) == (200, 502)
