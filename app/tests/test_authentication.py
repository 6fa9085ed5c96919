import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

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
    Token.objects.filter(user=user).delete()
    assert api.get("/api/customers/").status_code == 401


def test_a_session_serves_as_well_but_writes_only_with_a_csrf_token(user):
    browser = APIClient(enforce_csrf_checks=True, HTTP_X_FORWARDED_PROTO="https")
    browser.login(username="ada", password=PASSWORD)
    assert browser.get("/api/customers/").status_code == 200
    assert browser.post("/api/customers/", {}).status_code == 403


def test_admin_is_for_staff(user, anonymous):
    anonymous.login(username="ada", password=PASSWORD)
    assert anonymous.get("/admin/").status_code == 302


@pytest.mark.django_db
def test_the_token_command_works_for_the_admin(monkeypatch, capsys):
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)
    call_command("ensure_admin", "root")
    call_command("drf_create_token", "root")
    assert User.objects.get().auth_token.key in capsys.readouterr().out


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
