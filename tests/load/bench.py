"""What phases share: who asks, what is asked, and one round of it with all that is recorded."""

import threading
import time
from dataclasses import dataclass, field

from load import client, traffic
from load.figures import rounded
from load.lab import DATABASES

# Whose processes make what an answer costs: (host, OS user).
APP_SIDE = {"app1": ("pgbouncer", "postgres", "haproxy")}  # and the app's own
DATABASE_SIDE = ("db1", "db2")
FRONT, REDIS = "www-data", "redis"
WARM_UP_SECONDS = 30  # at most
FEW = 10  # what is asked again and again


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    seconds: float = 4  # of a round
    sweep_seconds: float = 6  # of a level of users
    warm_up: int = 400  # requests, so that each process has had many
    rounds: int = 3
    users: int = 10
    levels: tuple = (1, 10, 50, 100, 200, 500, 1000)
    terms: int = 15  # of each kind, in the phase `sql`


@dataclass
class Bench:
    """One run at one size."""

    stand: object
    options: Options
    size: int
    seed: int
    tokens: dict = field(repr=False)
    rows: list = field(repr=False)
    terms: dict = field(repr=False)
    step: object = print  # told what is being done

    def __post_init__(self):
        self.asked = 0
        self.primary = self.stand.primary

    def traffic(self, app, *, fresh=False, few=False, prefix=""):
        """Requests to an app: what nobody has asked before, or one of a few again and again, or whatever comes."""
        amount = FEW if few else None
        self.asked += 1
        target = self.stand.target(app)
        return traffic.Traffic(
            host=target.host,
            headers=target.headers,
            tokens=self.tokens[DATABASES[app]],
            rows=self.rows[:amount],
            terms=traffic.words(self.terms)[:amount],
            seed=f"{self.seed}-{self.asked}",
            fresh=fresh,
            prefix=prefix,
        )

    def round(self, app, kind, *, users=None, seconds=None, **what):
        """One round: latencies, and what it cost whom."""
        users, seconds = users or self.options.users, seconds or self.options.seconds
        scripts = self.traffic(app, **what).scripts(kind, users)
        target = self.stand.target(app)
        busiest = []
        watch = threading.Timer(seconds / 2, lambda: busiest.append(self.stand.backends(app)))
        before, statements = self.stand.counters(), self.stand.statements(app)
        watch.start()
        own = time.process_time()
        sample = client.run(target, scripts, seconds)
        own = time.process_time() - own
        watch.join()
        after = self.stand.counters()
        asked = max(1, sample.answered + sum(sample.errors.values()))
        backends, working = busiest[0] if busiest else (None, None)
        return sample.summary() | {
            "users": users,
            "queries": rounded((self.stand.statements(app) - statements) / asked),
            "app_cpu_ms": per_request(before, after, app_side(app), asked),
            "database_cpu_ms": per_request(before, after, database_side, asked),
            "primary_cpu_ms": per_request(before, after, database_side, asked, self.primary.__eq__),
            "replica_cpu_ms": per_request(before, after, database_side, asked, self.primary.__ne__),
            "client_cpu_ms": rounded(own * 1000 / asked),
            "front_cpu_ms": per_request(before, after, lambda host, user: user == FRONT, asked),
            "redis_cpu_ms": per_request(before, after, lambda host, user: user == REDIS, asked),
            "backends": backends,
            "backends_working": working,
        }

    def warm_up(self, app):
        """So that no round pays for what only the first requests pay for. An app that still fails is not measured."""
        answered, give_up = 0, time.monotonic() + WARM_UP_SECONDS
        while answered < self.options.warm_up and time.monotonic() < give_up:
            scripts = self.traffic(app).scripts("mix", self.options.users)
            sample = client.run(self.stand.target(app), scripts, min(1, self.options.seconds))
            answered += sample.answered
        if sample.errors:
            failed = ", ".join(f"{count} times {error}" for error, count in sample.errors.items())
            raise RuntimeError(f"{app} answers, but fails what it is asked: {failed}")


def app_side(app):
    """Whether a process works for an app."""
    return lambda host, user: user == app or user in APP_SIDE.get(host, ())


def database_side(host, user):
    """Whether a process is PostgreSQL's."""
    return host in DATABASE_SIDE and user == "postgres"


def per_request(before, after, counts, requests, of_host=lambda host: True):
    """Milliseconds of processor per request, of the processes that count on some hosts."""
    used = sum(
        figures["cpu_s"] - before.get(host, {}).get(user, {}).get("cpu_s", 0.0)
        for host, users in after.items()
        for user, figures in users.items()
        if of_host(host) and counts(host, user)
    )
    return rounded(max(0.0, used) * 1000 / requests)
