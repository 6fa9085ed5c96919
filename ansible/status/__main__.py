"""The command behind `make status`. Exit code: 0 all is well, 1 something is wrong, 2 it can't be told."""

import argparse
import datetime
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from status.findings import DEFAULT_INVENTORY, findings
from status.screen import render

PROJECT = Path(__file__).resolve().parents[2]
FRONT_DOOR_SECONDS = 5
# A connection of its own, since one that an earlier run left open to a dead host would hang for long.
SSH = "-o ControlPath=none -o ServerAliveInterval=3 -o ServerAliveCountMax=2"


def main():
    """Ask, judge, show."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads may stop, as head does
    options = arguments()
    note(f"asking the hosts of {options.inventory} ...")
    answer, trouble = gather(options.inventory)
    note("")
    if trouble:
        hint = "\nIs there a lab? `make up` makes it." if options.inventory == DEFAULT_INVENTORY else ""
        print(f"status: cannot tell:\n{trouble}{hint}", file=sys.stderr)
        return 2
    report = assemble(answer, options.inventory)
    found = findings(report)
    if options.json:
        print(json.dumps(report | {"findings": [finding._asdict() for finding in found]}, indent=2))
    else:
        print(render(report, found, colour=sys.stdout.isatty()), end="")
    return 1 if found else 0


def arguments():
    """What was typed."""
    parser = argparse.ArgumentParser(prog="status", description=__doc__)
    parser.add_argument("--inventory", default=DEFAULT_INVENTORY, help="the inventory to ask (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="the whole report for programs")
    return parser.parse_args()


def note(text):
    """Say where we are, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def gather(inventory):
    """(what the hosts said, "") or (None, why there is nothing)."""
    ansible = Path(sys.executable).with_name("ansible-playbook")
    with tempfile.TemporaryDirectory(prefix="pergola-status-") as directory:
        file = Path(directory, "report.json")
        done = subprocess.run(
            [
                *(ansible, "ansible/playbooks/status.yml", "--inventory", inventory),
                *("--timeout", "5", "--ssh-extra-args", SSH, "--extra-vars", f"status_report={file}"),
            ],
            cwd=PROJECT,
            env=os.environ | {"ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if file.exists():
            answer = json.loads(file.read_text(encoding="utf-8"))
            return (answer, "") if answer["names"] else (None, "the inventory has no hosts")
    return None, complaint(done.stdout + done.stderr)


def complaint(said):
    """Why Ansible gave up: its errors once each, else its warnings, else the end of what it said."""
    lines = list(dict.fromkeys(line for line in said.splitlines() if line.strip()))
    errors = [line for line in lines if line.startswith(("[ERROR]", "ERROR!"))]
    warnings = [line for line in lines if line.startswith("[WARNING]")]
    return "\n".join(errors or warnings or lines[-12:])


def assemble(answer, inventory):
    """The report: what the hosts said and what the front door answers from here."""
    tiers = {host: [tier for tier, names in answer["groups"].items() if host in names] for host in answer["names"]}
    hosts = {
        name: {
            "address": address,
            "tiers": tiers[name],
            "unreachable": said.get("unreachable", False),
            "message": said.get("msg", ""),
            "status": said.get("status", {}),
        }
        for name, address, said in zip(answer["names"], answer["addresses"], answer["answers"], strict=True)
    }
    return {
        "cluster": answer["cluster"],
        "inventory": inventory,
        "time": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "virtual_address": answer["virtual_address"],
        "apps": answer["apps"],
        "instances": int(answer["instances"]),
        "front_door": {"url": answer["url"], "answer": knock(f"{answer['url']}/healthz", answer["authority"])},
        "hosts": hosts,
    }


def knock(url, authority):
    """The word "ok", or what a visitor gets instead; the cluster's own authority is trusted along with the system's."""
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority)
    try:
        with urllib.request.urlopen(url, timeout=FRONT_DOOR_SECONDS, context=context) as answer:
            return "ok" if answer.status == 200 else str(answer.status)
    except (OSError, http.client.HTTPException) as fault:
        return str(getattr(fault, "reason", fault))


if __name__ == "__main__":
    sys.exit(main())
