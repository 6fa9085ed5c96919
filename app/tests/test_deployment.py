"""The settings as a deployed release reads them, and what follows from them."""

import io
import json
import logging
import os
import runpy
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, InternalError, OperationalError, connection
from django.test import RequestFactory
from psycopg_pool import ConnectionPool, TooManyRequests

from config.logs import JsonFormatter
from config.middleware import DatabaseUnavailableMiddleware, is_unavailable

APP = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "SECRET_KEY": "kX3v9-mQ7zW1pL5rT8yB2nC6dF0gH4jK-sA_eU.iO:qZxVbNmRtY",
    "ALLOWED_HOSTS": "customers.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://customers.example.com:8443",
    "DATABASE_HOST": "/run/pgbouncer",
    "DATABASE_PORT": "6432",
    "DATABASE_NAME": "customers",
    "DATABASE_REPLICA_NAME": "customers_ro",
    "DATABASE_USER": "customers",
    "DATABASE_POOL_MIN": "2",
    "DATABASE_POOL_MAX": "4",
    "DATABASE_POOL_TIMEOUT": "12.5",
    "DATABASE_POOL_WAITING": "64",
    "REDIS_URL": "rediss://customers@cache1:6379/0",
    "REDIS_PASSWORD": "not-in-the-url",
    "REDIS_CA_FILE": "/etc/ssl/certs/ca-certificates.crt",
    "REDIS_KEY_PREFIX": "customers",
    "RELEASE_ID": "abc1234-deadbeef",
}


@pytest.fixture
def read(monkeypatch):
    """Reads the settings in the environment of a release, with some variables changed or, if None, absent."""

    def read(**changes: str | None) -> dict:
        for name in list(os.environ):
            if name.startswith(("DATABASE_", "REDIS_")):
                monkeypatch.delenv(name)
        for name, value in (PRODUCTION | changes).items():
            monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
        return runpy.run_path(str(APP / "config" / "settings.py"))

    return read


def manage(*arguments: str, **changes: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-W", "error", "manage.py", *arguments],
        cwd=APP,
        env=PRODUCTION | changes | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_production_environment_passes_the_deployment_check():
    result = manage("check", "--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SECRET_KEY", None),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "x" * 60),
        ("DEBUG", "1"),
        ("DEBUG", "yes"),
        ("ALLOWED_HOSTS", None),
        ("ALLOWED_HOSTS", " , "),
        ("DATABASE_NAME", None),
        ("DATABASE_HOST", None),
        ("DATABASE_USER", None),
        ("DATABASE_POOL_MAX", "four"),
        ("DATABASE_POOL_TIMEOUT", "soon"),
        ("REDIS_URL", None),
    ],
)
def test_what_is_missing_or_unsafe_is_refused_by_name(read, variable, value):
    with pytest.raises(ImproperlyConfigured, match=f"^{variable} "):
        read(**{variable: value})


def test_what_the_key_before_has_signed_stays_valid(read):
    assert read()["SECRET_KEY_FALLBACKS"] == []
    assert read(SECRET_KEY_FALLBACKS="the-one-before")["SECRET_KEY_FALLBACKS"] == ["the-one-before"]


def test_the_refusal_is_one_line():
    result = manage("check", SECRET_KEY="short")
    assert result.returncode == 1
    assert result.stderr == "manage.py: SECRET_KEY must be at least 50 random characters long.\n"


def test_the_databases_go_through_pgbouncer(read):
    databases = read()["DATABASES"]
    assert databases["default"] == {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "/run/pgbouncer",
        "PORT": "6432",
        "NAME": "customers",
        "USER": "customers",
        "PASSWORD": "",
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "prepare_threshold": 5,
            "pool": {"min_size": 2, "max_size": 4, "timeout": 12.5, "max_idle": 10, "max_waiting": 64},
        },
    }
    assert databases["replica"] == databases["default"] | {"NAME": "customers_ro"}


def test_migrations_go_past_it(read):
    settings = read(
        DATABASE_POOL_MAX="0",
        DATABASE_LOCK_TIMEOUT="5000",
        DATABASE_SSLMODE="verify-full",
        DATABASE_SSLROOTCERT="/etc/pergola/tls/services-ca.crt",
    )
    assert settings["DATABASES"]["default"]["OPTIONS"] == {
        "connect_timeout": 5,
        "prepare_threshold": 5,
        "options": "-c lock_timeout=5000",
        "sslmode": "verify-full",
        "sslrootcert": "/etc/pergola/tls/services-ca.crt",
    }


def test_without_a_replica_both_names_are_one_database(read):
    assert read(DATABASE_REPLICA_NAME=None)["DATABASES"]["replica"]["NAME"] == "customers"


def test_the_cache_is_redis_with_short_patience(read):
    cache = read()["CACHES"]["default"]
    assert cache["BACKEND"] == "django_redis.cache.RedisCache"
    assert "not-in-the-url" not in cache["LOCATION"]
    assert cache["OPTIONS"]["PASSWORD"] == "not-in-the-url"
    assert (cache["OPTIONS"]["SOCKET_TIMEOUT"], cache["OPTIONS"]["SOCKET_CONNECT_TIMEOUT"]) == (0.2, 0.2)
    assert cache["OPTIONS"]["CONNECTION_POOL_KWARGS"]["ssl_ca_certs"] == "/etc/ssl/certs/ca-certificates.crt"


