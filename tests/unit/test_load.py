"""The benchmark's own arithmetic: latencies, claims, what is asked, what is kept, and the report of it."""

import asyncio
import functools
import itertools
import json
import random
import sys
from collections import Counter
from types import SimpleNamespace

import load.__main__
import pytest
from harness import PROJECT
from load import bench, claims, client, figures, page, peer_sql, report, rows, traffic
from load.__main__ import main, plan, sizes
from load.phases import ceiling, http, sql, users
from load.store import Store

ROWS = [
    traffic.Row(
        number, "Mary" if number % 2 else "Zoë", "MacLeod", f"mary.macleod{number}@example.com", "+1 212 5550143"
    )
    for number in range(1, 9)
]


def test_a_statement_without_parameters_asks_for_the_term():
    statement = (PROJECT / "tests" / "load" / "peer" / "sql" / "search.sql").read_text()
    asked = ceiling.asked(statement, "O'Neill \\1")
    assert "$" not in asked
    assert asked.count("'O''Neill \\1'::text") == statement.count("$") == 4


WRK = """Running 4s test @ https://10.0.0.11/healthz
  Latency Distribution
     50%  812.00us
  80 requests in 4.00s, 1.00MB read
{}Requests/sec:     20.00
"""


@pytest.mark.parametrize(
    ("lines", "errors"),
    [
        ("", {}),
        ("  Non-2xx or 3xx responses: 5\n", {"another status": 5}),
        ("  Socket errors: connect 0, read 1, write 0, timeout 2\n", {"socket errors": 3}),
    ],
)
def test_what_wrk_could_not_get_is_an_error(lines, errors):
    assert ceiling.read(WRK.format(lines)) == {"rps": 20.0, "p50_ms": 0.812, "errors": errors}


def made(**changes):
    """Requests of four users."""
    terms = traffic.words(traffic.draw_terms(ROWS, random.Random(1)))
    options = {"host": "shop.example", "tokens": ["one", "two"], "rows": ROWS, "terms": terms, "seed": "7"} | changes
    return traffic.Traffic(**options)


def take(script, count):
    return list(itertools.islice(script, count))


# --- figures ---


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 5), (90, 9), (95, 10), (100, 10)])
def test_a_percentile_is_a_value_that_occurred(percent, value):
    assert figures.percentile(list(range(1, 11)), percent) == value


def test_of_nothing_there_is_no_percentile():
    assert figures.percentile([], 95) is None
    assert figures.spread([]) == {"median": None, "min": None, "max": None}


def test_a_sample_is_told_in_milliseconds_and_by_kind():
    sample = figures.Sample(seconds=2.0, errors=Counter({"search 503": 1}), received=4096)
    for seconds in (0.010, 0.020, 0.030):
        sample.add("list", seconds)
    sample.add("search", 0.2)
    summary = sample.summary()
    assert (summary["requests"], summary["rps"], summary["failed"], summary["kb"]) == (4, 2.0, 1, 1.0)
    assert (summary["p50_ms"], summary["max_ms"]) == (20.0, 200.0)
    assert summary["kinds"]["list"]["p99_ms"] == 30.0


def test_rounds_become_a_median_with_its_spread():
    merged = figures.over_rounds([{"rps": rps, "failed": 1, "errors": {"x": 1}} for rps in (10.0, 30.0, 20.0)])
    assert merged["rps"] == {"median": 20.0, "min": 10.0, "max": 30.0}
    assert (merged["failed"], merged["errors"], len(merged["rounds"])) == (3, {"x": 3}, 3)


@pytest.mark.parametrize(
    ("value", "told"), [(1234.567, 1235.0), (0.0123456, 0.01235), (0.0, 0.0), (7, 7), (float("inf"), float("inf"))]
)
def test_no_more_digits_are_told_than_are_known(value, told):
    assert figures.rounded(value) == told


# --- what is asked ---


def test_a_request_is_whole_and_carries_its_user():
    ((kind, request, right),) = take(made().script("list", 3), 1)
    assert (kind, right) == ("list", (200,))
    assert request.decode().split("\r\n") == [
        "GET /api/customers/?page_size=20 HTTP/1.1",
        "Host: shop.example",
        "Authorization: Token two",
        "",
        "",
    ]


