"""python -m load: measures phase by phase, and writes the report of all that is known."""

import argparse
import datetime
import importlib
import os
import secrets
import signal
import sys
import time
from dataclasses import asdict

from probe.report import commit
from tqdm import tqdm

from load import report, rows
from load.bench import Bench, Options
from load.lab import Lab
from load.store import REPORTS, Store

SMALL, LARGE = 10_000, 1_000_000
PHASES = ("sql", "http", "users", "ablation", "logins", "peer", "ceiling", "micro")
# At the larger sizes: what depends on how many rows there are.
BY_SIZE = ("sql", "http", "users")


def arguments():
    """What is typed."""
    parser = argparse.ArgumentParser(prog="load", description=__doc__)
    parser.add_argument("--phases", default=",".join(PHASES), help="some of %(default)s")
    parser.add_argument("--rows", type=int, default=int(os.environ.get("BENCH_ROWS") or LARGE), help="the largest size")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--seconds", type=float, default=Options.seconds, help="of a round")
    parser.add_argument("--seed", help="draws the same rows and terms again")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run found")
    parser.add_argument("--short", action="store_true", help="that it works: seconds, without hosts, nothing concluded")
    parser.add_argument("--as-is", action="store_true", help="take the hosts as they are, without site.yml")
    parser.add_argument("--report", action="store_true", help="only write the report of what is known")
    parser.add_argument("--keep", action="store_true", help="write the report into docs/ too")
    options = parser.parse_args()
    unknown = set(options.phases.split(",")) - set(PHASES)
    if unknown:
        parser.error(f"there is no phase {', '.join(sorted(unknown))}, only {', '.join(PHASES)}")
    return options


def sizes(largest):
    """10,000, and more up to the largest."""
    return [size for size in (SMALL, LARGE) if size < largest] + [largest]


def plan(phases, largest):
    """(size, phase), size by size: rows only ever become more."""
    return [
        (size, phase)
        for position, size in enumerate(sizes(largest))
        for phase in PHASES
        if phase in phases and (position == 0 or phase in BY_SIZE)
    ]


class Progress:
    """A bar on a terminal, lines elsewhere."""

    def __init__(self, total):
        self.bar = tqdm(total=total, disable=not sys.stderr.isatty(), bar_format="{n}/{total} {elapsed} {desc}")
        self.started = time.monotonic()
        self.label = ""

    def __call__(self, text):
        """What is being done."""
        if self.bar.disable:
            elapsed = datetime.timedelta(seconds=round(time.monotonic() - self.started))
            print(f"{elapsed} {self.label}: {text}", file=sys.stderr, flush=True)
        else:
            self.bar.set_description_str(f"{self.label}: {text}")


def measure(stand, store, wanted, options, seed, *, as_is):
    """Whatever of the plan is not known yet."""
    due = [(size, phase) for size, phase in wanted if store.load(phase, size) is None]
    if not due:
        return
    progress = Progress(len(due))
    progress.label = "hosts"
    if not as_is:
        progress("making what is missing of them")
        stand.deploy()
    stand.prepare()
    tokens, ready = rows.tokens(stand), None
    for size, phase in due:
        progress.label = f"{phase} at {size:,} rows"
        if size != ready:
            progress("rows")
            rows.ensure(stand, size)
            drawn, terms = rows.drawn(stand, f"{seed} {size}")
            ready = size
        bench = Bench(stand, options, size, f"{seed}-{phase}-{size}", tokens, drawn, terms, progress)
        started = time.monotonic()
        found = importlib.import_module(f"load.phases.{phase}").run(bench)
        store.save(
            phase,
            size,
            found,
            seed=seed,
            seconds=round(time.monotonic() - started),
            date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            load_average=os.getloadavg(),
        )
        progress.bar.update()


def main():
    """The exit code says whether it could be measured, not what came of it."""
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.short:
        from load import short

        return short.main()
    measured = Options(rounds=options.rounds, seconds=options.seconds)
    header = {"commit": commit(), "options": asdict(measured)}
    store = Store(REPORTS / "bench", header)
    if options.fresh:
        store.clear()
    wanted = [] if options.report else plan(options.phases.split(","), options.rows)
    known = [*((phase, size) for size, phase in wanted), *store.known()]
    if options.keep and (lost := report.lost(known)):
        missing = ", ".join(f"{phase} at {size:,} rows" for phase, size in lost)
        phases, largest = ",".join(sorted({phase for phase, _ in lost})), max(size for _, size in lost)
        sys.exit(
            f"docs/ would lose what was not measured at this commit ({missing}): type make bench "
            f"ARGS='--phases {phases} --rows {largest}' first, or remove docs/bench.json"
        )
    if wanted:
        seed = options.seed or secrets.token_hex(4)
        measure(Lab(), store, wanted, measured, seed, as_is=options.as_is)
    return report.publish(store, where=Lab.where, keep=options.keep)


if __name__ == "__main__":
    sys.exit(main())
