"""The cache: TLS alone, a user per app that is held to its prefix, nothing on disk."""

import pytest
from sizing import redis_maxmemory_mb
from toolbox import probe

testinfra_hosts = ["redis"]

APP_ENVIRONMENT = "/etc/customers/app.env"
NO_PERMISSION = "NOPERM"

FORBIDDEN = [
    "CONFIG GET maxmemory",
    "CONFIG SET maxmemory 1",
    "FLUSHALL",
    "FLUSHDB",
    "KEYS *",
    "SCAN 0",
    "SHUTDOWN NOSAVE",
    "MONITOR",
    "SAVE",
    "REPLICAOF NO ONE",
    "ACL LIST",
    "CLIENT LIST",
]

CONFIGURATION = ["maxmemory-policy allkeys-lfu", 'save ""', "appendonly no", "port 0"]


@pytest.fixture(scope="module")
def talk(hosts, name):
    """Redis' answers to commands of the app's user, sent from an app host."""

    def ask(*commands):
        return probe(hosts("app")[0], "redis_talk.py", name, "tls", APP_ENVIRONMENT, *commands).splitlines()

    return ask


def test_it_runs_and_starts_at_boot(host):
    assert host.service("redis-server").is_running
    assert host.service("redis-server").is_enabled


@pytest.mark.parametrize("command", ["PING", "GET customers:tests-infra", "INFO", "CONFIG GET *"])
def test_the_unauthenticated_are_refused(hosts, name, command):
    answer = probe(hosts("app")[0], "redis_talk.py", name, "tls", "anonymous", command)
    assert answer.startswith("NOAUTH"), answer


def test_plaintext_is_refused(hosts, name):
    answer = probe(hosts("app")[0], "redis_talk.py", name, "plain", "anonymous", "PING")
    assert answer == "closed the connection"


def test_the_apps_user_works_under_its_prefix(talk):
    key = "customers:tests-infra"
    answers = talk("PING", f"SET {key} here EX 60", f"GET {key}", f"DEL {key}", f"GET {key}")
    assert answers == ["PONG", "OK", "here", "1", "nil"]


@pytest.mark.parametrize(
    "command", ["SET other:key x EX 60", "GET other:key", "DEL other:key", "SET customersx y EX 60"]
)
def test_the_apps_user_is_refused_outside_its_prefix(talk, command):
    assert talk(command)[0].startswith(NO_PERMISSION)


@pytest.mark.parametrize("command", FORBIDDEN)
def test_the_apps_user_runs_no_administration(talk, command):
    assert talk(command)[0].startswith(NO_PERMISSION)


def test_there_is_no_user_but_the_apps(host):
    users = host.check_output("cut -d ' ' -f 2,3 /etc/redis/users.acl").split("\n")
    assert [user for user in users if user] == ["default off", "customers on"]


def test_configuration(host, tier_memory):
    lines = host.file("/etc/redis/pergola.conf").content_string.splitlines()
    expected = [*CONFIGURATION, f"maxmemory {redis_maxmemory_mb(tier_memory('redis'))}mb"]
    assert [line for line in expected if line not in lines] == []


def test_nothing_is_written_to_disk(host):
    files = host.check_output("find /var/lib/redis /run/redis -name '*.rdb' -o -name '*.aof*'")
    assert files == ""
