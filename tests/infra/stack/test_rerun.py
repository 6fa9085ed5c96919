"""Running the playbook for one host of a cluster that is as it should be changes nothing, there or elsewhere."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from toolbox import site

testinfra_hosts = ["cluster"]

# A run waits for its host more than it computes.
AT_ONCE = 3


@pytest.fixture(scope="module")
def runs(pytestconfig, names):
    """For each host, a run that is limited to it: what it said, and its recap, when it is done."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(site, pytestconfig.option.ansible_inventory, "--limit", name) for name in names("cluster")
        }


def test_a_run_limited_to_this_host_changes_nothing(name, runs):
    said, recap = runs[name].result()
    assert recap == [(name, "0", "0", "0")], said
