"""Scenarios name tasks of the playbook and need a lab; what can be checked without one is checked here."""

import pytest
import yaml
from harness import PROJECT
from scenarios.lab import LABS, Lab
from scenarios.playbook import RECAP, TASK, Run

SCENARIOS = PROJECT / "tests" / "scenarios"


def test_every_folder_of_scenarios_belongs_to_one_of_molecule():
    for folder in {path.parent for path in SCENARIOS.glob("*/test_*.py")}:
        settings = yaml.safe_load((PROJECT / "molecule" / folder.name / "molecule.yml").read_text())
        assert (PROJECT / "molecule" / folder.name / settings["verifier"]["directory"]).resolve() == folder


def test_no_scenario_runs_on_real_hosts():
    assert PROJECT / "inventories" / "production" not in LABS
    with pytest.raises(ValueError, match="not the inventory of a lab"):
        Lab(PROJECT / "inventories" / "production")


def test_a_run_is_read_line_by_line():
    lines = [
        "TASK [etcd : Start the member] *************************",
        "db1                        : ok=41   changed=2    unreachable=0    failed=0    skipped=8    rescued=0",
        "db2                        : ok=38   changed=0    unreachable=1    failed=0    skipped=5    rescued=0",
    ]
    assert TASK.match(lines[0])["name"] == "etcd : Start the member"
    run = Run(lines=lines)
    assert run.changed == {"db1": 2}
    assert run.recap["db2"] == {"changed": 0, "unreachable": 1, "failed": 0}
    assert not RECAP.match(lines[0])
