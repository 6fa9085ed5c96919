"""The cache: TLS, one user per app, nothing on disk."""

import hashlib

import pytest


@pytest.fixture(scope="module")
def redis(render):
    lines = [line for line in render("redis", "pergola.conf.j2").splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines)


def test_only_tls(redis):
    assert redis["port"] == "0"
    assert redis["tls-port"] == "6379"
    assert redis["bind"] == "10.9.8.41 127.0.0.1"
    assert redis["tls-cert-file"] == "/etc/pergola/tls/redis.crt"


def test_it_is_a_cache(redis):
    assert redis["maxmemory"] == "288mb"
    assert redis["maxmemory-policy"] == "allkeys-lfu"
    assert redis["save"] == '""'
    assert redis["appendonly"] == "no"


def test_passwords_are_in_no_configuration(redis):
    assert redis["aclfile"] == "/etc/redis/users.acl"
    assert not {"requirepass", "user", "masterauth"} & redis.keys()
    assert redis.get("protected-mode", "yes") == "yes"


def test_one_variable_overrides_the_memory(render):
    assert "maxmemory 1000mb\n" in render("redis", "pergola.conf.j2", redis_maxmemory_mb=1000)


def test_users(render):
    [default, customers] = render("redis", "users.acl.j2").splitlines()
    assert default == "user default off resetpass resetkeys resetchannels -@all"
    words = customers.split()
    assert words[:3] == ["user", "customers", "on"]
    assert f"#{hashlib.sha256(b'SECRET-redis_password').hexdigest()}" in words
    assert [word for word in words if word.startswith("~")] == ["~customers:*"]
    assert words.index("-@all") < words.index("+@read")
    assert "resetchannels" in words
    # What names other apps' keys, or orders the server about, is taken away after whatever allowed it.
    for refused in ("-@admin", "-@dangerous", "-scan", "-randomkey"):
        assert words.index(refused) > max(index for index, word in enumerate(words) if word.startswith("+@"))
    assert not {"+@all", "allcommands", "allkeys", "nopass", "+@dangerous", "+@admin"} & set(words)


def test_a_user_has_two_passwords_while_secrets_rotate(render):
    user = {"name": "shop", "password": "new", "password_before": "old", "prefix": "shop:"}
    [_, line] = render("redis", "users.acl.j2", redis_users=[user]).splitlines()
    hashes = [f"#{hashlib.sha256(password).hexdigest()}" for password in (b"new", b"old")]
    assert [word for word in line.split() if word.startswith("#")] == hashes


def test_nothing_may_be_written(render):
    assert "ReadWritePaths=" in render("redis", "redis-server.service.j2").splitlines()
