"""python -m probe: asks a front door for as long as is wanted, prints one line and keeps it in reports/."""

import argparse
import asyncio
import contextlib
import signal
import ssl
import sys
from pathlib import Path

from probe import Bound, Probe, Settings, Target, record
from probe.report import ROOT
from probe.run import Cleaner


def lab_url(state):
    """Where a lab of this machine is published."""
    variables = dict(line.split("=", 1) for line in (state / "lab.env").read_text().splitlines())
    return f"https://localhost:{variables['LAB_HTTPS_PORT']}"


def arguments():
    """What is typed."""
    parser = argparse.ArgumentParser(prog="probe", description=__doc__)
    parser.add_argument("--lab", default="dev", help="the lab that the next three are those of, unless given")
    parser.add_argument("--url", help="the front door")
    parser.add_argument("--ca", type=Path, help="a file with the authority of its certificate")
    parser.add_argument("--authorization", type=Path, help="a file with the header `Authorization: Token ...`")
    parser.add_argument("--case", default="probe", help="what is being tried, for the report")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--requests", type=int, default=Settings.requests)
    parser.add_argument("--reads", type=float, default=Settings.reads_per_second, help="per second")
    parser.add_argument("--writes", type=float, default=Settings.writes_per_second, help="per second")
    parser.add_argument("--timeout", type=float, default=Settings.timeout, help="seconds that a request may take")
    parser.add_argument("--max-failed", type=int, default=0, help="more of them break the bound")
    parser.add_argument("--max-gap", type=float, help="seconds without a success that break the bound")
    parser.add_argument("--clean", action="store_true", help="only delete the rows that a killed probe left")
    return parser.parse_args()


def main():
    """The exit code says whether the bound held."""
    options = arguments()
    state = ROOT / ".lab" / options.lab
    name, _, value = (options.authorization or state / "authorization").read_text().strip().partition(": ")
    target = Target(
        url=options.url or lab_url(state),
        trust=ssl.create_default_context(cafile=options.ca or state / "ca.crt"),
        headers={name: value},
    )
    if options.clean:
        print(f"{asyncio.run(Cleaner(target).clean())} rows deleted")
        return 0
    settings = Settings(
        reads_per_second=options.reads,
        writes_per_second=options.writes,
        timeout=options.timeout,
        seconds=options.seconds,
        requests=options.requests,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Probe(target, settings) as probe, contextlib.suppress(KeyboardInterrupt):
        probe.wait()
    held = record(options.case, [probe.report], Bound(failed=options.max_failed, gap_s=options.max_gap))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