def test_only_a_developer_goes_without_redis(read):
    assert "CACHES" not in read(DEBUG="1", RELEASE_ID=None, REDIS_URL=None)


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, stdout=io.StringIO())


def test_static_files_get_names_with_their_hashes(tmp_path):
    result = manage("collectstatic", "--noinput", STATIC_ROOT=str(tmp_path))
    assert result.returncode == 0, result.stderr
    names = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    stylesheet = names["admin/css/base.css"]
    assert stylesheet != "admin/css/base.css"
    assert (tmp_path / stylesheet).is_file()
    assert "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in names


@pytest.mark.django_db
def test_plain_http_is_sent_to_https_unless_a_proxy_did_tls(client):
    response = client.get("/admin/login/")
    assert (response.status_code, response["Location"]) == (301, "https://testserver/admin/login/")
    response = client.get("/admin/login/", headers={"X-Forwarded-Proto": "https"})
    assert response.status_code == 200
    assert response["Strict-Transport-Security"] == "max-age=31536000"
    assert response.cookies["csrftoken"]["secure"]


def test_an_unknown_host_is_refused(client, settings):
    settings.ALLOWED_HOSTS = ["customers.example.com"]
    assert client.get("/api/customers/", headers={"Host": "evil.example.com"}).status_code == 400


def test_an_unreachable_database_is_said_to_pass():
    middleware = DatabaseUnavailableMiddleware(get_response=None)
    request = RequestFactory().get("/api/customers/?search=Ada")
    response = middleware.process_exception(request, OperationalError("connection refused"))
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "refused" not in response.text
    assert middleware.process_exception(request, ValueError()) is None


def test_the_api_says_so_too(api, monkeypatch):
    def fail(**query):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("customers.selectors.customer_page", fail)
    response = api.get("/api/customers/")
    assert (response.status_code, response["Retry-After"]) == (503, "2")


def test_so_do_sessions_and_without_a_traceback(db, client, monkeypatch, caplog):
    def fail(*arguments):
        raise OperationalError("couldn't get a connection after 30.00 sec")

    monkeypatch.setattr("django.contrib.sessions.middleware.SessionMiddleware.process_request", fail)
    client.raise_request_exception = False
    response = client.get("/admin/", headers={"X-Forwarded-Proto": "https"})
    assert (response.status_code, response.get("Retry-After")) == (503, "2")
    (record,) = [record for record in caplog.records if record.name == "django.request"]
    assert json.loads(JsonFormatter().format(record))["exception"].endswith("couldn't get a connection after 30.00 sec")


def test_a_primary_that_was_demoted_is_one_that_is_away():
    error = InternalError("cannot execute INSERT in a read-only transaction")
    error.__cause__ = psycopg.errors.ReadOnlySqlTransaction()
    assert is_unavailable(error)
    assert not is_unavailable(InternalError())
    assert not is_unavailable(IntegrityError())


def test_under_gevent_a_query_lets_other_requests_run():
    """psycopg's own wait, written in C, would hold up the whole process until the database answers."""
    script = """
import gevent.monkey; gevent.monkey.patch_all()
import os, gevent, psycopg

turns = 0

def others():
    global turns
    while True:
        gevent.sleep(0.01)
        turns += 1

with psycopg.connect("", autocommit=True) as connection:
    gevent.spawn(others)
    connection.execute("SELECT pg_sleep(0.3)")
    print(turns)
"""
    database = connection.settings_dict
    address = {f"PG{name}": str(database[name]) for name in ("HOST", "PORT", "USER", "PASSWORD")}
    run = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | address | {"PGDATABASE": "postgres"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) > 0


@pytest.mark.django_db
def test_an_exhausted_pool_refuses_at_once_whoever_comes_when_enough_wait(read):
    """A pool of one connection, which is taken, and one place to wait, which is taken as well."""
    settings = read(DATABASE_POOL_MAX="1", DATABASE_POOL_MIN="1", DATABASE_POOL_WAITING="1")
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory")
    parameters.pop("context")
    with ConnectionPool(kwargs=parameters, open=True, **settings["DATABASES"]["default"]["OPTIONS"]["pool"]) as pool:
        taken = pool.getconn()
        waiting = threading.Thread(target=lambda: pool.putconn(pool.getconn()))
        waiting.start()
        while not pool.get_stats().get("requests_waiting"):
            pass
        with pytest.raises(TooManyRequests) as refused:
            pool.getconn()
        pool.putconn(taken)
        waiting.join()
    assert isinstance(refused.value, psycopg.OperationalError)


def test_a_log_record_is_one_line_of_json():
    try:
        raise ValueError("line 1\nline 2")
    except ValueError:
        record = logging.LogRecord("customers", logging.ERROR, "", 0, "failed: %s", ("Zoë\n",), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("error", "customers", "failed: Zoë\n")
    assert entry["exception"].endswith("\nValueError")
