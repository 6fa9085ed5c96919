import re

import pytest
from django.core.management import call_command


def test_the_schema_is_complete(capsys):
    call_command("spectacular", validate=True, fail_on_warn=True)
    assert "warning" not in capsys.readouterr().err.lower()


@pytest.mark.django_db
def test_it_tells_programs_what_they_need(anonymous):
    schema = anonymous.get("/api/schema/", {"format": "json"}).json()
    listing = schema["paths"]["/api/customers/"]["get"]
    assert {each["name"] for each in listing["parameters"] if each["in"] == "query"} == {
        "search", "is_active", "created_from", "created_before", "ordering", "count", "page_size", "cursor",
    }  # fmt: skip
    assert "tokenAuth" in schema["components"]["securitySchemes"]


@pytest.mark.django_db
def test_it_has_the_bounds(anonymous):
    schema = anonymous.get("/api/schema/", {"format": "json"}).json()
    listing, detail = (schema["paths"][f"/api/customers/{path}"]["get"]["parameters"] for path in ("", "{id}/"))
    known = {each["name"]: each["schema"] for each in [*listing, *detail]}
    assert known["id"].items() >= {"minimum": 1, "maximum": 2**63 - 1, "format": "int64"}.items()
    assert known["page_size"].items() >= {"minimum": 1, "maximum": 200}.items()
    assert known["search"].items() >= {"maxLength": 254, "pattern": "^[^\\u0000]*$"}.items()
    assert known["cursor"].items() >= {"maxLength": 2048, "minLength": 1, "pattern": "^[A-Za-z0-9_-]+$"}.items()
    for component in ("Customer", "PatchedCustomer", "TokenRequest"):
        assert schema["components"]["schemas"][component]["additionalProperties"] is False
    assert schema["components"]["schemas"]["Customer"]["properties"]["first_name"]["minLength"] == 1


def test_the_front_page_leads_to_the_docs(anonymous):
    response = anonymous.get("/")
    assert (response.status_code, response["Location"]) == (302, "/api/docs/")


@pytest.mark.django_db
def test_the_schema_is_public_and_nothing_else_is(anonymous):
    """Load balancers keep what is public, and answer anybody with it."""
    schema = anonymous.get("/api/schema/")
    assert schema["Cache-Control"] == "public, max-age=60"
    assert not schema.cookies
    others = ["/api/docs/", "/api/customers/", "/api/token/", "/admin/", "/admin/login/", "/healthz", "/nothing/"]
    for path in others:
        answer = anonymous.get(path)
        assert "private" in answer["Cache-Control"], path
        assert "public" not in answer["Cache-Control"], path


@pytest.mark.django_db
def test_the_docs_load_nothing_from_elsewhere(anonymous):
    page = anonymous.get("/api/docs/").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("/static/") for source in sources)


OF_NGINX = {"413", "414", "431", "502", "504"}
ALWAYS = {"400", "401", "403", "406", "429", "503"} | OF_NGINX


@pytest.mark.parametrize(
    ("path", "method", "answers"),
    [
        ("/api/customers/", "get", ALWAYS | {"200", "304", "400"}),
        ("/api/customers/", "post", ALWAYS | {"201", "400", "403", "409", "415", "422"}),
        ("/api/customers/{id}/", "get", ALWAYS | {"200", "304", "404"}),
        ("/api/customers/{id}/", "put", ALWAYS | {"200", "400", "403", "404", "412", "415"}),
        ("/api/customers/{id}/", "patch", ALWAYS | {"200", "400", "403", "404", "412", "415"}),
        ("/api/customers/{id}/", "delete", ALWAYS | {"204", "403", "404", "412"}),
        ("/api/customers/stats/", "get", ALWAYS | {"200", "304"}),
        ("/api/token/", "post", {"200", "400", "406", "415", "429", "503"} | OF_NGINX),
    ],
)
@pytest.mark.django_db
def test_it_has_what_may_be_answered_and_nothing_else(anonymous, path, method, answers):
    schema = anonymous.get("/api/schema/", {"format": "json"}).json()
    assert set(schema["paths"][path][method]["responses"]) == answers


@pytest.mark.django_db
def test_it_has_the_headers(anonymous):
    schema = anonymous.get("/api/schema/", {"format": "json"}).json()
    create = schema["paths"]["/api/customers/"]["post"]
    assert "Idempotency-Key" in {each["name"] for each in create["parameters"]}
    assert set(create["responses"]["201"]["headers"]) == {"ETag", "Idempotency-Replayed"}
    for path, method in [("", "get"), ("{id}/", "get"), ("{id}/", "put"), ("{id}/", "patch"), ("stats/", "get")]:
        assert "ETag" in schema["paths"][f"/api/customers/{path}"][method]["responses"]["200"]["headers"]
    for answer in ("UnderWay", "TooMany", "Unavailable"):
        assert "Retry-After" in schema["components"]["responses"][answer]["headers"]


@pytest.mark.parametrize("url", ["/api/docs/", "/api/schema/"])
def test_errors_of_the_documentation_are_json_too(anonymous, url):
    for response in (anonymous.post(url), anonymous.get(url, headers={"Accept": "image/png"})):
        assert response.status_code in {405, 406}
        assert response["Content-Type"] == "application/json"
        assert response.json().keys() == {"detail"}
