"""Passwords and keys are replaced under load; what was known before opens nothing."""

import json
import types

import pytest
import yaml
from probe import Bound, Probe, Settings, record
from scenarios.cluster import states
from toolbox import eventually

# Redis restarts to take the new passwords too, and to take them alone; in between instances restart one by one.
BOUND = Bound(failed=0, gap_s=5)
PACE = Settings(reads_per_second=120, writes_per_second=10)
PSQL = "PGPASSWORD={password} psql --no-psqlrc --tuples-only --no-align --command='SELECT 1' {address} 2>&1"
ADDRESS = (
    "'host={host} port=5000 dbname=customers user=customers sslmode=verify-full "
    "sslrootcert=/etc/pergola/tls/services-ca.crt'"
)
REDIS = (
    "REDISCLI_AUTH={password} redis-cli --tls --cacert /etc/pergola/tls/services-ca.crt -h cache1 --user customers "
    "GET customers:nothing 2>&1"
)


def django(host, expression):
    """What the app says to an expression of Django's signing."""
    code = f"from django.core import signing; import json; print(json.dumps({expression}))"
    return json.loads(host.check_output(f'customers-manage shell --no-imports --verbosity 0 --command "{code}"'))


@pytest.fixture(scope="module")
def story(inventory, hosts, visitors, verb, site):
    """What was known before and after."""
    file = inventory / "group_vars" / "cluster" / "secrets.yml"
    told = types.SimpleNamespace(before=yaml.safe_load(file.read_text()))
    told.began = int(hosts("app")[0].check_output("date +%s"))
    told.signed = django(hosts("app")[0], "signing.dumps('me')")
    with Probe(visitors, PACE) as probe:
        assert probe.answered(10)
        verb("rotate_secrets")()
        assert probe.answered(10)
    told.report = probe.report
    told.after = yaml.safe_load(file.read_text())
    told.again = site()

    # Somebody else's copy of the inventory.
    now = file.read_text()
    file.write_text(yaml.safe_dump(told.before))
    try:
        told.older = site(status=2)
    finally:
        file.write_text(now)
    return told


def app_secret(secrets, name):
    """One of the app's."""
    return secrets["secrets_apps"]["customers"][name]


def test_the_database_takes_the_new_password_alone(story, hosts, cluster):
    app = hosts("app")[0]
    address = ADDRESS.format(host=f"postgresql.{cluster.cluster_domain}")
    new, old = [
        app.run(PSQL.format(password=app_secret(secrets, "database_password"), address=address)).stdout.strip()
        for secrets in (story.after, story.before)
    ]
    assert new == "1"
    assert "password authentication failed" in old


def test_redis_takes_the_new_password_alone(story, hosts):
    new, old = [
        hosts("redis")[0].run(REDIS.format(password=app_secret(secrets, "redis_password"))).stdout.strip()
        for secrets in (story.after, story.before)
    ]
    assert new == ""
    assert "WRONGPASS" in old


def test_redis_refused_no_instance_meanwhile(story, hosts):
    for host in hosts("app"):
        journal = host.check_output(f"journalctl --no-pager --output=cat --since=@{story.began} --unit='customers@*'")
        assert "WRONGPASS" not in journal
        assert "invalid username-password" not in journal


def test_the_old_password_is_forgotten(story):
    assert "redis_password_before" not in story.after["secrets_apps"]["customers"]


def test_what_was_signed_before_is_still_valid(story, hosts):
    for host in hosts("app"):
        assert django(host, f"signing.loads('{story.signed}')") == "me"


def test_authorities_and_the_admins_password_stay(story):
    assert story.after["secrets_authorities"] == story.before["secrets_authorities"]
    assert app_secret(story.after, "admin_password") == app_secret(story.before, "admin_password")


def test_replicas_stream_and_the_run_after_that_changes_nothing(story, hosts):
    assert eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=60), states(hosts)
    assert story.again.changed == {}


def test_who_has_the_old_secrets_is_refused(story):
    assert f"have the secrets of {story.after['secrets_rotated']}, which are newer" in story.older.output
    assert story.older.changed == {}


def test_nobody_noticed(story):
    assert record("passwords and keys are replaced", [story.report], BOUND), str(story.report)
