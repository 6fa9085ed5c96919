"""Whatever bytes a client sends below /api/, the answer is JSON, and says that the client is wrong."""

import io
import json
from encodings.aliases import aliases

import pytest
from django.conf import settings as django_settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.wsgi import application
from tests.access import header

LIST, TOKEN = "/api/customers/", "/api/token/"
NAMES = '"first_name": "Ann", "last_name": "Ng"'
BODIES = {
    "empty": b"",
    "truncated": b'{"first_name": "A',
    "arrays 50,000 deep": b"[" * 50_000 + b"]" * 50_000,
    "objects 50,000 deep": b'{"notes":' * 50_000 + b"1" + b"}" * 50_000,
    "unclosed and deep": b"[" * 50_000,
    "deep in a field": b'{"notes": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "NaN": b'{"email": NaN}',
    "infinite": b'{"email": -Infinity}',
    "1,000 digits": b'{"email": ' + b"9" * 1000 + b"}",
    "10,000 digits": b'{"email": ' + b"9" * 10_000 + b"}",
    "an exponent without an end": b'{"is_active": 1e99999}',
    "a lone surrogate": b'{"notes": "\\ud800"}',
    "a lone surrogate in a name": b'{"\\udfff": 1}',
    "not UTF-8": b'{"notes": "\xff"}',
    "UTF-16": '{"notes": "a"}'.encode("utf-16"),
    "NUL bytes": b"\0\0\0",
    "an escaped NUL": f'{{{NAMES}, "email": "a@example.com", "notes": "\\u0000"}}'.encode(),
    "an escaped NUL in a name": b'{"\\u0000": 1}',
    "twice the same name": f'{{{NAMES}, "email": "a@example.com", "email": "b@example.com"}}'.encode(),
    "a number": b"1",
    "null": b"null",
    "a text": b'"first_name"',
    "an array": b'[{"first_name": "Ann"}]',
    "nothing that is needed": b"{}",
    "objects for texts": b'{"first_name": {"a": []}, "last_name": [], "email": null, "username": {}, "password": []}',
}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["first_name", "last_name", "email", "phone", "is_active", "company", "notes", "username", "password"]
)
OBJECTS = st.dictionaries(FIELDS, JSON_VALUES, max_size=4).map(json.dumps).map(str.encode)
ANY_BODY = st.binary(max_size=50) | JSON_VALUES.map(json.dumps).map(str.encode) | OBJECTS
# What an HTTP server passes on, as WSGI wants it: bytes decoded as Latin-1, without control characters.
LATIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
TYPES = (
    st.just("application/json")
    | LATIN
    | LATIN.map("application/json; charset={}".format)
    | LATIN.map("application/json; charset*={}".format)
    | st.sampled_from(sorted(aliases)).map("application/json; charset={}".format)
)
LENGTHS = st.none() | st.sampled_from(["0", "-1", "1", "x", "", "9" * 30])
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "HTTP_ACCEPT",
            "HTTP_AUTHORIZATION",
            "HTTP_COOKIE",
            "HTTP_IF_MATCH",
            "HTTP_IF_NONE_MATCH",
            "HTTP_IDEMPOTENCY_KEY",
            "HTTP_X_CSRFTOKEN",
            "HTTP_REFERER",
            "HTTP_ORIGIN",
            "HTTP_X_REQUEST_ID",
            "HTTP_X_HTTP_METHOD_OVERRIDE",
        ]
    ),
    LATIN
    | LATIN.map("Token {}".format)
    | LATIN.map("sessionid={}".format)
    | LATIN.map("application/json; q*={}".format),
    max_size=3,
)
QUERIES = LATIN | st.tuples(
    st.sampled_from(["search", "cursor", "created_from", "is_active", "page_size", "format", "count", "x"]),
    LATIN | st.sampled_from(["%00", "%ff", "%ed%a0%80", "%", "%u1234", "&", "9" * 5000, "0001-01-01T00:00:00%2B14:00"]),
).map("=".join)
PATHS = (
    LATIN.map("/api/customers/{}".format)
    | LATIN.map("/api/{}".format)
    | st.sampled_from(
        [
            LIST,
            TOKEN,
            "/api/customers/\xff/",
            "/api/customers/\0/",
            f"/api/customers/{'9' * 5000}/",
            "/api/customers/1/",
        ]
    )
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "get", "A B", ""])

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kept_connection():
    """The end of a request would close it, and with it the transaction of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(params=["token", "session", "unknown"])
def credentials(request, user) -> dict[str, str]:
    """What tells who asks. A session comes with what CSRF protection wants of it."""
    if request.param == "token":
        return {"HTTP_AUTHORIZATION": header(user)}
    if request.param == "session":
        browser = Client()
        browser.force_login(user)
        secret = "a" * 32
        cookies = f"sessionid={browser.cookies['sessionid'].value}; {django_settings.CSRF_COOKIE_NAME}={secret}"
        return {"HTTP_COOKIE": cookies, "HTTP_X_CSRFTOKEN": secret, "HTTP_REFERER": "https://testserver/"}
    return {}


def call(method: str, path: str, body: bytes = b"", query: str = "", **environ) -> tuple[int, str, bytes]:
    """Sends what no well-behaved client would, past Django's own test client, which tidies it."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "testserver",
        "HTTP_X_FORWARDED_PROTO": "https",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        **environ,
    }
    answered = {}

    def start(status: str, headers: list, _=None) -> None:
        answered.update({name.lower(): value for name, value in headers}, status=int(status.split()[0]))

    response = application(environ, start)
    content = b"".join(response)
    response.close()
    return answered["status"], answered.get("content-type", ""), content


