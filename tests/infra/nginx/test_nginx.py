"""The front door, balancer by balancer: TLS, names, static files, all instances."""

import json
import re
import uuid
from collections import Counter

import pytest
from toolbox import curl, eventually

testinfra_hosts = ["loadbalancer"]

INSTANCE_PORTS = (8001, 8002)


@pytest.fixture(scope="module")
def door(browse, name):
    """A client of the balancer under test."""
    return browse(name)


@pytest.fixture(scope="module")
def log(host, door):
    """Makes requests and returns nginx's log lines about them: log(count, path, **headers)."""

    def ask(count, path, **headers):
        agent = f"tests-infra-{uuid.uuid4()}"
        for _ in range(count):
            door.get(path, headers={"User-Agent": agent, **headers})

        def lines():
            found = host.run("grep -F %s /var/log/nginx/access.log", agent).stdout.splitlines()
            return [json.loads(line) for line in found] if len(found) == count else []

        found = eventually(lines)
        assert found, f"nginx logged not {count} requests for {path}"
        return found

    return ask


def handshake(host, *options):
    """What openssl says of a TLS handshake with the balancer, from itself."""
    command = "openssl s_client -connect 127.0.0.1:443 -servername localhost -brief"
    return host.run(f"{command} {' '.join(options)} </dev/null 2>&1").stdout


def test_it_runs_and_starts_at_boot(host):
    assert host.service("nginx").is_running
    assert host.service("nginx").is_enabled


def test_its_configuration_is_valid(host):
    result = host.run("nginx -t")
    assert result.succeeded, result.stderr
    assert "[warn]" not in result.stderr


def test_it_balances_over_all_instances(log, names, variables):
    expected = {f"{variables(name).host_address}:{port}" for name in names("app") for port in INSTANCE_PORTS}
    lines = log(20 * len(expected), "/healthz")
    assert {line["status"] for line in lines} == {200}
    counted = Counter(line["upstream"] for line in lines)
    assert set(counted) == expected
    assert min(counted.values()) >= 10, counted


def test_it_speaks_http_2(door):
    assert door.get("/healthz").http_version == "HTTP/2"


def test_it_speaks_http_1_1_with_those_who_know_no_better(host):
    answer = curl(host, "https://localhost/healthz", "--http1.1")
    assert (answer.status, answer.version) == (200, "1.1"), answer


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_it_speaks_modern_tls(host, version):
    assert "CONNECTION ESTABLISHED" in handshake(host, version)


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_it_refuses_old_tls(host, version):
    """The client is told to lower its own bar, so that the refusal is the server's."""
    answer = handshake(host, version, "-cipher 'ALL:@SECLEVEL=0'")
    assert "alert protocol version" in answer
    assert "CONNECTION ESTABLISHED" not in answer


def test_plain_http_is_redirected_and_keeps_the_public_port(browse, name, public_url):
    answer = browse(name, "http").get("/api/customers/?search=a%20b&limit=2")
    assert answer.status_code in (301, 308)
    assert answer.headers["location"] == f"{public_url}/api/customers/?search=a%20b&limit=2"


def test_browsers_are_told_to_insist_on_tls(door, cluster):
    seconds = getattr(cluster, "nginx_hsts_max_age", 31536000)
    assert door.get("/healthz").headers["strict-transport-security"] == f"max-age={seconds}"


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("stranger", ["evil.example", "10.0.0.1", "localhost.evil.example"])
def test_an_unknown_host_gets_no_answer(host, scheme, stranger):
    answer = curl(host, f"{scheme}://localhost/healthz", "-H", f"Host: {stranger}")
    assert answer.status in (0, 400, 421), answer


def test_the_certificate_carries_the_public_name(host):
    result = host.run(
        "openssl verify -x509_strict -purpose sslserver -verify_hostname localhost "
        "-CAfile /etc/pergola/tls/services-ca.crt /etc/pergola/tls/nginx.crt"
    )
    assert result.succeeded, result


@pytest.fixture(scope="module")
def static_file(door):
    """A static file with the hash of its content in its name, as a page of the app names it."""
    page = door.get("/admin/login/")
    found = re.search(r'/static/[^"]+\.[0-9a-f]{12}\.css', page.text)
    assert found, "the login page names no hashed style sheet"
    return found.group()


