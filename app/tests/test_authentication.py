import io
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from serving import authentication
from tests.access import header, permitted, token_of

PASSWORD = "a passphrase of some length"
PRIVATE = ["/api/customers/", "/api/customers/1/", "/api/customers/stats/"]
PUBLIC = ["/healthz", "/readyz", "/api/schema/", "/api/docs/", "/admin/login/"]


@pytest.mark.django_db
@pytest.mark.parametrize("url", PRIVATE)
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_nothing_is_done_for_strangers(anonymous, url, method):
    response = getattr(anonymous, method)(url)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"


@pytest.mark.django_db
@pytest.mark.parametrize("url", PUBLIC)
def test_what_strangers_may_see(anonymous, url):
    assert anonymous.get(url).status_code == 200


@pytest.mark.django_db
def test_every_url_of_the_api_is_private_unless_listed(anonymous):
    schema = anonymous.get("/api/schema/", {"format": "json"}).json()
    operations = [(path, operation) for path, methods in schema["paths"].items() for operation in methods.values()]
    for path, operation in operations:
        assert path == "/api/token/" or {} not in operation["security"]


@pytest.mark.django_db
def test_a_made_up_token_is_refused(anonymous):
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {'0' * 40}")
    assert anonymous.get("/api/customers/").status_code == 401


def test_a_token_is_handed_out_for_a_password(user, anonymous):
    response = anonymous.post("/api/token/", {"username": "ada", "password": PASSWORD})
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {response.json()['token']}")
    assert anonymous.get("/api/customers/").status_code == 200


def test_a_void_token_does_not_keep_anyone_from_getting_another(user, anonymous):
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {'0' * 40}")
    assert anonymous.post("/api/token/", {"username": "ada", "password": PASSWORD}).status_code == 200


def test_and_for_nothing_else(user, anonymous):
    response = anonymous.post("/api/token/", {"username": "ada", "password": "guess"})
    assert response.status_code == 400
    assert "token" not in response.json()


def test_a_deactivated_users_token_is_void(user, api):
    user.is_active = False
    user.save()
    assert api.get("/api/customers/").status_code == 401


def test_a_deleted_token_is_void(user, api):
    user.auth_token_set.all().delete()
    assert api.get("/api/customers/").status_code == 401


def test_a_session_serves_as_well_but_writes_only_with_a_csrf_token(user):
    browser = APIClient(enforce_csrf_checks=True, HTTP_X_FORWARDED_PROTO="https")
    browser.force_login(user)
    assert browser.get("/api/customers/").status_code == 200
    assert browser.post("/api/customers/", {}).status_code == 403


def test_admin_is_for_staff(user, anonymous):
    anonymous.force_login(user)
    assert anonymous.get("/admin/").status_code == 302


def test_a_program_with_a_token_needs_no_session(api):
    api.cookies["sessionid"] = "made-up"
    request = api.get("/api/customers/").wsgi_request
    assert not hasattr(request, "session")
    assert not hasattr(request, "_messages")


def test_who_comes_with_another_header_is_still_known_by_the_session(user):
    browser = APIClient(HTTP_X_FORWARDED_PROTO="https")
    browser.force_login(user)
    assert browser.get("/api/customers/", headers={"Authorization": "Basic Zm9vOmJhcg=="}).status_code == 200
    assert browser.get("/admin/", headers={"Authorization": "Token made-up"}).wsgi_request.session


WRITES = {"post": "add", "put": "change", "patch": "change", "delete": "delete"}


@pytest.mark.parametrize("url", PRIVATE)
def test_an_account_without_permissions_is_refused(anonymous, db, url):
    anonymous.credentials(HTTP_AUTHORIZATION=header(User.objects.create_user("bob")))
    for method in ("get", "head", *WRITES):
        response = getattr(anonymous, method)(url)
        assert response.status_code == 403, method
        assert method == "head" or response.json().keys() == {"detail"}


@pytest.mark.parametrize("method", WRITES)
def test_each_way_of_writing_has_its_permission(anonymous, make, method):
    url = "/api/customers/" if method == "post" else f"/api/customers/{make().pk}/"
    body = {"first_name": "Ada", "last_name": "Lovelace", "email": "new@example.com"}
    others = [f"{action}_customer" for action in {"view", *WRITES.values()} - {WRITES[method]}]
    user = permitted(User.objects.create_user("bob"), *others)
    anonymous.credentials(HTTP_AUTHORIZATION=header(user))
    assert getattr(anonymous, method)(url, body).status_code == 403
    permitted(user, f"{WRITES[method]}_customer")
    assert getattr(anonymous, method)(url, body).status_code in {200, 201, 204}


