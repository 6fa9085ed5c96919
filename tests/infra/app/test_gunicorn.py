"""The app's instances: each serves by itself, to owners of a load balancer's certificate alone."""

import pytest
from toolbox import FOREIGN_CERTIFICATE, NO_CERTIFICATE, SERVER_CERTIFICATE, curl, handshake

testinfra_hosts = ["app"]

INSTANCES = {1: 8001, 2: 8002}

each_instance = pytest.mark.parametrize(("number", "port"), INSTANCES.items())


@pytest.fixture(scope="module")
def balancer(hosts):
    """A host whose certificate gunicorn lets in."""
    return hosts("loadbalancer")[0]


def ask(client, name, port, path, *options, certificate="nginx-upstream"):
    """A request to one instance, as nginx would make it."""
    headers = ("-H", "Host: localhost", "-H", "X-Forwarded-Proto: https")
    return curl(client, f"https://{name}:{port}{path}", *headers, *options, certificate=certificate)


@each_instance
def test_it_runs_behind_its_socket(host, number, port):
    for unit in (f"customers@{number}.socket", f"customers@{number}.service"):
        assert host.run("systemctl is-active %s", unit).stdout.strip() == "active", unit
    assert host.run("systemctl is-enabled %s", f"customers@{number}.socket").stdout.strip() == "enabled"


@each_instance
def test_it_is_ready_by_itself(balancer, name, number, port):
    answer = ask(balancer, name, port, "/readyz")
    assert answer.status == 200, answer
    assert answer.json["status"] == "ready", answer
    assert answer.json["checks"] == {"primary": "ok", "replica": "ok", "cache": "ok"}


@each_instance
def test_every_load_balancer_is_let_in(hosts, name, number, port):
    for balancer in hosts("loadbalancer"):
        assert ask(balancer, name, port, "/healthz").status == 200


@each_instance
@pytest.mark.parametrize("group", ["app", "loadbalancer", "redis", "postgres"])
def test_a_client_without_a_certificate_is_refused(hosts, name, number, port, group):
    assert handshake(hosts(group)[0], name, port) == NO_CERTIFICATE


@each_instance
@pytest.mark.parametrize(
    ("group", "certificate"),
    [("app", "customers"), ("redis", "redis"), ("postgres", "postgresql"), ("loadbalancer", "nginx")],
)
def test_a_certificate_that_is_for_servers_only_is_refused(hosts, name, number, port, group, certificate):
    assert handshake(hosts(group)[0], name, port, certificate=certificate) == SERVER_CERTIFICATE


@each_instance
@pytest.mark.parametrize(("group", "certificate"), [("postgres", "patroni"), ("etcd", "etcd")])
def test_a_certificate_of_the_control_plane_is_refused(hosts, name, number, port, group, certificate):
    assert handshake(hosts(group)[0], name, port, certificate=certificate) == FOREIGN_CERTIFICATE


@each_instance
def test_plaintext_is_refused(host, name, number, port):
    assert curl(host, f"http://{name}:{port}/healthz").status == 0


@each_instance
def test_it_serves_the_release_that_its_pointer_names(host, balancer, name, number, port):
    pointer = host.check_output("readlink -f %s", f"/opt/customers/instances/{number}")
    assert pointer.startswith("/opt/customers/releases/")
    assert ask(balancer, name, port, "/healthz").json["release"] == pointer.rsplit("/", 1)[1]


def test_all_instances_serve_the_same_release(hosts):
    releases = {
        line for host in hosts("app") for line in host.check_output("readlink -f /opt/customers/instances/*").split()
    }
    assert len(releases) == 1, releases


def test_its_code_is_not_its_own_to_change(host):
    foreign = host.check_output("find -L /opt/customers/instances/ \\( -user customers -o -perm /o+w \\) -print -quit")
    assert foreign == ""


def test_no_debug_mode(balancer, name):
    answer = ask(balancer, name, INSTANCES[1], "/no-such-page")
    assert answer.status == 404, answer
    assert "DEBUG" not in answer.body


@each_instance
def test_metrics_of_all_its_workers_are_for_those_who_ask_it_directly(balancer, browse, names, name, number, port):
    ask(balancer, name, port, "/api/schema/")
    answer = ask(balancer, name, port, "/metrics")
    assert answer.status == 200, answer
    assert 'app_requests_total{method="GET",status="200",view="schema"}' in answer.body
    for front in names("loadbalancer"):
        for headers in ({}, {"X-Forwarded-For": ""}):
            assert browse(front).get("/metrics", headers=headers).status_code == 404
