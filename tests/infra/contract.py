"""schemathesis against a running API: valid and invalid requests of what its schema describes, with every check.

The requests are the same in every run. They change and delete only customers that they created."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CONTRACT = Path(__file__).parents[2] / "app" / "tests" / "contract"
GENERATED = re.compile(r"^ *(\d+) generated", re.MULTILINE)
# Load balancers refuse a client that asks more often; a 429 would show nothing.
RATE = "50/s"
REMOVE = "from customers.models import Customer; Customer.objects.filter(email__endswith='@contract.example').delete()"


@dataclass
class Run:
    """What a run found, and how many requests it made up."""

    status: int
    output: str

    @property
    def cases(self):
        """How many requests were generated; 0 where the run did not come so far."""
        found = GENERATED.search(self.output)
        return int(found[1]) if found else 0


def schemathesis(url, headers, certificate, folder, *options):
    """Run it with options of its own, against a URL whose certificate is of this authority."""
    authority = folder / "authority.pem"
    authority.write_text(certificate)
    command = [Path(sys.executable).with_name("st"), "--config-file", CONTRACT / "schemathesis.toml", "run"]
    command += [f"{url}/api/schema/", "--tls-verify", authority, "--rate-limit", RATE, "--no-color", *options]
    # Logins are limited to few in a minute.
    command += ["--exclude-path", "/api/token/"]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(CONTRACT / "hooks.py"), "NO_PROXY": "*"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return Run(done.returncode, done.stdout + done.stderr)