def refused(status: int, kind: str, content: bytes, *, accepted=False) -> None:
    """Asserts that the answer is JSON and finds fault with the request, or, where it may, accepts it."""
    assert (200 if accepted else 400) <= status < 500, (status, content[:200])
    if content:
        assert kind == "application/json", (status, kind, content[:200])
        json.loads(content)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", [LIST, TOKEN])
def test_a_body_that_can_not_be_taken_is_refused_in_json(credentials, path, body):
    refused(*call("POST", path, body, **credentials))


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("body", [body for body in BODIES.values() if body not in (b"", b"{}")])
def test_so_is_one_of_a_change(credentials, make, method, body):
    refused(*call(method, f"{LIST}{make().pk}/", body, **credentials))


def test_a_keyed_request_is_no_exception(credentials):
    for body in BODIES.values():
        refused(*call("POST", LIST, body, HTTP_IDEMPOTENCY_KEY="k", **credentials))


@pytest.mark.parametrize(
    "parameter",
    [*(f"charset={name}" for name in ("utf-16", "bz2", "undefined", "utf-7", "idna", "none", "é", "latin-1")),
     "charset*=bogus'en'x", "charset*=utf-8''bz2", "charset*=''x"],
)  # fmt: skip
@pytest.mark.parametrize("path", [LIST, TOKEN])
def test_a_charset_but_utf_8_is_refused(credentials, path, parameter):
    for kind in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text"):
        refused(*call("POST", path, b'{"notes": "+AC0-"}', CONTENT_TYPE=f"{kind}; {parameter}", **credentials))


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8"])
def test_utf_8_may_be_named(api, charset):
    body = json.dumps({"first_name": "Ann", "last_name": "Ng", "email": "ann@example.com"})
    assert api.generic("POST", LIST, body, content_type=f"application/json; charset={charset}").status_code == 201


def test_no_charset_decodes_a_query(credentials):
    for charset in ("bz2", "undefined", "utf-16", "idna"):
        refused(
            *call("GET", LIST, query="search=%ff", CONTENT_TYPE=f"text/plain; charset={charset}", **credentials),
            accepted=True,
        )


@given(ANY_BODY, TYPES, LENGTHS, st.sampled_from([LIST, TOKEN]))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_is_an_error_of_the_server(user, body, content_type, length, path):
    token = {"HTTP_AUTHORIZATION": header(user)}
    length = {} if length is None else {"CONTENT_LENGTH": length}
    refused(*call("POST", path, body, CONTENT_TYPE=content_type, **length, **token))


@given(METHODS, PATHS, QUERIES, HEADERS, ANY_BODY)
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_request_is_an_error_of_the_server(user, method, path, query, headers, body):
    token = {"HTTP_AUTHORIZATION": header(user)}
    refused(*call(method, path, body, query, **token | headers), accepted=True)
