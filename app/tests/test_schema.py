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
def test_the_docs_load_nothing_from_elsewhere(anonymous):
    page = anonymous.get("/api/docs/").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("/static/") for source in sources)
