"""Runs on a host: what the processes of each user have used of the processor (s), and hold of memory (MB, PSS)."""

import collections
import json
import os
import pathlib
import pwd
import sys

TICKS = os.sysconf("SC_CLK_TCK")
found = collections.defaultdict(lambda: {"cpu_s": 0.0, "processes": 0})
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        user = pwd.getpwuid(folder.stat().st_uid).pw_name
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        # Of those that have ended, too: a worker that is replaced takes nothing away.
        found[user]["cpu_s"] += sum(map(int, fields[11:15])) / TICKS
        found[user]["processes"] += 1
        if "memory" in sys.argv:
            lines = (folder / "smaps_rollup").read_text().splitlines()
            kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            found[user]["pss_mb"] = found[user].get("pss_mb", 0.0) + kilobytes / 1024
    except (OSError, KeyError, StopIteration):
        continue
print(json.dumps(found))
