"""What phases have found, one file each, written as soon as it is known."""

import json
from dataclasses import dataclass
from pathlib import Path

from probe.report import ROOT

REPORTS = ROOT / "reports"


@dataclass
class Store:
    """The findings of one commit, measured in one way. Those of another are no part of it."""

    folder: Path
    header: dict  # commit and options: what has to be the same for a finding to count

    def __post_init__(self):
        # As it comes back from a file, where a tuple is a list.
        self.header = json.loads(json.dumps(self.header))

    def path(self, phase, size):
        """Where a finding lies."""
        return self.folder / f"{phase}-{size}.json"

    def load(self, phase, size):
        """What was found, or None."""
        try:
            entry = json.loads(self.path(phase, size).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return entry if entry["header"] == self.header else None

    def save(self, phase, size, found, **circumstances):
        """Keep it; a run that is killed meanwhile leaves the last one."""
        entry = {"header": self.header, "phase": phase, "size": size, **circumstances, "found": found}
        write(self.path(phase, size), json.dumps(entry, indent=1, ensure_ascii=False) + "\n")

    def clear(self):
        """Forget all of it."""
        for path in self.folder.glob("*.json"):
            path.unlink()

    def all(self):
        """{phase: {size: finding}}"""
        found = {}
        for path in sorted(self.folder.glob("*.json")):
            phase, _, size = path.stem.rpartition("-")
            if entry := self.load(phase, size):
                found.setdefault(phase, {})[int(size)] = entry["found"]
        return found

    def known(self):
        """(phase, size) of all that is kept of it."""
        return [(entry["phase"], entry["size"]) for entry in self.entries()]

    def entries(self):
        """All that is kept of it, circumstances included."""
        names = (path.stem.rpartition("-") for path in sorted(self.folder.glob("*.json")))
        return [entry for phase, _, size in names if (entry := self.load(phase, size))]


def write(path, text):
    """The whole file, or the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)
