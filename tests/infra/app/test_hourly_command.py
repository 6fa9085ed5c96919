"""The command that app hosts run every hour: expired rows go, on whichever host it runs, in the release that serves."""

import uuid

import pytest
from toolbox import eventually, name_of, sql

testinfra_hosts = ["app"]

SERVICE, TIMER = "customers-hourly.service", "customers-hourly.timer"


@pytest.fixture
def stored(primary, authorization):
    """Store idempotency keys of some age, and find them again: stored("25 hours")() counts those that are left."""
    keys = []

    def store(age):
        key = f"tests-infra-{uuid.uuid4().hex}"
        keys.append(key)
        sql(
            primary,
            "INSERT INTO serving_idempotentrequest (user_id, key, fingerprint, status, headers, body, created_at) "
            f"SELECT max(id), '{key}', 'x', 201, '{{}}', '', now() - interval '{age}' FROM auth_user",
            "customers",
        )
        return lambda: int(
            sql(primary, f"SELECT count(*) FROM serving_idempotentrequest WHERE key = '{key}'", "customers")[0]
        )

    yield store
    for key in keys:
        sql(primary, f"DELETE FROM serving_idempotentrequest WHERE key = '{key}'", "customers")


def test_its_timer_runs_and_starts_at_boot(host):
    assert host.service(TIMER).is_enabled
    assert host.service(TIMER).is_running
    assert TIMER in host.check_output("systemctl list-timers --no-legend --no-pager")
    assert host.check_output("systemctl show --property=NextElapseUSecRealtime --value %s", TIMER)


def test_it_deletes_what_has_expired_and_nothing_else(host, stored):
    old, young = stored("25 hours"), stored("1 hour")
    host.check_output("systemctl start %s", SERVICE)
    assert (old(), young()) == (0, 1)


def test_all_hosts_at_once_do_no_harm(hosts, stored):
    old, young = stored("25 hours"), stored("1 hour")
    for each in hosts("app"):
        each.check_output("systemctl start --no-block %s", SERVICE)
    for each in hosts("app"):
        assert eventually(
            lambda each=each: each.run("systemctl is-active %s", SERVICE).stdout.strip() == "inactive", 60
        ), name_of(each)
        assert each.check_output("systemctl show --property=Result --value %s", SERVICE) == "success"
    assert (old(), young()) == (0, 1)


def test_it_runs_in_the_release_that_serves(host):
    command = host.check_output("systemctl show --property=ExecStart --value %s", SERVICE)
    assert "/opt/customers/instances/1/run manage.py purge_expired" in command


def test_it_is_sandboxed(host):
    line = host.check_output("systemd-analyze security --no-pager %s", SERVICE).splitlines()[-1]
    assert float(line.split(":")[1].split()[0]) <= 1.5, line
