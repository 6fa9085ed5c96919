"""Running the playbook for one host of a cluster that is as it should be changes nothing, there or elsewhere."""

from toolbox import site

testinfra_hosts = ["cluster"]


def test_a_run_limited_to_this_host_changes_nothing(name, pytestconfig):
    said, recap = site(pytestconfig.option.ansible_inventory, "--limit", name)
    assert recap == [(name, "0", "0", "0")], said
