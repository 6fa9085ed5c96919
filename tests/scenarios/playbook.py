"""A playbook as an operator runs it, and as it ends when the operator's machine dies in the middle."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.+)\] \**$")
RECAP = re.compile(
    r"^(?P<host>\S+) +: ok=\d+ +changed=(?P<changed>\d+) +unreachable=(?P<unreachable>\d+) +failed=(?P<failed>\d+)"
)


@dataclass
class Run:
    """What a run said, and how it ended."""

    killed: bool = False
    status: int = 0
    lines: list = field(default_factory=list)
    tasks: list = field(default_factory=list)

    @property
    def recap(self):
        """What each host came to, by its name."""
        found = [match for line in self.lines if (match := RECAP.match(line))]
        return {
            match["host"]: {key: int(match[key]) for key in ("changed", "unreachable", "failed")} for match in found
        }

    @property
    def changed(self):
        """Tasks that changed something, by host; none where all is as it should be."""
        return {host: counts["changed"] for host, counts in self.recap.items() if counts["changed"]}

    @property
    def output(self):
        """All of it."""
        return "\n".join(self.lines)


class Playbook:
    """site.yml for one inventory, or another playbook."""

    def __init__(self, inventory, *options, file="site.yml"):
        self.command = ["ansible-playbook", "-i", str(inventory), file, *options]

    def __call__(self, *arguments, status=0):
        """Run it to its end, which has to be this one."""
        run = self._run(*arguments)
        assert run.status == status, run.output
        return run

    def killed_in(self, task, *arguments, after=0.5):
        """Run it, and kill it so many seconds after it has begun with a task."""
        run = self._run(*arguments, until=task, after=after)
        assert run.killed, f"it never came to {task}:\n{run.output}"
        return run

    def _run(self, *arguments, until=None, after=0.0):
        run = Run()
        with subprocess.Popen(
            [*self.command, *arguments],
            cwd=ROOT,
            env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout:
                run.lines.append(line.rstrip("\n"))
                if match := TASK.match(line.rstrip("\n")):
                    run.tasks.append(match["name"])
                    if match["name"] == until:
                        time.sleep(after)
                        kill_tree(process.pid)
                        run.killed = True
                        break
            process.stdout.close()
        run.status = process.returncode
        return run


def kill_tree(pid):
    """SIGKILL for a process and all that it has started; each is stopped first, so that none gets away."""
    os.kill(pid, signal.SIGSTOP)
    for child in children(pid):
        kill_tree(child)
    os.kill(pid, signal.SIGKILL)


def children(pid):
    """Processes whose parent is this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found.append(int(path.parent.name))
    return found
