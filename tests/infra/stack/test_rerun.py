"""Running the playbook for one host of a cluster that is as it should be changes nothing, there or elsewhere."""

import os
import re
import subprocess
from pathlib import Path

testinfra_hosts = ["cluster"]

PROJECT = Path(__file__).parents[3]
RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


def test_a_run_limited_to_this_host_changes_nothing(name, pytestconfig):
    inventory = Path(pytestconfig.option.ansible_inventory).absolute()
    run = subprocess.run(
        ["ansible-playbook", "-i", inventory, "site.yml", "--limit", name],
        cwd=PROJECT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert RECAP.findall(run.stdout) == [(name, "0", "0", "0")], run.stdout + run.stderr
