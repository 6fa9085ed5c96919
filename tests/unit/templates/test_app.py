"""The app's instances, its environment and its tools."""

import ast
import subprocess

import pytest


def settings(text):
    """What gunicorn would read from its configuration file."""
    found = {}
    exec(compile(text, "gunicorn.conf.py", "exec"), found)
    return found


@pytest.fixture(scope="module")
def gunicorn(render):
    return settings(render("app", "gunicorn.conf.py.j2", "app1"))


def test_workers_are_sized_for_the_host(gunicorn):
    assert gunicorn["workers"] == 1
    assert gunicorn["worker_class"] == "gevent"
    assert gunicorn["preload_app"] is False
    assert gunicorn["max_requests"] >= 10_000
    assert gunicorn["max_requests_jitter"] > 0


def test_a_larger_host_gets_more_of_them(render):
    text = render("app", "gunicorn.conf.py.j2", "app1", host_memory_mb=8192, host_cpus=8)
    assert settings(text)["workers"] == 5
    assert settings(render("app", "gunicorn.conf.py.j2", "app1", app_workers=3))["workers"] == 3


def test_threads_are_a_choice(render):
    threaded = settings(render("app", "gunicorn.conf.py.j2", "app1", app_worker_class="gthread"))
    assert threaded["worker_class"] == "gthread"
    assert threaded["threads"] == 4
    assert "worker_connections" not in threaded


def test_only_holders_of_a_certificate_are_served(gunicorn):
    assert gunicorn["cert_reqs"] == 2
    assert gunicorn["ca_certs"] == "/etc/pergola/tls/services-ca.crt"
    assert gunicorn["certfile"] == "/etc/pergola/tls/customers.crt"


def test_forwarded_headers_are_believed_of_the_balancers_alone(gunicorn):
    assert gunicorn["forwarded_allow_ips"] == "10.9.8.11,10.9.8.12"
    assert "bind" not in gunicorn


def environment(stack, of="__app_runtime_environment", **overrides):
    return {name: str(value) for name, value in stack.evaluate(of, "app", "app1", **overrides).items()}


def test_the_environment_of_instances(stack):
    assert environment(stack) == {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "SECRET-secret_key",
        "ALLOWED_HOSTS": "localhost",
        "CSRF_TRUSTED_ORIGINS": "https://localhost:8443",
        "DATABASE_HOST": "/run/pgbouncer",
        "DATABASE_PORT": "6432",
        "DATABASE_NAME": "customers",
        "DATABASE_REPLICA_NAME": "customers_ro",
        "DATABASE_USER": "customers",
        "DATABASE_POOL_MIN": "2",
        "DATABASE_POOL_MAX": "4",
        "DATABASE_POOL_TIMEOUT": "30",
        "REDIS_URL": "rediss://customers@cache1:6379/0",
        "REDIS_PASSWORD": "SECRET-redis_password",
        "REDIS_CA_FILE": "/etc/pergola/tls/services-ca.crt",
        "REDIS_KEY_PREFIX": "customers",
        "LOG_LEVEL": "INFO",
    }


def test_migrations_go_past_the_pool_as_the_owner(stack):
    owner = environment(stack, "__app_owner_environment")
    assert owner["DATABASE_HOST"] == "postgresql.pergola.internal"
    assert owner["DATABASE_PORT"] == "5000"
    assert owner["DATABASE_USER"] == "customers_owner"
    assert owner["DATABASE_SSLMODE"] == "verify-full"
    assert owner["DATABASE_POOL_MAX"] == "0"
    assert int(owner["DATABASE_LOCK_TIMEOUT"]) > 0
    assert "DATABASE_PASSWORD" not in environment(stack)


def test_values_are_quoted_for_systemd(render):
    variables = {"PLAIN": "a b", "ODD": 'say "hi" \\ bye', "NUMBER": 4}
    lines = render("app", "environment.j2", "app1", __app_variables=variables).splitlines()
    assert lines[-3:] == ['PLAIN="a b"', r'ODD="say \"hi\" \\ bye"', 'NUMBER="4"']


@pytest.mark.parametrize(("instance", "port"), [(1, 8001), (2, 8002)])
def test_each_instance_has_a_socket(render, instance, port):
    lines = render("app", "instance.socket.j2", "app1", item=instance).splitlines()
    assert f"ListenStream=10.9.8.21:{port}" in lines
    assert "WantedBy=sockets.target" in lines
    assert not [line for line in lines if "0.0.0.0" in line]


def test_the_unit_of_an_instance(render):
    lines = set(render("app", "instance.service.j2", "app1").splitlines())
    assert {
        "User=customers",
        "Group=customers",
        "EnvironmentFile=/etc/customers/app.env",
        "Type=notify",
        "Restart=always",
        "MemoryMax=384M",
        "UMask=0077",
    } <= lines
    [start] = [line for line in lines if line.startswith("ExecStart=")]
    assert start.startswith(
        "ExecStart=/opt/customers/instances/%i/run -m gunicorn --config /etc/customers/gunicorn.conf.py"
    )
    assert start.endswith("config.wsgi:application")
    assert not [line for line in lines if "Environment=" in line], "an environment in the unit is world-readable"


@pytest.mark.parametrize("template", ["manage.j2", "run.j2"])
def test_scripts_are_valid_and_begin_with_their_interpreter(render, template):
    text = render("app", template, "app1")
    assert text.startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_manage_puts_no_secret_on_a_command_line(render):
    text = render("app", "manage.j2", "app1")
    assert "--property=EnvironmentFile=/etc/customers/app.env" in text
    assert "--setenv" not in text
    assert "cat /etc" not in text


def test_another_app_leaves_no_trace_of_this_one(render):
    app = {"name": "shop", "path": "shop", "wsgi": "shop.wsgi:app", "settings": "shop.settings", "port": 8100}
    for template in ("gunicorn.conf.py.j2", "instance.service.j2", "instance.socket.j2", "manage.j2"):
        text = render("app", template, "app1", cluster_app=app, item=1)
        assert "customers" not in text
        assert "shop" in text or "8101" in text
    ast.parse(render("app", "gunicorn.conf.py.j2", "app1", cluster_app=app))
