"""python -m load.capacity: how many hosts serve so many users, from what a request was measured to cost."""

import argparse
import json
import math
import sys
from contextlib import suppress
from dataclasses import dataclass

from load.report import DOCS
from load.store import REPORTS

# Who pays for a request, and the figure of a round that says how much: milliseconds of processor.
COSTS = {
    "loadbalancer": "front_cpu_ms",
    "app": "app_cpu_ms",
    "primary": "primary_cpu_ms",
    "replicas": "replica_cpu_ms",
    "redis": "redis_cpu_ms",
}
CLIENT = "client_cpu_ms"
# What can't be had twice: a primary, and a Redis, whose commands all run in one thread.
ONE_HOST, ONE_THREAD = "primary", "redis"
TITLES = {ONE_HOST: "primary", ONE_THREAD: "Redis"}
FEWEST = {"loadbalancer": 2, "app": 2, "primary": 1, "replicas": 2}
SPARE = {"loadbalancer": 1, "app": 1, "replicas": 1}  # hosts that may be away at the busiest moment


@dataclass(frozen=True)
class Cost:
    """Of a request of the mix, by tier (ms of processor), and where it was measured."""

    by_tier: dict
    client: float
    users: int  # who asked then
    rps: float  # what was answered then
    cores: int  # that all of them, and the client, shared

    @property
    def predicted_rps(self):
        """What the same machine would answer if nothing but these used its processors."""
        return self.cores * 1000 / (sum(self.by_tier.values()) + self.client)


@dataclass(frozen=True)
class Habits:
    """What is asked of the hosts."""

    users: int
    pause: float = 10.0  # seconds between two requests of a user
    cores: int = 4  # of a host
    busy: float = 0.6  # part of the processors that may be in use at the busiest moment

    @property
    def rps(self):
        """Requests per second."""
        return self.users / self.pause


def measured(report, size=10_000):
    """What a request of the mix costs where most users were answered without an error. With few of them it costs less,
    as it is seldom asked whose a token is.

    report:  reports/bench.json, decoded
    size:    rows of the table
    returns: a Cost
    raises:  LookupError, where the phase `users` was not measured, or without Redis, or nothing was answered well
    """
    levels = [level for level in report["found"]["users"][str(size)]["levels"]["ours"] if not level["failed"]]
    if not levels:
        raise LookupError
    most = max(levels, key=lambda level: level["users"])
    return Cost(
        by_tier={tier: most[figure] for tier, figure in COSTS.items()},
        client=most[CLIENT],
        users=most["users"],
        rps=most["rps"],
        cores=report["machine"]["cores"],
    )


def hosts(cost, habits):
    """{tier: hosts}, with those that may be away."""
    each = habits.cores * 1000 * habits.busy  # ms of processor that a host gives in a second
    return {
        tier: max(fewest, math.ceil(habits.rps * cost.by_tier[tier] / each) + SPARE.get(tier, 0))
        for tier, fewest in FEWEST.items()
    }


def most_users(cost, habits):
    """{tier: the users that it bears}, of those that can't be had twice."""
    cores = {ONE_HOST: habits.cores, ONE_THREAD: 1}
    return {
        tier: math.floor(count * 1000 * habits.busy / cost.by_tier[tier] * habits.pause)
        for tier, count in cores.items()
    }


def saturates_first(cost):
    """The tier of hosts that costs most, of which more are needed first."""
    return max(FEWEST, key=cost.by_tier.get)


def told(cost, habits):
    """Lines for people."""
    yield f"{habits.users:,} users, each with a request every {habits.pause:g} s: {habits.rps:,.0f} requests/s"
    yield f"Hosts of {habits.cores} cores, busy by {habits.busy:.0%} at most:"
    for tier, count in hosts(cost, habits).items():
        yield f"  {tier:<12} {count:>6}   {cost.by_tier[tier]:.2f} ms of processor per request"
    yield f"First to be saturated: {saturates_first(cost)}."
    for tier, limit in most_users(cost, habits).items():
        beyond = ", and there can't be two: see docs/capacity.md for what to do past it" if habits.users > limit else ""
        yield f"One {TITLES[tier]} bears {limit:,} users ({cost.by_tier[tier]:.2f} ms per request){beyond}."
    yield (
        f"The same model for the machine that it was measured on, {cost.cores} cores for all hosts and the client, "
        f"with {cost.users:,} users who never pause: {cost.predicted_rps:,.0f} requests/s. "
        f"Measured: {cost.rps:,.0f} ({cost.rps / cost.predicted_rps:.0%})."
    )


def latest(paths=(REPORTS / "bench.json", DOCS / "bench.json")):
    """What a request was measured to cost here, or else what was kept; raises LookupError where neither says it."""
    for path in paths:
        with suppress(FileNotFoundError, LookupError):
            return measured(json.loads(path.read_text()))
    raise LookupError


def main():
    """Say it."""
    parser = argparse.ArgumentParser(prog="load.capacity", description=__doc__)
    parser.add_argument("users", type=int, help="how many there are")
    parser.add_argument("--pause", type=float, default=Habits.pause, help="seconds between two requests of a user")
    parser.add_argument("--cores", type=int, default=Habits.cores, help="of a host")
    parser.add_argument("--busy", type=float, default=Habits.busy, help="part of them that may be in use")
    typed = parser.parse_args()
    if typed.users < 1 or typed.pause <= 0 or typed.cores < 1 or not 0 < typed.busy <= 1:
        parser.error("users, --pause and --cores must be more than 0, and --busy at most 1")
    try:
        cost = latest()
    except LookupError:
        parser.error("what a request costs was not measured, or not that of Redis: make bench ARGS='--phases users'")
    print(*told(cost, Habits(**vars(typed))), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