@pytest.mark.parametrize(("group", "may_write"), [("Customer readers", False), ("Customer writers", True)])
def test_groups_for_readers_and_writers(anonymous, make, group, may_write):
    user = User.objects.create_user("bob")
    user.groups.add(Group.objects.get(name=group))
    anonymous.credentials(HTTP_AUTHORIZATION=header(user))
    url = f"/api/customers/{make().pk}/"
    assert anonymous.get(url).status_code == 200
    assert anonymous.patch(url, {"city": "London"}).status_code == (200 if may_write else 403)
    assert anonymous.delete(url).status_code == (204 if may_write else 403)


def test_a_session_needs_the_same_permissions(db):
    browser = APIClient(HTTP_X_FORWARDED_PROTO="https")
    browser.force_login(User.objects.create_user("bob"))
    assert browser.get("/api/customers/").status_code == 403


def test_a_user_has_several_tokens_that_end_one_by_one(user, anonymous):
    first, second = (
        anonymous.post("/api/token/", {"username": "ada", "password": PASSWORD, "name": name}).json()["token"]
        for name in ("laptop", "crawler")
    )
    user.auth_token_set.get(name="laptop").delete()
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {first}")
    assert anonymous.get("/api/customers/").status_code == 401
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {second}")
    assert anonymous.get("/api/customers/").status_code == 200


def test_the_database_holds_no_token_in_clear(user, anonymous):
    token = anonymous.post("/api/token/", {"username": "ada", "password": PASSWORD}).json()["token"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_token::text FROM accounts_token")
        [[row]] = cursor.fetchall()
    assert token not in row


def test_a_token_for_a_password_ends_after_thirty_days_unless_the_request_says_otherwise(user, anonymous):
    login = {"username": "ada", "password": PASSWORD}
    expiry = parse_datetime(anonymous.post("/api/token/", login).json()["expiry"])
    assert abs(expiry - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert anonymous.post("/api/token/", login | {"expiry": None}).json()["expiry"] is None
    assert anonymous.post("/api/token/", login | {"expiry": "9999-12-31T23:59:59.999999Z"}).status_code == 200
    response = anonymous.post("/api/token/", login | {"expiry": "2020-01-01T00:00:00Z"})
    assert (response.status_code, list(response.json())) == (400, ["expiry"])


def test_an_expired_token_is_void(user, anonymous):
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user, expiry=timedelta(seconds=-1))}")
    assert anonymous.get("/api/customers/").status_code == 401


def test_the_day_of_the_latest_use_is_kept(user, api):
    assert user.auth_token_set.get().last_used_on is None
    api.get("/api/customers/")
    assert user.auth_token_set.get().last_used_on == datetime.now(UTC).date()


def test_only_administrators_create_tokens_for_others(user, db):
    for administrator, status in ((False, 200), (True, 302)):
        staff = User.objects.create_user(f"staff-{administrator}", is_staff=True, is_superuser=administrator)
        staff.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts"))
        browser = Client(headers={"X-Forwarded-Proto": "https"})
        browser.force_login(staff)
        form = {"user": user.pk, "name": "crawler", "expiry_0": "", "expiry_1": ""}
        assert browser.post("/admin/accounts/token/add/", form).status_code == status
    page = browser.get("/admin/accounts/token/")
    [shown] = [str(message) for message in page.context["messages"] if "not shown again" in str(message)]
    anonymous = APIClient(HTTP_X_FORWARDED_PROTO="https", HTTP_AUTHORIZATION=f"Token {shown.split()[-1]}")
    assert anonymous.get("/api/customers/").status_code == 200


def command(capsys, *arguments) -> str:
    call_command("api_token", *arguments)
    return capsys.readouterr().out


