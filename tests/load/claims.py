"""What was claimed and wanted, and whether it holds. Knows the shape of findings, and nothing else."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from load.figures import ratio, rounded

SMALL, LARGE, HUGE = 10_000, 1_000_000, 5_000_000
ENDPOINTS = ("list", "search", "detail", "stats")


class Figure(NamedTuple):
    """A figure, and what failed while it was measured: {what: how often}."""

    value: float | None
    errors: Mapping = {}


UNKNOWN = Figure(None)


def figure(source, found):
    """What a source finds, or UNKNOWN where it was not measured."""
    try:
        value, errors = source(found)
    except (LookupError, TypeError, StopIteration):
        return UNKNOWN
    return Figure(None if value is None else rounded(float(value)), errors)


def failures(errors):
    """In words."""
    return ", ".join(f"{count} times {error}" for error, count in errors.items())


@dataclass(frozen=True)
class Claim:
    """Two figures and what their ratio has to be. `less` is better, or more."""

    name: str
    group: str
    before: object  # a function of all findings, as the next one
    after: object
    target: float | None
    unit: str = "ms"
    less: bool = True
    at_most: float | None = None  # where the figure itself has to hold, rather than the ratio
    because: str = ""  # why it does not hold, where that is known

    def judged(self, found):
        """As it stands in the report. Figures of requests that failed prove nothing."""
        sides = {"before": figure(self.before, found), "after": figure(self.after, found)}
        before, after = (side.value for side in sides.values())
        times = ratio(before, after) if self.less else ratio(after, before)
        broken = "; ".join(f"{side}, {failures(errors)}" for side, (_, errors) in sides.items() if errors)
        if broken:
            held = False
        elif before is None or after is None or (self.at_most is None and times is None):
            held = None
        elif self.at_most is not None:
            held = after <= self.at_most
        else:
            held = times >= self.target
        return {
            "name": self.name,
            "group": self.group,
            "before": before,
            "after": after,
            "ratio": times,
            "target": self.target if self.at_most is None else self.at_most,
            "held": held,
            "unit": self.unit,
            "target_is": "ratio" if self.at_most is None else "figure",
            "reason": broken or self._reason(held, times, after),
        }

    def _reason(self, held, times, after):
        if held is None:
            return "not measured in this run"
        if held:
            return ""
        if self.at_most is not None:
            return f"{after:g} {self.unit} rather than {self.at_most:g}"
        return f"{times:.3g} times rather than {self.target:.3g}" + (f": {self.because}" if self.because else "")


def over_rounds(entry, name):
    """The median of a figure over rounds, and what failed in any of them."""
    return Figure(entry[name]["median"], entry["errors"])


def http(size, endpoint, who, name="p50_ms"):
    """Of the phase `http`."""
    return lambda found: over_rounds(found["http"][size][endpoint][who], name)


def ablation(request, technique, name="p50_ms"):
    """Of the slow app with one technique."""
    return lambda found: over_rounds(found["ablation"][SMALL][request][technique], name)


def peer(request, who):
    """Requests per second."""
    return lambda found: over_rounds(found["peer"][SMALL][request][who], "rps")


def front(what):
    """Requests per second of nginx."""
    return lambda found: over_rounds(found["ceiling"][SMALL]["front"][what], "rps")


def sql(size, who, name):
    """Of all searches."""
    return lambda found: Figure(found["sql"][size]["all"][who][name])


def page(way):
    """Of a page far down the list, in milliseconds."""
    return lambda found: Figure(found["sql"][LARGE]["pages"][way]["p50_ms"])


def micro(what, who):
    """Microseconds in the process."""
    return lambda found: Figure(found["micro"][SMALL][what][who]["median"])


def logins(what):
    """Of cached reads, in the phase `logins`."""
    return lambda found: over_rounds(found["logins"][SMALL][what], "p95_ms")


def served(size, who):
    """Users, none of whom met an error."""
    return lambda found: Figure(found["users"][size]["served"][who])


def of_level(who, users, found):
    """What so many users met."""
    return next(each for each in found["users"][SMALL]["levels"][who] if each["users"] == users)


def level(who, users, name):
    """A figure of one level of users."""

    def source(found):
        each = of_level(who, users, found)
        return Figure(each[name], each["errors"])

    return source


def memory(users):
    """MB of all processes of the slow app."""
    return lambda found: Figure(of_level("naive", users, found)["memory"]["app1"]["naive"]["pss_mb"])


def most_queries(who):
    """Of one request, over the hot endpoints; what one in many asks besides, as who its user is, is not one more."""

    def source(found):
        queries, errors = zip(*(http(SMALL, each, who, "queries")(found) for each in ENDPOINTS), strict=True)
        return Figure(round(max(queries), 1), sum(map(Counter, errors), Counter()))

    return source


READING = "it saves most of the reading, which is less than half of a request: to connect anew takes as long"
CONNECTING = "each request still opens a connection, which takes longer than all that is saved"
PYTHON = "the database's part is small; Django, the question to Redis and the answer in Python are the rest"
PARTS = "a statement of a dozen parts, and the way to the database, take their time however few rows there are"
DIGITS = "there are but a thousand trigrams of digits: what the index has for each grows with the rows"
NO_PAUSE = "so many users who never pause ask for more than the two processors can answer that everything shares"

CLAIMED = "What the analysis claims"
WANTED = "What this project set out to reach"
CLAIMS = (
    Claim("Search among 10,000, 10 users: 150 → 25 ms", CLAIMED, http(SMALL, "search", "naive"),
          http(SMALL, "search", "cold"), 150 / 25),
    Claim("List of 20 rows, 10 users: 80 → 35 ms", CLAIMED, http(SMALL, "list", "naive"),
          http(SMALL, "list", "cold"), 80 / 35),
    Claim("Users at once: 50 → 200", CLAIMED, served(SMALL, "naive"), served(SMALL, "ours"), 200 / 50, "users",
          less=False),
    Claim("Queries per request: 5–10 → 1–2", CLAIMED, most_queries("naive"), most_queries("cold"), None, "queries",
          at_most=2),
    Claim("Full-text search alone: 85 % faster", CLAIMED, ablation("search", "naive"), ablation("search", "fulltext"),
          1 / 0.15,
          because=READING),
    Claim("Pooling alone: 40 % more under concurrency", CLAIMED, ablation("list", "naive", "rps"),
          ablation("list", "pool", "rps"), 1.4, "requests/s", less=False),
    Claim("Caching alone: 70 % faster once cached", CLAIMED, ablation("list", "naive"), ablation("list", "cache"),
          1 / 0.3,
          because=CONNECTING),
    Claim("Validation of a name: 60 % faster", CLAIMED, micro("validation", "naive"), micro("validation", "ours"),
          1 / 0.4, "µs", because="Python keeps compiled patterns, so the slow app hardly compiles; ours "
          "looks at each character, as names are in every script"),
    Claim("Serialization of a list: 35 % faster", CLAIMED, micro("serialization", "naive"),
          micro("serialization", "ours"), 1 / 0.65, "µs"),
    Claim("Queries of a list: 60 % fewer", CLAIMED, http(SMALL, "list", "naive", "queries"),
          http(SMALL, "list", "cold", "queries"), 1 / 0.4, "queries",
          because="one of ours asks a replica how much it knows; what is cached asks none"),
    Claim("Search by SQL at 1,000,000, p50: 200 times", WANTED, sql(LARGE, "naive", "p50_ms"),
          sql(LARGE, "ours", "p50_ms"), 200),
    Claim("Search by SQL at 10,000, p50: 15 times", WANTED, sql(SMALL, "naive", "p50_ms"),
          sql(SMALL, "ours", "p50_ms"), 15,
          because=PARTS),
    Claim("Our search by SQL, p95: at 1,000,000 at most 10 times that at 10,000", WANTED, sql(SMALL, "ours", "p95_ms"),
          sql(LARGE, "ours", "p95_ms"), 0.1),
    Claim("Our search by SQL, p95: at 5,000,000 at most 10 times that at 10,000", WANTED, sql(SMALL, "ours", "p95_ms"),
          sql(HUGE, "ours", "p95_ms"), 0.1,
          because=DIGITS),
    Claim("Search over HTTP, 10 users, at 10,000: 12 times", WANTED, http(SMALL, "search", "naive"),
          http(SMALL, "search", "cold"), 12,
          because=PYTHON),
    Claim("List over HTTP, 10 users, at 10,000: 10 times", WANTED, http(SMALL, "list", "naive"),
          http(SMALL, "list", "cold"), 10,
          because=PYTHON),
    Claim("List over HTTP, 10 users, at 1,000,000: 100 times", WANTED, http(LARGE, "list", "naive"),
          http(LARGE, "list", "cold"), 100,
          because=PYTHON),
    Claim("Users served (p95 ≤ 500 ms, no error): 10 times", WANTED, served(SMALL, "naive"), served(SMALL, "ours"),
          10, "users", less=False,
          because=PYTHON),
    Claim("1,000 users of ours wait less (p95, no error) than 50 of the slow app's", WANTED,
          level("naive", 50, "p95_ms"), level("ours", 1000, "p95_ms"), 1,
          because=NO_PAUSE),
    Claim("Cached reads while wrong logins are under way: p95 at most 3 times that without", WANTED,
          logins("quiet"), logins("logins"), 1 / 3),
    Claim("A page at depth 999,000, by cursor rather than OFFSET: 30 times", WANTED,
          page("offset"), page("cursor"), 30),
    Claim("Public answers from nginx: 60 % of the same bytes as a file", WANTED,
          front("file"), front("public"), 0.6, "requests/s", less=False),
)  # fmt: skip

# What the analysis says of the slow app: (what, claimed, what was measured, unit).
SLOW_APP = (
    ("mean answer, 1 user", 50, level("naive", 1, "mean_ms"), "ms"),
    ("mean answer, 10 users", 150, level("naive", 10, "mean_ms"), "ms"),
    ("mean answer, 50 users", 500, level("naive", 50, "mean_ms"), "ms"),
    ("mean answer, 100 users", 1200, level("naive", 100, "mean_ms"), "ms"),
    ("failed requests, 100 users: connections are exhausted", None, level("naive", 100, "failed"), "requests"),
    ("memory, 1 user", 120, memory(1), "MB"),
    ("memory, 50 users", 450, memory(50), "MB"),
)


def judged(found):
    """Every claim."""
    return [claim.judged(found) for claim in CLAIMS]


def slow_app(found):
    """The slow app as described and as it was found; alike where neither is twice the other."""
    rows = []
    for what, claimed, source, unit in SLOW_APP:
        measured = figure(source, found).value
        alike = None
        if measured is not None:
            alike = measured > 0 if claimed is None else 0.5 <= measured / claimed <= 2
        rows.append({"what": what, "claimed": claimed, "measured": measured, "unit": unit, "alike": alike})
    return rows


def beside_peer(found):
    """What part of the peer's throughput ours reaches, by request."""
    rows = []
    for request in ("list", "search", "mix"):
        found_of = {who: figure(peer(request, who), found) for who in ("peer", "gevent", "gthread")}
        theirs = found_of["peer"].value
        ours = {who: found_of[who].value for who in ("gevent", "gthread")}
        part = {who: rounded(rps / theirs, 3) if rps and theirs else None for who, rps in ours.items()}
        failed = {who: failures(errors) for who, (_, errors) in found_of.items() if errors}
        rows.append({"request": request, "peer_rps": theirs, "rps": ours, "part": part, "failed": failed})
    return rows
