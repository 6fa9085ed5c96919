"""What a probe has seen: counts, gaps, and the file that they are kept in. Knows nothing of HTTP."""

import datetime
import json
import subprocess
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
MISSED = "own write not found"
STALE = "old content"
RELIABILITY = ROOT / "reports" / "reliability.json"


class Lane:
    """Requests of one kind. A gap lasts from one success to the next, from the start and to the end included."""

    def __init__(self, started):
        self.ok = 0
        self.failed = 0
        self.longest_gap = 0.0
        self.last_success = started

    def success(self, at):
        """An answer as it should be."""
        self.ok += 1
        self.stop(at)
        self.last_success = at

    def failure(self):
        """Any other answer, or none."""
        self.failed += 1

    def stop(self, at):
        """Count the time since the last success."""
        self.longest_gap = max(self.longest_gap, at - self.last_success)


@dataclass
class Report:
    """The sum of one run or of several."""

    seconds: float = 0.0
    requests: int = 0
    failed: int = 0
    idle_resets: int = 0
    longest_read_gap_s: float = 0.0
    longest_write_gap_s: float = 0.0
    acknowledged: int = 0
    changed: int = 0
    lost: int = 0
    reasons: Counter = field(default_factory=Counter)

    @property
    def stale(self):
        """Readers who did not find what had been acknowledged before they asked, or found what it replaced."""
        return self.reasons[f"read: {MISSED}"] + self.reasons[f"read: {STALE}"] + self.reasons[f"write: {STALE}"]

    @property
    def longest_gap_s(self):
        """Of reads or writes, whichever had to wait longer."""
        return max(self.longest_read_gap_s, self.longest_write_gap_s)

    def __add__(self, other):
        gaps = ("longest_read_gap_s", "longest_write_gap_s")
        mine, theirs = vars(self), vars(other)
        return Report(**{key: max(mine[key], theirs[key]) if key in gaps else mine[key] + theirs[key] for key in mine})

    def __str__(self):
        reasons = "; ".join(f"{count} × {reason}" for reason, count in self.reasons.most_common(5))
        return (
            f"{self.requests} requests in {self.seconds:.0f} s ({self.requests / max(self.seconds, 0.001):.0f}/s), "
            f"{self.failed} failed, {self.idle_resets} idle resets, "
            f"longest gap {self.longest_read_gap_s:.1f} s in reads, {self.longest_write_gap_s:.1f} s in writes, "
            f"{self.acknowledged} writes acknowledged, {self.changed} of them changes, {self.lost} lost, "
            f"{self.stale} stale" + (f" ({reasons})" if reasons else "")
        )


@dataclass(frozen=True)
class Bound:
    """What is promised. No acknowledged write may ever be lost, nor be missed by a reader who comes after it."""

    failed: int | None = 0
    gap_s: float | None = None

    def held(self, report):
        """Whether the promise was kept; that nothing was asked keeps none."""
        return (
            report.requests > 0
            and report.acknowledged > 0
            and report.lost == report.stale == 0
            and (self.failed is None or report.failed <= self.failed)
            and (self.gap_s is None or report.longest_gap_s <= self.gap_s)
        )

    def __str__(self):
        limits = [
            None if self.failed is None else f"failed <= {self.failed}",
            None if self.gap_s is None else f"longest_gap_s <= {self.gap_s:g}",
            "lost = stale = 0",
        ]
        return ", ".join(limit for limit in limits if limit)


def record(case, reports, bound, path=RELIABILITY):
    """Print a line, append it to the file of all measurements, and return whether the bound held."""
    total = sum(reports, Report())
    held = bound.held(total)
    print(f"{case}: {total}; bound {bound}: {'held' if held else 'BROKEN'}")
    entry = {
        "case": case,
        "runs": len(reports),
        **{key: rounded(value) for key, value in asdict(total).items() if key != "reasons"},
        "stale": total.stale,
        "longest_gap_s": rounded(total.longest_gap_s),
        "reasons": dict(total.reasons),
        "bound": str(bound),
        "held": held,
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = json.loads(path.read_text()) if path.exists() else []
    new = path.with_suffix(".new")
    new.write_text(json.dumps([*entries, entry], indent=1, ensure_ascii=False) + "\n")
    new.replace(path)
    return held


def rounded(value):
    """Hundredths of a second are enough."""
    return round(value, 2) if isinstance(value, float) else value


def commit(root=ROOT):
    """The latest commit of what is measured, with a plus where the working tree differs from it. Texts are no part of
    that: reports are written into them."""

    def git(*arguments):
        command = ["git", *arguments, "--", ".", ":!docs", ":!*.md"]
        return subprocess.run(command, cwd=root, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("log", "-1", "--format=%h") or "unknown") + "+" * bool(changed)
