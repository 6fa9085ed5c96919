"""The report of all that is known: a page with pictures, the claims as a table in Markdown, and all figures as JSON."""

import datetime
import json
import os
import platform
from pathlib import Path

from probe.report import ROOT

from load import claims, page
from load.store import REPORTS, write

DOCS = ROOT / "docs"


def machine():
    """What it was measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in read("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) // 1024 for line in read("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {"processor": model, "cores": os.cpu_count(), "memory_mb": memory}


def read(path):
    """Lines of a file; of none where there is none."""
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def assemble(store, where):
    """Everything, ready to be shown."""
    found, entries = store.all(), store.entries()
    return {
        "claims": claims.judged(found),
        "slow_app": claims.slow_app(found),
        "peer": claims.beside_peer(found),
        "commit": store.header["commit"],
        "options": store.header["options"],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "where": where,
        "seeds": sorted({entry["seed"] for entry in entries}),
        "phases": [{key: value for key, value in entry.items() if key not in ("header", "found")} for entry in entries],
        "found": found,
    }


def write_all(everything, folder, keep):
    """reports/bench.html, .json and .md; with `keep` in docs/ as well, the tables as a part of docs/benchmark.md, and
    those of the claims of README.md too."""
    table = markdown(everything)
    html = page.render(everything)
    figures = json.dumps(everything, indent=1, ensure_ascii=False) + "\n"
    write(folder / "bench.json", figures)
    write(folder / "bench.md", table)
    write(folder / "bench.html", html)
    if keep:
        write(DOCS / "bench.html", html)
        write(DOCS / "bench.json", figures)
        for path, tables in ((DOCS / "benchmark.md", table), (ROOT / "README.md", claimed(everything))):
            write(path, merged(path.read_text(), tables))


MARK = "<!-- measured -->\n"


def merged(text, table):
    """A page with the table in the place of what was between its two marks."""
    before, _, rest = text.partition(MARK)
    _, _, after = rest.partition(MARK)
    return f"{before}{MARK}{table}{MARK}{after}"


def claimed(everything):
    """The claims, group by group, in Markdown."""
    lines = [
        f"Commit `{everything['commit']}`, {everything['date'][:10]}, {everything['machine']['cores']} cores "
        f"({everything['machine']['processor']}); all hosts, and the client, share them.\n"
    ]
    for group, of_group in grouped(everything["claims"]).items():
        lines += [f"**{group}**\n", "| | before | after | ratio | wanted | held |", "|---|---|---|---|---|---|"]
        lines += [
            f"| {claim['name']} | {amount(claim['before'], claim['unit'])} | {amount(claim['after'], claim['unit'])} | "
            f"{number(claim['ratio'])} | {wanted(claim)} | {verdict(claim)} |"
            for claim in of_group
        ]
        lines.append("")
    return "\n".join(lines)


def markdown(everything):
    """All tables."""
    lines = [
        claimed(everything),
        "**The slow app, as described and as measured**\n",
        "| | described | measured | alike |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {each['what']} | {'some' if each['claimed'] is None else amount(each['claimed'], each['unit'])} | "
        f"{amount(each['measured'], each['unit'])} | {answer(each['alike'])} |"
        for each in everything["slow_app"]
    ]
    lines += ["", "**Beside a hand-written service, no cache on either side**\n"]
    lines += ["| | peer | ours, gevent | ours, gthread |", "|---|---|---|---|"]
    lines += [
        f"| {each['request']} | {amount(each['peer_rps'], '/s')} | "
        + " | ".join(
            f"{amount(each['rps'][who], '/s')} ({percent(each['part'][who])})" for who in ("gevent", "gthread")
        )
        + " |"
        for each in everything["peer"]
    ]
    lines += [
        f"| {each['request']}, failed | "
        + " | ".join(each["failed"].get(who, "–") for who in ("peer", "gevent", "gthread"))
        + " |"
        for each in everything["peer"]
        if each["failed"]
    ]
    return "\n".join(lines) + "\n"


def grouped(rows):
    """Claims by group, in order."""
    groups = {}
    for each in rows:
        groups.setdefault(each["group"], []).append(each)
    return groups


def number(value):
    """A figure for a table."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def amount(value, unit):
    """With its unit, where there is a value."""
    return "–" if value is None else f"{number(value)} {unit}"


def percent(part):
    """A part of a whole."""
    return "–" if part is None else f"{part:.0%}"


def wanted(claim):
    """What it takes to hold."""
    if claim["target_is"] == "figure":
        return f"≤ {number(claim['target'])} {claim['unit']}"
    return f"≥ {number(claim['target'])}"


def verdict(claim):
    """Yes, or why not."""
    if claim["held"] is None:
        return claim["reason"]
    return answer(claim["held"]) + (f": {claim['reason']}" if claim["reason"] else "")


def answer(value):
    """In words."""
    return {True: "yes", False: "**no**", None: "not measured"}[value]


def lost(known, kept=DOCS / "bench.json"):
    """(phase, size) of a kept report that one of these would not have."""
    phases = json.loads(kept.read_text())["phases"] if kept.exists() else []
    return sorted({(entry["phase"], entry["size"]) for entry in phases} - set(known))


def publish(store, where, keep):
    """Write it all, and say what came of it."""
    everything = assemble(store, where)
    write_all(everything, REPORTS, keep)
    held = [claim["held"] for claim in everything["claims"]]
    print(f"{held.count(True)} claims hold, {held.count(False)} do not, {held.count(None)} were not measured")
    print(f"{REPORTS / 'bench.html'}, bench.json and bench.md beside it")
    return 0
