"""An app host dies under load, and comes back."""

import time
import types

import pytest
from probe import Bound, Probe, Settings, record
from toolbox import eventually, name_of

# Reads that were under way on it are done again elsewhere. A write is not, as nobody knows whether it was done: those
# of twenty visitors that met the host fail.
BOUND = Bound(failed=10, gap_s=5)
PACE = Settings(reads_per_second=120, writes_per_second=15)


@pytest.fixture(scope="module")
def killed(hosts):
    return name_of(hosts("app")[0])


@pytest.fixture(scope="module")
def story(lab, hosts, killed, visitors):
    """What happened, in this order."""
    told = types.SimpleNamespace()
    with Probe(visitors, PACE) as probe:
        assert probe.answered(15)
        lab.kill(killed)
        told.went_on = probe.answered(60)
        # What waits for the dead host is given up within that time.
        time.sleep(PACE.timeout + 5)
        lab.start(killed)
        told.ready = eventually(
            lambda: hosts(killed)[0].run("systemctl is-active customers@1").stdout.strip() == "active"
        )
        assert probe.answered(15)
    told.report = probe.report
    return told


def test_the_others_go_on(story):
    assert story.went_on


def test_the_host_comes_back_by_itself(story):
    assert story.ready


def test_no_read_fails(story):
    assert not [reason for reason in story.report.reasons if reason.startswith("read")], str(story.report)


def test_the_bounds_held(story):
    assert record("an app host is killed", [story.report], BOUND), str(story.report)