def test_tokens_are_created_listed_and_revoked_on_the_command_line(user, anonymous, capsys):
    token = command(capsys, "create", "ada", "--name", "crawler", "--days", "7").strip()
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    assert anonymous.get("/api/customers/").status_code == 200
    [line] = command(capsys, "list", "ada").splitlines()
    key, username, name, *_, used = line.split("\t")
    assert (key, username, name) == (token[:15], "ada", "crawler")
    assert used == f"{datetime.now(UTC):%Y-%m-%d}"
    assert command(capsys, "revoke", key) == "revoked: 1\n"
    authentication.forget()
    assert anonymous.get("/api/customers/").status_code == 401
    with pytest.raises(CommandError, match="No token has the key"):
        command(capsys, "revoke", key)


def test_a_chosen_token_is_ensured_once(user, anonymous, capsys, monkeypatch):
    token = "a1" * 32
    for outcome in ("created", "unchanged"):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
        assert command(capsys, "ensure", "ada", "--name", "lab") == f"lab: {outcome}\n"
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    assert anonymous.get("/api/customers/").status_code == 200
    monkeypatch.setattr("sys.stdin", io.StringIO("too short\n"))
    with pytest.raises(CommandError, match="openssl rand"):
        command(capsys, "ensure", "ada", "--name", "lab")


@pytest.mark.django_db(transaction=True)
def test_tokens_of_older_releases_stay_valid(user, anonymous, capsys):
    old = "0123456789" * 4
    migration = import_module("accounts.migrations.0001_initial")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE authtoken_token (key text, created timestamptz, "
            "user_id int REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED)"
        )
        cursor.execute("INSERT INTO authtoken_token VALUES (%s, now(), %s)", [old, user.pk])
        cursor.execute(migration.COPY)
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {old}")
    assert anonymous.get("/api/customers/").status_code == 200
    # The release before still writes to it, until the deploy is over or after a rollback.
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO authtoken_token VALUES (%s, now(), %s)", [old[::-1], user.pk])
        assert user.auth_token_set.count() == 2
        cursor.execute("DELETE FROM authtoken_token WHERE key = %s", [old])
        assert user.auth_token_set.get().token_key == old[::-1][:15]
    user.delete()
    assert command(capsys, "drop_plaintext") == "authtoken_token: dropped\n"
    assert "authtoken_token" not in connection.introspection.table_names()


LOGINS = [("/api/token/", {}), ("/admin/login/", {"format": "multipart"})]


@pytest.mark.parametrize(("url", "options"), LOGINS)
def test_an_account_is_locked_for_an_address_after_five_wrong_passwords(user, anonymous, url, options):
    def login(password: str, address: str = "192.0.2.1"):
        body = {"username": "ada", "password": password}
        return anonymous.post(url, body, headers={"X-Forwarded-For": address}, **options)

    outcomes = [login("a wrong guess").status_code for _ in range(5)]
    assert 429 not in outcomes[:4]
    refusal = login(PASSWORD)
    assert (refusal.status_code, refusal["Retry-After"]) == (429, "900")
    if url.startswith("/api/"):
        assert "Too many" in refusal.json()["detail"]
    assert login("a wrong guess", "192.0.2.2").status_code != 429
    call_command("axes_reset_username", "ada")
    assert login("a wrong guess").status_code != 429


def test_a_correct_password_resets_the_count(user, anonymous):
    for password in (*["a wrong guess"] * 4, PASSWORD, *["a wrong guess"] * 4):
        response = anonymous.post("/api/token/", {"username": "ada", "password": password})
        assert response.status_code == (200 if password == PASSWORD else 400)


def test_passwords_are_hashed_beside_gevents_loop_and_without_a_pooled_connection():
    """In a process of its own, since gevent changes all of it."""
    code = """
from gevent import monkey; monkey.patch_all()
import django, gevent, time, os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.hashers import PBKDF2PasswordHasher
assert check_password("right", PBKDF2PasswordHasher().encode("right", "salt", 1000))
gaps, begun = [], time.monotonic()
hashing = gevent.spawn(make_password, "a passphrase")
while not hashing.ready():
    before = time.monotonic()
    gevent.sleep(0.001)
    gaps.append(time.monotonic() - before)
print(len(gaps), max(gaps) / (time.monotonic() - begun))
"""
    environment = os.environ | {"SECRET_KEY": settings.SECRET_KEY, "ALLOWED_HOSTS": "testserver"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    turns, longest = run.stdout.split()
    assert int(turns) > 10
    assert float(longest) < 0.5, "the event loop stood still while a password was hashed"
