"""Everything on one host, then on many under load; the primary moves, and the first host leaves."""

import types

import pytest
from probe import Bound, Probe, Settings, Target, record
from scenarios.cluster import leader, states, traces
from scenarios.lab import ROOT
from scenarios.playbook import Playbook
from toolbox import eventually, sql

FIRST = "db1"
ALONE, TOGETHER = (ROOT / "molecule" / "outgrown" / name for name in ("alone", "together"))
# The first host's nginx and PgBouncer get their new settings by a reload, its app restarts instance by instance.
GROWING = Bound(failed=0)
# The shared address may move once, and takes no open connection along: at most one request of each of twenty visitors.
LEAVING = Bound(failed=20, gap_s=6)
PACE = Settings(reads_per_second=60, writes_per_second=6)
CUSTOMERS = (
    "SELECT count(*) || ' ' || md5(string_agg(md5(customers::text), '' ORDER BY id)) FROM customers_customer customers "
    "WHERE email NOT LIKE '%@probe.example'"
)


@pytest.fixture(scope="module")
def alone(lab, hosts):
    """The one host with customers, and what the second run of the playbook changed."""
    site = Playbook(ALONE, "--extra-vars", "cluster_virtual_address=")
    site()
    hosts(FIRST)[0].check_output("customers-manage seed_customers --count 5000")
    return types.SimpleNamespace(again=site(), customers=customers(hosts(FIRST)[0]))


def customers(host):
    """All of them in one word, as this host's PostgreSQL has them."""
    return sql(host, CUSTOMERS, database="customers")[0]


@pytest.fixture(scope="module")
def story(request, alone, variables, without):
    """What happened, in this order."""
    told = types.SimpleNamespace()
    visitors = request.getfixturevalue("visitors")  # whose user had no app to be made by, before
    # By the host that there is: the shared address is yet to come.
    first = Target(
        url=f"https://{variables(FIRST).host_address}",
        trust=visitors.trust,
        headers=visitors.headers | {"Host": visitors.url.removeprefix("https://")},
    )
    with Probe(first, PACE) as probe:
        assert probe.answered(10)
        Playbook(TOGETHER)()
        assert probe.answered(10)
    told.growing = probe.report
    told.settled = Playbook(TOGETHER)()
    with Probe(visitors, PACE) as probe:
        assert probe.answered(10)
        Playbook(TOGETHER, file="ansible/playbooks/switchover.yml")("-e", "candidate=db2")
        assert probe.answered(10)
        Playbook(TOGETHER, file="ansible/playbooks/remove_node.yml")("-e", f"node={FIRST}")
        assert probe.answered(10)
        site = without([FIRST])
        site()
        assert probe.answered(10)
    told.leaving = probe.report
    told.again = site()
    return told


def test_no_run_changes_anything_that_the_one_before_has_left_as_it_should_be(alone, story):
    assert alone.again.changed == {}
    assert story.settled.changed == {}
    assert story.again.changed == {}


def test_every_row_is_there(alone, story, hosts):
    assert alone.customers.startswith("5000 ")
    assert customers(hosts("db2")[0]) == alone.customers


def test_the_others_go_on_without_the_first_host(story, hosts):
    assert leader(hosts, without=[FIRST]) == "db2"
    assert eventually(lambda: states(hosts, without=[FIRST]) == ["running", "streaming"], seconds=60)


def test_nothing_of_the_cluster_is_left_on_it(story, hosts):
    assert traces(hosts(FIRST)[0]) == ""


def test_no_visitor_noticed(story):
    assert record("one host becomes many", [story.growing], GROWING), str(story.growing)
    assert record("the first of them leaves", [story.leaving], LEAVING), str(story.leaving)
