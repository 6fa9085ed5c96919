"""The report as one page that needs nothing else: for people who do not know the project, figures before pictures."""

from html import escape

from load import plots

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.8rem; margin-bottom: 0; } h2 { margin-top: 3rem; border-bottom: 1px solid #ddd; }
h3 { margin-top: 2rem; } .dim { color: #666; } .lead { font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-size: .92rem; }
th { text-align: left; font-weight: 600; border-bottom: 2px solid #ccc; padding: .35rem .5rem; }
td { border-bottom: 1px solid #eee; padding: .35rem .5rem; vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.yes { color: #1c7a3e; font-weight: 600; } .no { color: #b3261e; font-weight: 600; } .none { color: #777; }
.sum { display: flex; gap: 1rem; margin: 1.5rem 0; }
.sum div { flex: 1; padding: 1rem; border-radius: .5rem; background: #f5f6f8; }
.sum b { display: block; font-size: 1.9rem; line-height: 1.2; }
figure { margin: 1rem 0; overflow-x: auto; } figcaption { color: #555; font-size: .92rem; max-width: 46rem; }
svg { max-width: 100%; height: auto; }
details { margin-top: 1rem; }
"""
VERDICTS = {True: ("yes", "held"), False: ("no", "not held"), None: ("none", "not measured")}


def render(everything):
    """The page."""
    from load.report import grouped

    found = everything["found"]
    parts = [head(everything), summary(everything["claims"])]
    for group, rows in grouped(everything["claims"]).items():
        parts += [f"<h2>{escape(group)}</h2>", claims_table(rows)]
    parts += [slow_app(everything["slow_app"]), *pictures(found), beside_peer(everything["peer"], found)]
    parts += [ceiling(found), method(everything)]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Pergola: the benchmark</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body>\n{body}\n</body></html>\n"
    )


def head(everything):
    """What this is."""
    machine = everything["machine"]
    return (
        "<h1>What was claimed, and what holds</h1>"
        f'<p class="dim">Commit {escape(everything["commit"])}, {everything["date"][:16].replace("T", " ")} UTC, '
        f"{machine['cores']} cores ({escape(machine['processor'])}), {machine['memory_mb']:,} MB; all hosts and the "
        "client share them.</p>"
        '<p class="lead">Two versions of one application answer the same requests with the same data on the same '
        "hosts, in turn: the <b>slow app</b>, built as it was described before any of this, and "
        "<b>ours</b>. The tables "
        "compare them. Compare ratios rather than seconds: another machine has others.</p>"
    )


def summary(claims):
    """Three figures."""
    held = [claim["held"] for claim in claims]
    boxes = ((True, "hold"), (False, "do not hold, with the reason below"), (None, "were not measured in this run"))
    cells = "".join(
        f'<div><b class="{VERDICTS[value][0]}">{held.count(value)}</b>{text}</div>' for value, text in boxes
    )
    return f'<div class="sum">{cells}</div>'


def table(columns, rows):
    """Columns are (title, whether of numbers); cells are HTML."""
    heads = "".join(f'<th class="{"n" if numbers else ""}">{title}</th>' for title, numbers in columns)
    lines = "".join(
        "<tr>"
        + "".join(
            f'<td class="{"n" if numbers else ""}">{cell}</td>' for (_, numbers), cell in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"


def claims_table(rows):
    """One group of claims."""
    from load.report import amount, number, wanted

    columns = (("Claim", 0), ("before", 1), ("after", 1), ("ratio", 1), ("wanted", 1), ("", 0))
    return table(
        columns,
        [
            (
                escape(claim["name"]),
                amount(claim["before"], claim["unit"]),
                amount(claim["after"], claim["unit"]),
                number(claim["ratio"]),
                wanted(claim),
                mark(claim["held"])
                + (f'<br><span class="dim">{escape(claim["reason"])}</span>' if claim["reason"] else ""),
            )
            for claim in rows
        ],
    )


def mark(held):
    """A verdict."""
    name, text = VERDICTS[held]
    return f'<span class="{name}">{text}</span>'


def slow_app(rows):
    """The slow app as described and as it was found."""
    from load.report import amount

    words = {True: '<span class="yes">alike</span>', False: '<span class="no">unlike</span>', None: "–"}
    return (
        "<h2>Is the slow app as slow as it was said to be?</h2><p>It was described by these figures, "
        "measured on another "
        "machine with other data. Alike is what is neither half nor twice as much.</p>"
        + table(
            (("", 0), ("described", 1), ("measured", 1), ("", 0)),
            [
                (
                    escape(each["what"]),
                    "some" if each["claimed"] is None else amount(each["claimed"], each["unit"]),
                    amount(each["measured"], each["unit"]),
                    words[each["alike"]],
                )
                for each in rows
            ],
        )
    )


def figure(chart, caption):
    """A picture with its words."""
    return f"<figure>{plots.svg(chart)}<figcaption>{caption}</figcaption></figure>"


def pictures(found):
    """Those for which there are figures."""
    for size, endpoints in sorted(found.get("http", {}).items()):
        yield f"<h2>How long an answer takes, among {size:,} customers</h2>"
        yield figure(
            plots.endpoints(endpoints),
            "Ten users ask for one kind of page at a time. <i>Nothing cached</i>: each request is "
            "one that nobody has made "
            "before. <i>Cached</i>: they ask the same again and again. Medians over rounds of median answers.",
        )
        yield details("All figures", endpoints_table(endpoints))
    for size, users in sorted(found.get("users", {}).items()):
        served = users["served"]
        yield f"<h2>How many users at once, among {size:,} customers</h2>"
        yield (
            "<p>Served, that is 95 of 100 answers within half a second and no error: "
            f"<b>{served['naive']}</b> users by "
            f"the slow app, <b>{served['ours']}</b> by ours. Each of these users asks again the moment an answer has "
            "arrived; people who read what they get are twenty times fewer requests.</p>"
        )
        yield figure(
            plots.users(users),
            "A mix of lists, searches, single customers, statistics, and 5 % changes. The dashed "
            "line is half a second. "
            "The slow app was not asked further once 100 users or more waited longer than that.",
        )
        yield details("All figures", users_table(users["levels"]))
    for size, searches in sorted(found.get("sql", {}).items()):
        pages = searches["pages"]
        yield f"<h2>What a search costs the database, among {size:,} customers</h2>"
        yield figure(
            plots.searches(searches),
            "The SQL alone, one query at a time. <i>Nobody</i>: a term that is not found. A page at depth "
            f"{searches['depth']:,} took {plots.shown(pages['cursor']['p50_ms'], 'ms')} by cursor and "
            f"{plots.shown(pages['offset']['p50_ms'], 'ms')} by OFFSET, both on our index.",
        )
    if found.get("ablation"):
        size, techniques = min(found["ablation"].items())
        yield "<h2>What each technique is worth by itself</h2>"
        yield figure(
            plots.techniques(techniques),
            f"The slow app with one technique at a time, among {size:,} customers, with ten users. "
            + "; ".join(f"<i>{escape(name)}</i>: {escape(what)}" for name, what in techniques["what"].items())
            + ".",
        )
    if found.get("http"):
        size, endpoints = min(found["http"].items())
        yield "<h2>Where the time goes</h2>"
        yield figure(
            plots.costs(endpoints),
            f"Processor time that one answer costs each tier, among {size:,} customers. The app host's includes "
            "PgBouncer and HAProxy; the database's, both hosts.",
        )


def details(title, content):
    """What only some want to see."""
    return f"<details><summary>{title}</summary>{content}</details>"


def cell(value, digits=3):
    """A figure, or a dash."""
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.{digits}g}"


def middle(spread):
    """A median with its least and most."""
    if spread["median"] is None:
        return "–"
    return f'{cell(spread["median"])} <span class="dim">({cell(spread["min"])}–{cell(spread["max"])})</span>'


def endpoints_table(endpoints):
    """Medians over rounds, with the least and the most."""
    columns = [("", 0), ("", 0), *((name, 1) for name in ("p50 ms", "p95 ms", "p99 ms", "answers/s", "queries"))]
    columns += [(name, 1) for name in ("app ms", "database ms", "backends", "failed")]
    names = ("p50_ms", "p95_ms", "p99_ms", "rps", "queries", "app_cpu_ms", "database_cpu_ms", "backends")
    return table(
        columns,
        [
            (endpoint, plots.NAMES[who], *(middle(figures[name]) for name in names), figures["failed"])
            for endpoint, by_who in endpoints.items()
            for who, figures in by_who.items()
        ],
    )


def users_table(levels):
    """Each number of users."""
    columns = (("", 0), *((name, 1) for name in ("users", "p50 ms", "p95 ms", "p99 ms", "answers/s", "backends")))
    columns += (("memory of the app, MB", 1), ("errors", 0))
    apps = {"naive": "naive", "ours": "customers"}
    names = ("users", "p50_ms", "p95_ms", "p99_ms", "rps", "backends")
    return table(
        columns,
        [
            (
                {"naive": "slow app", "ours": "ours"}[who],
                *(cell(figures[name], 4) for name in names),
                cell(figures["memory"].get("app1", {}).get(apps[who], {}).get("pss_mb")),
                escape(", ".join(f"{count} × {error}" for error, count in figures["errors"].items())) or "none",
            )
            for who, of_who in levels.items()
            for figures in of_who
        ],
    )


def beside_peer(rows, found):
    """Ours and the hand-written service."""
    if not found.get("peer"):
        return ""
    names = {"peer": "peer: Starlette, uvloop, asyncpg", "gevent": "ours, gevent", "gthread": "ours, threads"}
    bars = [
        (each["request"], names[who], each["peer_rps"] if who == "peer" else each["rps"][who])
        for each in rows
        for who in names
    ]
    return "<h2>Beside a service written by hand</h2>" + figure(
        plots.throughputs(bars),
        "The same SQL, fields, authentication and number of processes, no cache on either side, ten "
        "users. What is left "
        "is the price of a framework with validation, permissions, an admin, and pages by cursor.",
    )


def ceiling(found):
    """What there is to reach."""
    if not found.get("ceiling"):
        return ""
    _, reached = min(found["ceiling"].items())
    front, database = reached["front"], reached["database"]
    names = {
        "file": "the bytes as a file",
        "public": "the app's public answer",
        "health": "the app's /healthz, uncached",
    }
    bars = [("nginx", names[what], figures["rps"]["median"]) for what, figures in front.items()]
    queries = ", ".join(f"{name} {cell(figures['tps'])}/s" for name, figures in database.items())
    return "<h2>What there is to reach</h2>" + figure(
        plots.throughputs(bars),
        f"nginx over TLS, asked by wrk. PostgreSQL asked for the same SQL with no app around it (pgbench, 10 clients): "
        f"{queries}.",
    )


def method(everything):
    """How it was measured."""
    options = everything["options"]
    phases = "".join(
        f"<li>{entry['phase']} at {entry['size']:,}: {entry['seconds']} s, {entry['date'][:16].replace('T', ' ')}, "
        f"seed {escape(entry['seed'])}, load {entry['load_average'][0]:.1f} at its end</li>"
        for entry in everything["phases"]
    )
    return (
        "<h2>How it was measured</h2><ul>"
        f"<li>On {escape(everything['where'])}, set up by the same playbook as production and with "
        "the settings that it "
        "derives.</li>"
        "<li>The slow app has the same rows in a database of its own, without our indexes, and as "
        "many processes. It comes "
        "straight to the primary, at most 40 connections, so that it can't starve the other.</li>"
        "<li>Users are a closed loop: each has one connection that is kept open and one token, waits "
        "for its answer and "
        "asks again at once. Requests go over TLS to nginx.</li>"
        "<li>Limits: the load balancer's limit by address is lifted, since all users come from one. "
        "Nobody is exempt from "
        "the app's limit by user, and nobody reached it.</li>"
        "<li>What is asked for is drawn anew from the data in each run; the seed is below. Rounds of "
        "all are interleaved: "
        f"{options['rounds']} of {options['seconds']:g} s each. Figures are medians over rounds.</li>"
        "<li>The slow app's list is sorted by the time of creation as ours is, which it has no index "
        "for.</li></ul>" + details("Phases", f"<ul>{phases}</ul>")
    )