def test_what_is_fresh_was_never_asked_before():
    scripts = made(fresh=True).scripts("search", 2)
    asked = [request for script in scripts for _, request, _ in take(script, 50)]
    assert len(set(asked)) == 100


def test_the_same_seed_asks_the_same():
    one, other = ([request for _, request, _ in take(made().script("mix", 0), 40)] for _ in range(2))
    assert one == other
    assert one != [request for _, request, _ in take(made(seed="8").script("mix", 0), 40)]


def test_a_mix_has_all_kinds_in_their_parts():
    kinds = Counter(kind for kind, _, _ in take(made().script("mix", 0), 4000))
    assert {kind: round(count / 40) for kind, count in kinds.items()} == pytest.approx(traffic.MIX, abs=3)


def test_a_write_leaves_the_name_as_it_is_and_the_slow_app_can_take_it():
    for _, request, _ in take(made().script("write", 0), 20):
        head, _, body = request.decode().partition("\r\n\r\n")
        assert head.startswith("PATCH /api/customers/")
        assert f"Content-Length: {len(body)}" in head
        assert json.loads(body)["first_name"] == "Mary"


def test_a_technique_has_a_path_of_its_own():
    ((_, request, _),) = take(made(prefix="/with/pool").script("stats", 0), 1)
    assert request.startswith(b"GET /with/pool/api/customers/stats/?")


def test_terms_are_parts_of_rows():
    terms = traffic.draw_terms(ROWS, random.Random(1))
    texts = [" ".join(map(str, vars(row).values())) for row in ROWS]
    for kind, of_kind in terms.items():
        found = [any(term in text for text in texts) for term in of_kind]
        assert not any(found) if kind == "nobody" else all(found)
    assert all(term.isalpha() for term in traffic.words(terms))


# --- the client ---


class Door(asyncio.Protocol):
    """Answers as it is told, one status after the other; of None, by closing."""

    def __init__(self, statuses):
        self.statuses = statuses

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        status = next(self.statuses)
        if status is None:
            self.transport.close()
        else:
            self.transport.write(f"HTTP/1.1 {status} x\r\nContent-Length: 2\r\n\r\nok".encode())


