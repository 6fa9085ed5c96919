"""Hosts of a lab as machines: to be killed and started again."""

import contextlib
import subprocess
import threading
from pathlib import Path

from toolbox import eventually

ROOT = Path(__file__).parents[2]
LABS = {
    ROOT / "molecule" / "inventory": "test",
    ROOT / "molecule" / "single" / "inventory": "single",
    ROOT / "inventories" / "lab": "dev",
    ROOT / "tests" / "load" / "inventory": "bench",
}


class Lab:
    """The lab that belongs to an inventory; there is none for real hosts."""

    def __init__(self, inventory):
        if inventory not in LABS:
            raise ValueError(f"{inventory} is not the inventory of a lab: a scenario would kill real hosts")
        self.name = LABS[inventory]

        state = ROOT / ".lab" / self.name
        variables = dict(line.split("=", 1) for line in (state / "lab.env").read_text().splitlines())
        self.prefix = variables["LAB_PREFIX"]
        self.ssh = ["ssh", "-F", str(state / "ssh_config")]

    def podman(self, *arguments):
        """Output of podman as the lab uses it."""
        command = [ROOT / "lab" / "lab", "--lab", self.name, "podman", *arguments]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def kill(self, host):
        """Take the power from a host: its peers hear nothing any more, and every process gets SIGKILL."""
        # First the link, since the kernel closes the connections of whom it kills.
        self.podman("exec", f"{self.prefix}-{host}", "ip", "link", "set", "eth0", "down")
        self.podman("kill", "--signal", "KILL", f"{self.prefix}-{host}")

    def start(self, host):
        """Give it back, and wait until the host answers."""
        self.podman("start", f"{self.prefix}-{host}")
        subprocess.run([*self.ssh, "-O", "exit", host], capture_output=True)  # or a dead connection would be used again
        assert eventually(lambda: self._boots(host), seconds=60), f"{host} does not answer over ssh"

    @contextlib.contextmanager
    def cut_off(self, host, peers):
        """For as long as the block lasts, what a host sends to some others gets lost; it hears of no error."""
        exec_there = ["exec", f"{self.prefix}-{host}"]
        addresses = [self.podman(*exec_there, "getent", "ahostsv4", peer).split()[0] for peer in peers]
        for address in addresses:
            # To where nobody is.
            nobody = ["lladdr", "02:00:00:00:00:00", "nud", "permanent", "dev", "eth0"]
            self.podman(*exec_there, "ip", "neigh", "replace", address, *nobody)
        try:
            yield
        finally:
            for address in addresses:
                self.podman(*exec_there, "ip", "neigh", "del", address, "dev", "eth0")

    @contextlib.contextmanager
    def rebooting(self):
        """For as long as the block lasts, a host that has shut down starts again: a container alone would stay down."""
        ended = threading.Event()
        ours = ["--filter", f"label=pergola.lab={self.prefix}", "--filter", "status=exited"]

        def watch():
            while not ended.wait(0.5):
                for name in self.podman("ps", "--all", *ours, "--format", "{{.Names}}").split():
                    self.podman("start", name)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def _boots(self, host):
        command = [*self.ssh, host, "systemctl is-system-running --wait"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() in ("running", "degraded")
