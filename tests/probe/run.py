"""The probe itself: workers that read and write at a steady pace, in a thread of their own."""

import asyncio
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from probe.client import Client
from probe.report import MISSED, STALE, Lane, Report
from probe.rows import OURS, PATH, Rows


@dataclass(frozen=True)
class Target:
    """A front door, and who comes to it."""

    url: str
    trust: ssl.SSLContext
    headers: dict = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """How much is asked. A worker has one request under way, so that an outage is not followed by a flood."""

    reads_per_second: float = 90
    writes_per_second: float = 30
    readers: int = 12
    writers: int = 8
    fresh: int = 4  # of the workers of each kind, one in so many makes a new connection for each request
    timeout: float = 40  # longer than the stack holds a request back while nobody is primary
    seconds: float = 3600
    requests: int = 200_000


class Probe:
    """`with Probe(target) as probe:` runs until the block ends; then probe.report is true.

    Leaving the block reads every acknowledged row back, compares it with what was written, and deletes it. Where the
    settings' bounds have ended the load before that, it raises RuntimeError: what came last had no witness.
    """

    def __init__(self, target, settings=None):
        self.target = target
        self.settings = settings or Settings()
        self.rows = Rows()
        self.reasons = Counter()
        self.idle_resets = 0
        self.changed = 0
        self.writes = 0
        self.report = None
        self._stop = threading.Event()
        self._error = None
        self._thread = threading.Thread(target=self._run, name="probe")

    def __enter__(self):
        self.started = time.monotonic()
        self.ends = self.started + self.settings.seconds
        self.lanes = {"read": Lane(self.started), "write": Lane(self.started)}
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        early = not self._stop.is_set() and not self.running
        self._stop.set()
        self._thread.join()
        if self._error and kind is None:
            raise self._error
        if early and kind is None:
            raise RuntimeError(f"the load ended early, after {self.report}: give it more seconds or requests")

    def stop(self):
        """End it, as leaving the block does."""
        self.__exit__(None)

    @property
    def asked(self):
        """Requests that have been answered, or not."""
        return sum(lane.ok + lane.failed for lane in self.lanes.values())

    @property
    def running(self):
        """Whether neither its user nor its bounds have stopped it."""
        over = self._stop.is_set() or self.asked >= self.settings.requests
        self.ends = min(self.ends, time.monotonic()) if over else self.ends
        return time.monotonic() < self.ends

    def wait(self):
        """Return when its bounds are reached and its rows are gone."""
        try:
            self._thread.join()
        finally:
            self._stop.set()

    def answered(self, seconds):
        """Whether reads and writes have both succeeded after this moment, within so many seconds."""
        since = time.monotonic()
        while time.monotonic() < since + seconds and self._thread.is_alive():
            if all(lane.last_success > since for lane in self.lanes.values()):
                return True
            time.sleep(0.1)
        return False

    def pace(self, kind):
        """Seconds between two requests of one worker."""
        settings = self.settings
        if kind == "read":
            return settings.readers / settings.reads_per_second
        return settings.writers / settings.writes_per_second

    def _run(self):
        try:
            asyncio.run(self._all())
        except Exception as error:
            self._error = error

    async def _all(self):
        workers = [("read", number) for number in range(self.settings.readers)]
        workers += [("write", number) for number in range(self.settings.writers)]
        await asyncio.gather(*(self._worker(kind, number) for kind, number in workers))
        for lane in self.lanes.values():
            lane.stop(self.ends)
        self.report = Report(
            seconds=self.ends - self.started,
            requests=self.asked,
            failed=sum(lane.failed for lane in self.lanes.values()),
            idle_resets=self.idle_resets,
            longest_read_gap_s=self.lanes["read"].longest_gap,
            longest_write_gap_s=self.lanes["write"].longest_gap,
            acknowledged=len(self.rows.acknowledged) + self.changed,
            changed=self.changed,
            reasons=self.reasons,
        )
        self.report.lost = await Cleaner(self.target).settle(self.rows)

    async def _worker(self, kind, number):
        """One visitor. What is too late for its turn is left out rather than made up for."""
        act = self._read if kind == "read" else self._write
        pace = self.pace(kind)
        turn = self.started + pace * number / (self.settings.readers if kind == "read" else self.settings.writers)
        keep_alive = number % self.settings.fresh != 0
        async with Client(self.target, keep_alive=keep_alive, timeout=self.settings.timeout) as client:
            while self.running:
                await asyncio.sleep(turn - time.monotonic())
                turn = max(turn + pace, time.monotonic())
                answer, fault = await act(client)
                if fault:
                    self.lanes[kind].failure()
                    self.reasons[f"{kind}: {fault}"] += 1
                else:
                    # An answer after the end ends no gap: nobody asked any more.
                    self.lanes[kind].success(min(time.monotonic(), self.ends))
                    self.idle_resets += answer.idle_reset

    async def _read(self, client):
        """A page of customers or, every other time, a row of our own; the answer, and what is wrong with it."""
        number, row = self.rows.recent() if self.asked % 2 else (None, None)
        answer = await client.ask("GET", f"{PATH}{number}/" if row else f"{PATH}?page_size=5")
        if answer.status != 200:
            return answer, MISSED if row and answer.status == 404 else answer.reason
        if row and row.is_older_in(answer.body):
            return answer, STALE
        # Another visitor may have changed it since.
        expected = [row, self.rows.acknowledged[number], self.rows.changing.get(number)] if row else []
        as_expected = (
            any(each.is_in(answer.body) for each in expected if each) if row else "results" in (answer.body or {})
        )
        return answer, "" if as_expected else "another content"

    async def _write(self, client):
        """A new row or, every other time, a change of one; the answer, and what is wrong with it."""
        number, row = self.rows.to_change() if self.writes % 2 else (None, None)
        self.writes += 1
        return await (self._change(client, number, row) if row else self._create(client))

    async def _change(self, client, number, row):
        """A row with other content, read back over another connection; the answer, and what is wrong with it."""
        new = self.rows.changing[number] = row.changed()
        answer = await client.ask("PATCH", f"{PATH}{number}/", {"notes": new.notes})
        if answer.status != 200:
            # It may have been done all the same: the row stays out of what is changed and compared exactly.
            return answer, answer.reason
        if not new.is_in(answer.body):
            return answer, "another content"
        self.rows.acknowledge(number, new)
        self.changed += 1
        return await self._read_back(number, new, answer)

    async def _read_back(self, number, new, changed):
        """The answer to a change, and whether a connection of its own still finds what was there before."""
        async with Client(self.target, keep_alive=False, timeout=self.settings.timeout) as client:
            answer = await client.ask("GET", f"{PATH}{number}/")
        del self.rows.changing[number]
        return changed, STALE if answer.status == 200 and new.is_older_in(answer.body) else ""

    async def _create(self, client):
        """A new row; the answer, and what is wrong with it."""
        row = self.rows.new()
        answer = await client.ask("POST", PATH, row.body)
        if answer.status != 201:
            return answer, answer.reason
        if not row.is_in(answer.body):
            return answer, "another content"
        self.rows.acknowledge(answer.body["id"], row)
        return answer, ""


