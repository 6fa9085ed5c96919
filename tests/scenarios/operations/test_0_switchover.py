"""The primary moves, because somebody wants it to, under load."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, primaries, states
from toolbox import eventually, patroni_cluster

# Writes wait in PgBouncer as long as PostgreSQL takes to stop where it was and to be promoted where it shall be. One
# second of it is Patroni's, which looks so often whether PostgreSQL has stopped.
PAUSE_S = 2
# To a visitor it is longer by what a write takes by itself, over a new connection to the new primary, and by the time
# until the next one comes.
BOUND = Bound(failed=0, gap_s=PAUSE_S + 0.5)
PACE = Settings(reads_per_second=120, writes_per_second=15)


def replicas(hosts, *roles):
    """Names of replicas with one of these roles."""
    return sorted(member["name"] for member in patroni_cluster(hosts("postgres")[0]) if member["role"] in roles)


def well(hosts):
    """Whether both replicas stream, and commits wait for one of them."""
    return states(hosts) == ["running", "streaming", "streaming"] and replicas(hosts, "sync_standby")


def pauses(host, since):
    """How long PgBouncer has held writes back, by its own words, each time."""
    command = f"journalctl --unit=pgbouncer --since=@{since} --output=short-unix --grep='(PAUSE|RESUME) .* issued'"
    lines = [line.split() for line in host.check_output(command).splitlines() if "issued" in line]
    begun = [float(line[0]) for line in lines if "PAUSE" in line]
    ended = [float(line[0]) for line in lines if "RESUME" in line]
    return [end - begin for begin, end in zip(begun, ended, strict=True)]


@pytest.fixture(scope="module")
def story(hosts, visitors, verb):
    """Three switchovers, to whoever may take over."""
    told = types.SimpleNamespace(primaries=[leader(hosts)], since=hosts("app")[0].check_output("date +%s"))
    with Probe(visitors, PACE) as probe:
        assert probe.answered(10)
        for _ in range(3):
            assert eventually(lambda: well(hosts), seconds=60)
            verb("switchover")()
            assert probe.answered(10)
            told.primaries.append(leader(hosts))
    told.report = probe.report
    told.pauses = [seconds for host in hosts("app") for seconds in pauses(host, told.since)]
    return told


def test_the_primary_moves_each_time(story):
    assert all(before != after for before, after in zip(story.primaries, story.primaries[1:], strict=False))


def test_writes_wait_for_as_long_as_it_takes_and_no_longer(story, hosts):
    print("writes were held back for", ", ".join(f"{seconds:.2f} s" for seconds in story.pauses))
    assert len(story.pauses) == 3 * len(hosts("app"))
    assert max(story.pauses) <= PAUSE_S, story.pauses


def test_nobody_noticed(story):
    assert record("three switchovers", [story.report], BOUND), str(story.report)


def test_to_the_primary_itself_is_nothing_to_do(story, hosts, verb):
    assert verb("switchover")("-e", f"candidate={leader(hosts)}").changed == {}


def test_whom_commits_do_not_wait_for_is_refused(story, hosts, verb):
    assert eventually(lambda: well(hosts), seconds=60)
    before = leader(hosts)
    (behind,) = replicas(hosts, "replica")
    run = verb("switchover")("-e", f"candidate={behind}", status=2)
    assert f"{behind} can't take over without losing commits. Who can: " in run.output
    assert primaries(hosts) == [before]


def test_a_name_that_is_no_database_host_is_refused(hosts, verb):
    run = verb("switchover")("-e", "candidate=app1", status=2)
    assert "candidate app1 is no database host of" in run.output