def test_it_serves_static_files_that_never_change(door, static_file):
    answer = door.get(static_file)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert "max-age=31536000" in answer.headers["cache-control"]


def test_a_file_that_may_change_is_never_taken_for_an_old_one(door):
    old = {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
    answer = door.get("/static/admin/css/base.css", headers=old)
    assert (answer.status_code, answer.headers.get("etag")) == (200, None)
    assert "immutable" not in answer.headers["cache-control"]


def test_it_serves_static_files_itself(host, names, static_file):
    """The instances don't have them."""
    for app_host in names("app"):
        for port in INSTANCE_PORTS:
            headers = ("-H", "Host: localhost", "-H", "X-Forwarded-Proto: https")
            url = f"https://{app_host}:{port}{static_file}"
            assert curl(host, url, *headers, certificate="nginx-upstream").status == 404


def test_a_static_file_that_does_not_exist_is_not_asked_of_the_app(door):
    answer = door.get("/static/no-such-file.css")
    assert answer.status_code == 404
    assert "nginx" in answer.text


def test_a_public_answer_is_kept(door):
    """Whoever shows who they are is not answered from memory."""
    door.cookies.clear()  # what other tests were given
    path = f"/api/schema/?{uuid.uuid4()}"
    first, second = door.get(path), door.get(path)
    assert (first.status_code, first.headers["x-cache-status"]) == (200, "MISS")
    assert (second.status_code, second.headers["x-cache-status"]) == (200, "HIT")
    assert second.text == first.text
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert "x-response-time" not in second.headers
    for headers in ({"Authorization": "Token none"}, {"Cookie": "sessionid=none"}):
        assert door.get(path, headers=headers).headers["x-cache-status"] == "BYPASS"


def test_no_answer_of_the_api_is_kept(door, authorization):
    for path in ("/api/customers/", "/api/customers/stats/", "/api/docs/", "/admin/login/", "/healthz"):
        for headers in ({}, authorization):
            for _ in range(2):
                assert "x-cache-status" not in door.get(path, headers=headers).headers, path


def test_it_compresses(door, static_file):
    for path in (static_file, "/api/schema/"):
        assert door.get(path, headers={"Accept-Encoding": "gzip"}).headers.get("content-encoding") == "gzip", path


def test_it_does_not_tell_its_version(door):
    assert door.get("/static/no-such-file.css").headers["server"] == "nginx"
    assert not re.search(r"nginx/\d", door.get("/static/no-such-file.css").text)


def test_the_kernel_notices_app_hosts_that_died(host):
    assert host.sysctl("net.ipv4.tcp_keepalive_time") == 2
    assert host.sysctl("net.ipv4.tcp_retries2") == 5


@pytest.mark.parametrize(
    ("version", "status", "options"),
    [
        ("--http1.1", 413, "-T /tmp/too-large https://localhost/api/customers/1/"),
        ("--http1.1", 405, "-X TRACE https://localhost/api/customers/1/"),
        ("--http2", 405, "-X TRACE https://localhost/api/customers/1/"),
        ("--http2", 413, "-T /tmp/too-large https://localhost/api/customers/1/"),
        # In HTTP/2 nginx closes the connection instead.
        ("--http1.1", 431, '-H "X-Long: $(printf %040000d 0)" https://localhost/api/customers/'),
    ],
)
def test_its_own_errors_below_api_are_json(host, version, status, options):
    host.check_output("truncate -s 3M /tmp/too-large")
    authority = "--cacert /etc/pergola/tls/services-ca.crt"
    result = host.run(f"curl -s {version} {authority} -w '\\n%{{http_code}} %{{content_type}}' {options}")
    body, end = result.stdout.rsplit("\n", 1)
    assert end.split(";")[0] == f"{status} application/json", result
    assert json.loads(body)["detail"]


def test_logins_from_one_address_are_limited(host):
    """From the load balancer itself, so that other tests may log in. An empty body costs the app no hash."""
    command = "curl -s --cacert /etc/pergola/tls/services-ca.crt -o /dev/null -w '%{http_code} %header{retry-after}\\n'"
    result = host.run(f"{command} -X POST 'https://localhost/api/token/?[1-50]'")
    refused = [line.split() for line in result.stdout.splitlines() if line.startswith("429")]
    assert 10 <= len(refused) < 50, result
    assert {seconds for _, seconds in refused} == {"2"}