class Cleaner:
    """Looks after the rows when nobody measures any more: it may try again, for so many seconds altogether."""

    SECONDS = 180
    TRIES = 20
    CONNECTIONS = 6

    def __init__(self, target):
        self.target = target
        self.deadline = time.monotonic() + self.SECONDS

    def _client(self):
        return Client(self.target, timeout=10, connections=self.CONNECTIONS)

    async def settle(self, rows):
        """Compare every acknowledged row with what was written, delete all of the run; returns how many are lost."""
        async with self._client() as client:
            turns = asyncio.Semaphore(self.CONNECTIONS)
            there = await asyncio.gather(
                *(self._there(client, turns, rows.changing, *each) for each in rows.acknowledged.items())
            )
            await self._delete(client, turns, rows.acknowledged)
        await self.clean(f"probe-{rows.run}-")
        return there.count(False)

    async def clean(self, prefix="probe-"):
        """Delete what no answer told the number of, found by its address; returns how many there were."""
        found = set()
        async with self._client() as client:
            while time.monotonic() < self.deadline:
                answer = await client.ask("GET", f"{PATH}?page_size=200&search={prefix}")
                rows = (answer.body or {}).get("results", []) if answer.status == 200 else None
                page = {row["id"] for row in rows or [] if row["email"].startswith(prefix) and OURS.match(row["email"])}
                if rows is not None and not page:
                    break
                found |= page
                await self._delete(client, asyncio.Semaphore(self.CONNECTIONS), page)
        return len(found)

    async def _delete(self, client, turns, numbers):
        await asyncio.gather(*(self._ask(client, turns, "DELETE", number, {204, 404}) for number in numbers))

    async def _there(self, client, turns, changing, number, row):
        answer = await self._ask(client, turns, "GET", number, {200})
        expected = [row, changing.get(number)]  # a change without an answer may have been done
        return answer.status == 200 and any(each.is_in(answer.body) for each in expected if each)

    async def _ask(self, client, turns, method, number, wanted):
        """The first answer that is wanted, or the last one."""
        async with turns:
            for _ in range(self.TRIES):
                answer = await client.ask(method, f"{PATH}{number}/")
                if answer.status in wanted or time.monotonic() > self.deadline:
                    break
                await asyncio.sleep(0.5)
        return answer