def asked(statuses, users=1, seconds=0.2):
    """What becomes of users who ask such a door."""

    async def ask():
        answers = iter(statuses)
        loop = asyncio.get_running_loop()
        async with await loop.create_server(lambda: Door(answers), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            scripts = [itertools.repeat(("list", b"GET / HTTP/1.1\r\n\r\n", (200,))) for _ in range(users)]
            return await client.Crowd(client.Target("127.0.0.1", port, "door"), scripts).run(seconds)

    return asyncio.run(ask())


def test_users_ask_again_and_again():
    sample = asked(itertools.repeat(200), users=3)
    assert sample.answered > 10
    assert not sample.errors
    assert sample.seconds >= 0.2
    assert sample.received > 0


def test_another_status_and_a_closed_door_are_errors():
    sample = asked(itertools.chain([200, 503, None], itertools.repeat(200)))
    assert sample.errors == {"list 503": 1, "ConnectionResetError": 1}
    assert sample.answered > 1


# --- the plan, and what is kept ---


def test_sizes_grow_up_to_the_one_wanted():
    assert sizes(1_000_000) == [10_000, 1_000_000]
    assert sizes(5_000_000) == [10_000, 1_000_000, 5_000_000]
    assert sizes(10_000) == [10_000]


def test_larger_sizes_are_for_what_depends_on_them():
    assert plan(["micro", "http"], 1_000_000) == [(10_000, "http"), (10_000, "micro"), (1_000_000, "http")]


def test_what_was_found_is_kept_for_the_same_commit_alone(tmp_path):
    store = Store(tmp_path, {"commit": "abc", "levels": (1, 10)})
    store.save("http", 10_000, {"list": 1}, seed="s")
    assert store.load("http", 10_000)["found"] == {"list": 1}
    assert store.all() == {"http": {10_000: {"list": 1}}}
    assert store.known() == [("http", 10_000)]
    assert Store(tmp_path, {"commit": "def"}).load("http", 10_000) is None
    store.clear()
    assert store.all() == {}


def test_half_a_file_is_none(tmp_path):
    (tmp_path / "http-10000.json").write_text('{"header": ')
    assert Store(tmp_path, {}).load("http", 10_000) is None


def test_rows_grow_in_one_transaction_with_their_indexes_made_last():
    script = rows.growth(10_001, 20_000, anew=False)
    assert "TRUNCATE" not in script
    assert script.index("DROP INDEX") < script.index("generate_series(10001::bigint, 20000)")
    assert script.index("INSERT INTO customers_customer") < script.index("SELECT indexdef FROM indexes \\gexec")
    assert "%%" not in script
    assert "TRUNCATE customers_customer RESTART IDENTITY" in rows.growth(1, 10, anew=True)


@pytest.mark.parametrize(("size", "times"), [(1_000_000, 3), (5_000_000, 1)])
def test_among_more_than_a_million_the_slow_app_searches_in_one_round(size, times):
    asked = []

    def python(app, script, **parameters):
        asked.append(script)
        return {"page": [0.1]} if script == "depth.py" else {kind: [0.1] for kind in parameters["terms"]}

    options = SimpleNamespace(rounds=3, terms=3)
    terms = {"name": [str(number) for number in range(10)]}
    stand = SimpleNamespace(python=python)
    found = sql.run(SimpleNamespace(stand=stand, options=options, size=size, terms=terms, step=lambda text: None))
    assert Counter(asked) == {"search_naive.py": times, "search_ours.py": 3, "depth.py": 1}
    assert {who: figures["queries"] for who, figures in found["all"].items()} == {"naive": times, "ours": 3}


def test_the_peer_asks_what_the_app_asks():
    frozen = {path.name: path.read_text() for path in peer_sql.TARGET.iterdir()}
    assert {name: text + "\n" for name, text in peer_sql.statements().items()} == frozen, (
        "type PYTHONPATH=tests python -m load.peer_sql"
    )


@pytest.mark.parametrize("errors", [{}, {"search 500": 3}])
def test_an_app_that_fails_what_it_is_asked_is_not_measured(monkeypatch, errors):
    sample = client.Sample()
    sample.latencies["list"] = [0.001]
    sample.errors.update(errors)
    monkeypatch.setattr(bench.client, "run", lambda *_: sample)
    monkeypatch.setattr(bench, "WARM_UP_SECONDS", 0.01)
    stand = SimpleNamespace(primary="db1", target=lambda app: SimpleNamespace(host="shop.example", headers=""))
    terms = traffic.draw_terms(ROWS, random.Random(1))
    made = bench.Bench(stand, bench.Options(), 8, 7, {"customers": ["one"]}, ROWS, terms)
    if errors:
        with pytest.raises(RuntimeError, match="peer answers, but fails what it is asked: 3 times search 500"):
            made.warm_up("peer")
    else:
        made.warm_up("peer")


# --- claims and the report ---


def round_of(who, **changes):
    """Figures of one round."""
    base = {"naive": 100.0, "cold": 5.0, "warm": 1.0}[who]
    names = ("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms", "app_cpu_ms", "database_cpu_ms")
    figures_ = dict.fromkeys(names, base) | {"rps": 1000 / base, "queries": 3.0 if who == "naive" else 1.0, "users": 10}
    return figures_ | {"front_cpu_ms": 0.2, "backends": 4, "failed": 0, "errors": {}} | changes


def level_of(who, number, p95, **changes):
    """Figures of one number of users."""
    memory = {"app1": {"naive": {"pss_mb": 300.0}, "customers": {"pss_mb": 400.0}}}
    return round_of(who, users=number, p95_ms=p95, memory=memory) | changes


def findings(**changes):
    """What all phases might have found."""
    by_who = {who: figures.over_rounds([round_of(who)] * 2) for who in ("naive", "cold", "warm")}
    endpoints = dict.fromkeys(http.ENDPOINTS, by_who)
    levels = {
        "naive": [level_of("naive", 1, 60.0), level_of("naive", 10, 500.0), level_of("naive", 50, 2000.0)],
        "ours": [level_of("cold", number, float(number)) for number in (1, 10, 100, 200, 500, 1000)],
    }
    swept = {"levels": levels, "served": {who: users.served(found) for who, found in levels.items()}}
    times = {"queries": 5, "p50_ms": 1.0, "p95_ms": 2.0, "min_ms": 0.5, "max_ms": 3.0}
    slow = {name: value * 300 for name, value in times.items()}
    searched = {
        "search": {"ours": {"last name": times}, "naive": {"last name": slow}},
        "all": {"ours": times, "naive": slow},
        "depth": 9_000,
        "pages": {"cursor": times, "offset": slow},
    }
    techniques = {"naive": by_who["naive"], "pool": by_who["cold"], "fulltext": by_who["cold"], "cache": by_who["warm"]}
    spread = figures.spread([10.0, 12.0])
    pair = {"naive": spread, "ours": spread, "ratio": 1.0}
    return {
        "http": {10_000: endpoints, 1_000_000: endpoints},
        "users": {10_000: swept},
        "sql": {10_000: searched, 1_000_000: searched},
        "ablation": {10_000: {"what": {"pool": "a pool"}, "list": techniques, "search": techniques}},
        "micro": {10_000: {"validation": pair, "serialization": pair}},
        "ceiling": {
            10_000: {
                "front": {what: {"rps": spread, "errors": {}} for what in ("file", "public", "health")},
                "database": {"list": {"tps": 900.0}},
            }
        },
        "peer": {
            10_000: {
                each: dict.fromkeys(("peer", "gevent", "gthread"), by_who["cold"]) for each in ("list", "search", "mix")
            }
        },
    } | changes


def claim(found, name):
    return next(each for each in claims.judged(found) if each["name"].startswith(name))


def test_users_are_served_up_to_where_one_waits_too_long_or_fails():
    levels = [level_of("cold", 1, 5.0), level_of("cold", 10, 400.0), level_of("cold", 50, 501.0)]
    assert users.served(levels) == 49
    assert users.served(levels[:2]) == 10
    assert users.served([*levels[:2], level_of("cold", 50, 501.0, failed=1)]) == 10
    assert users.served([level_of("cold", 1, 5.0, failed=1)]) == 0
    assert not users.is_saturated(levels)
    assert users.is_saturated([level_of("naive", 100, 900.0)])


def test_a_claim_holds_by_its_ratio():
    held = claim(findings(), "Search over HTTP, 10 users, at 10,000")
    assert (held["before"], held["after"], held["ratio"], held["target"], held["held"]) == (100.0, 5.0, 20.0, 12, True)
    assert claim(findings(), "Users at once")["ratio"] == 50.0
    lost = claim(findings(), "Validation")
    assert lost["held"] is False
    assert lost["reason"]


def test_a_claim_may_hold_by_its_figure():
    assert claim(findings(), "Queries per request")["held"] is True


def test_an_error_breaks_what_is_promised_without():
    found = findings()
    assert claim(found, "1,000 users")["held"] is True
    found["users"][10_000]["levels"]["ours"][-1]["errors"] = {"list 503": 3}
    broken = claim(found, "1,000 users")
    assert (broken["held"], broken["reason"]) == (False, "after, 3 times list 503")


@pytest.mark.parametrize(
    ("phase", "place", "name"),
    [
        ("http", ("list", "naive"), "List over HTTP, 10 users, at 10,000"),
        ("http", ("list", "cold"), "Queries per request"),
        ("ablation", ("list", "pool"), "Pooling alone"),
        ("ceiling", ("front", "public"), "Public answers"),
    ],
)
def test_no_phase_proves_anything_by_requests_that_failed(phase, place, name):
    found = findings()
    assert claim(found, name)["held"] is True
    of_size = dict(found[phase][10_000])
    of_size[place[0]] = of_size[place[0]] | {place[1]: of_size[place[0]][place[1]] | {"errors": {"503": 2}}}
    found[phase] = found[phase] | {10_000: of_size}
    broken = claim(found, name)
    assert (broken["held"], broken["reason"][-11:]) == (False, "2 times 503")


def test_where_every_request_failed_a_claim_does_not_hold():
    found = findings()
    nothing = {"p50_ms": figures.spread([]), "errors": {"list 503": 9}}
    of_list = found["http"][10_000]["list"] | {"cold": nothing}
    found["http"] = found["http"] | {10_000: found["http"][10_000] | {"list": of_list}}
    broken = claim(found, "List over HTTP, 10 users, at 10,000")
    assert (broken["held"], broken["after"], broken["reason"]) == (False, None, "after, 9 times list 503")


def test_what_failed_beside_the_peer_is_shown(tmp_path):
    found = findings()
    of_search = found["peer"][10_000]["search"]
    found["peer"][10_000]["search"] = of_search | {"gevent": of_search["gevent"] | {"errors": {"search 503": 4}}}
    assert "| search, failed | – | 4 times search 503 | – |" in report.markdown(everything(found, tmp_path))


def test_a_kept_report_loses_nothing(tmp_path):
    kept = tmp_path / "bench.json"
    assert report.lost([], kept) == []
    kept.write_text(json.dumps({"phases": [{"phase": "sql", "size": 10_000}, {"phase": "sql", "size": 5_000_000}]}))
    assert report.lost([("sql", 10_000), ("http", 10_000)], kept) == [("sql", 5_000_000)]


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """kept(phase, size, …): a kept report of these, beside which `measured` lists what is measured."""
    measured = []
    monkeypatch.setattr(load.__main__, "measure", lambda stand, store, wanted, *given, **named: measured.extend(wanted))
    monkeypatch.setattr(load.__main__, "REPORTS", tmp_path)
    monkeypatch.setattr(report, "publish", lambda store, where, keep: 0)

    def keep(*entries):
        path = tmp_path / "kept.json"
        path.write_text(json.dumps({"phases": [{"phase": phase, "size": size} for phase, size in entries]}))
        monkeypatch.setattr(report, "lost", functools.partial(report.lost, kept=path))
        return measured

    return keep


def test_what_is_kept_is_measured_again_and_kept_anew(monkeypatch, kept):
    measured = kept(("http", 10_000), ("sql", 1_000_000))
    monkeypatch.setattr(sys, "argv", ["load", "--keep"])
    assert main() == 0
    assert (1_000_000, "sql") in measured


def test_less_than_what_is_kept_does_not_take_its_place(monkeypatch, kept):
    measured = kept(("http", 10_000), ("sql", 5_000_000))
    monkeypatch.setattr(sys, "argv", ["load", "--keep", "--phases", "sql"])
    with pytest.raises(
        SystemExit, match=r"\(http at 10,000 rows, sql at 5,000,000 rows\).*--phases http,sql --rows 5000000"
    ):
        main()
    assert measured == []


def test_what_was_not_measured_is_no_failure():
    for each in claims.judged({}):
        assert (each["held"], each["reason"]) == (None, "not measured in this run")


def everything(found, tmp_path):
    """A report of these findings."""
    store = Store(tmp_path / "bench", {"commit": "abc1234", "options": {"rounds": 3, "seconds": 4.0}})
    for phase, by_size in found.items():
        for size, of_size in by_size.items():
            store.save(phase, size, of_size, seed="7", seconds=1, date="2026-01-01T00:00", load_average=[1.0, 1.0, 1.0])
    return report.assemble(store, "hosts")


def test_the_report_is_whole(tmp_path):
    told = everything(findings(), tmp_path)
    report.write_all(told, tmp_path, keep=False)
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert {"name", "before", "after", "ratio", "target", "held"} <= kept["claims"][0].keys()
    assert kept["found"].keys() == findings().keys()
    html = (tmp_path / "bench.html").read_text()
    assert html.count("<svg") >= 8
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "| Users at once: 50 → 200 | 10 users | 500 users | 50 | ≥ 4 | yes |" in (tmp_path / "bench.md").read_text()


def test_a_report_of_nothing_is_one_too(tmp_path):
    assert "not measured" in page.render(everything({}, tmp_path))
    assert "not measured" in report.markdown(everything({}, tmp_path))


def test_the_table_takes_the_place_of_the_last_one():
    text = f"# Benchmark\n{report.MARK}old\n{report.MARK}more\n"
    assert report.merged(text, "new\n") == f"# Benchmark\n{report.MARK}new\n{report.MARK}more\n"


def test_the_naive_app_runs_with_the_locked_requirements_of_ours():
    lock = PROJECT / "tests" / "load" / "naive" / "requirements.txt"
    assert lock.resolve() == PROJECT / "app" / "requirements.txt"
