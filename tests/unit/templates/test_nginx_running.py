"""The front door as nginx runs it, with plain HTTP and upstreams of the test. Skipped where nginx is not installed."""

import http.client
import itertools
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")

UNUSED = r"user|include|worker_cpu_affinity|worker_rlimit_nofile|http2|(?:proxy_)?ssl_\w+"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Instance(ThreadingHTTPServer):
    """An instance that answers 200, or closes the connection after it has read the request."""

    def __init__(self, closes=False):
        self.seen = []
        super().__init__(("127.0.0.1", 0), type("Handler", (Handler,), {"closes": closes}))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_method(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(self.command)
        self.close_connection = True
        if not self.closes:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

    do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = do_PATCH = do_DELETE = handle_method  # noqa: N815

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def runnable(text, directory, port, instances):
    """The rendered configuration without TLS, with paths, ports and instances of the test."""
    text = re.sub(rf"^\s*(?:{UNUSED})[^;]*;.*$", "", text, flags=re.MULTILINE)
    text = text.replace("https://customers", "http://customers").replace("worker_processes auto", "worker_processes 1")
    others = itertools.count(2)
    text = re.sub(
        r"listen ([^;]*);",
        lambda found: f"listen 127.0.0.{1 if found[1] == '443 ssl' else next(others)}:{port};",
        text,
    )
    text = re.sub(r"/(run|var/log/nginx|var/lib/nginx|var/lib/pergola)/", f"{directory}/", text)
    servers = [f"server {address} max_fails=0;" for address in instances]
    text = re.sub(r"server app\d:\d+ [^;]*backup;", "", text)
    text = re.sub(r"(\s*server app\d:\d+ [^;]*;)+", "\n" + "\n".join(servers), text)
    return re.sub(
        r"http \{",
        "http {\n"
        + "".join(
            f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ),
        text,
        count=1,
    )


@pytest.fixture
def serve(render, tmp_path):
    """serve(*instances, **variables): starts nginx in front of them, returns a function that makes a request."""
    processes = []

    def start(*instances, **variables):
        port = free_port()
        text = render("nginx", "nginx.conf.j2", "lb1", **variables)
        (tmp_path / "nginx.conf").write_text(runnable(text, tmp_path, port, instances))
        command = ["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "start.log"]
        processes.append(subprocess.Popen([*command, "-g", "daemon off;"]))
        for _ in range(100):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            assert processes[0].poll() is None, (tmp_path / "start.log").read_text()
            time.sleep(0.05)

        def ask(method, path, body=None, headers=()):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request(method, path, body, {"Host": "localhost", **dict(headers)})
            answer = connection.getresponse()
            answer.text = answer.read().decode()
            connection.close()
            return answer

        return ask

    yield start
    for process in processes:
        process.terminate()
        process.wait(10)


@pytest.fixture
def closing():
    with Instance(closes=True) as first, Instance(closes=True) as second:
        yield first, second
        first.shutdown()
        second.shutdown()


@pytest.fixture
def answering():
    with Instance() as instance:
        yield instance
        instance.shutdown()


@pytest.mark.parametrize("method", METHODS)
def test_only_safe_methods_are_repeated_once_they_were_sent(serve, closing, method):
    ask = serve(*(each.address for each in closing))
    body = b"{}" if method in WRITES else None
    assert ask(method, "/api/customers/1/", body).status == 502
    assert len(closing[0].seen + closing[1].seen) == (1 if method in WRITES else 2)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_sent_to_another_instance_when_one_refuses_connections(serve, answering, method):
    ask = serve(f"127.0.0.1:{free_port()}", answering.address)
    assert [ask(method, "/api/customers/1/", b"{}").status for _ in range(4)] == [200] * 4
    assert answering.seen == [method] * 4


@pytest.mark.parametrize("method", METHODS)
def test_the_answer_is_502_when_all_instances_refuse_connections(serve, method):
    assert serve(f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")(method, "/api/customers/1/").status == 502


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_errors_of_nginx_below_api_are_json(serve, closing, method, accept):
    ask = serve(*(each.address for each in closing))
    long = "x" * 40000
    large = ask("PUT", "/api/customers/1/", b"0" * 3 * 2**20) if method == "PUT" else None
    asked = {
        502: ask(method, "/api/customers/1/", headers={"Accept": accept}),
        414: ask(method, f"/api/customers/?{long}", headers={"Accept": accept}),
        431: ask(method, "/api/customers/", headers={"Accept": accept, "X-Long": long}),
        400: ask(method, "/api/customers/", headers={"Host": "a b"}),
    } | ({413: large} if large else {})
    for status, answer in asked.items():
        assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (status, "application/json")
        assert json.loads(answer.text)["detail"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-ID"]


def test_a_method_that_nginx_refuses_is_answered_with_those_that_it_passes_on(serve, answering):
    answer = serve(answering.address)("TRACE", "/api/customers/1/")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE")
    assert json.loads(answer.text)["detail"] == "The method is not allowed."


def test_no_log_quotes_a_query(serve, closing, tmp_path):
    ask = serve(*(each.address for each in closing))
    assert ask("GET", "/api/customers/?search=Lovelace").status == 502
    time.sleep(1.5)  # the access log is written once a second
    logs = {path.name: path.read_text() for path in tmp_path.glob("*.log")}
    assert "/api/customers/" in logs["access.log"]
    assert not any("Lovelace" in text for text in logs.values())


def test_errors_elsewhere_are_pages(serve, closing):
    answer = serve(*(each.address for each in closing))("GET", "/admin/?next=/api/")
    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (502, "text/html")


@pytest.mark.parametrize("path", ["/api/token/", "/admin/login/"])
def test_logins_are_limited_per_address(serve, answering, path):
    ask = serve(answering.address, nginx_logins_per_minute=6, nginx_logins_burst=2)
    assert [ask("GET", path).status for _ in range(6)] == [200] * 6
    answers = [ask("POST", path, b"{}") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "10"
    kind = "application/json" if path.startswith("/api/") else "text/html"
    assert answers[-1].headers["Content-Type"].split(";")[0] == kind
    assert ask("POST", "/api/customers/", b"{}").status == 200
