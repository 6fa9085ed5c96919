"""Who may log in to PostgreSQL, from where and how; and who may give orders to Patroni."""

import json

import pytest
from toolbox import FOREIGN_CERTIFICATE, curl, handshake, name_of, probe, sql, sql_error

testinfra_hosts = ["postgres"]

ASKED = "asks for scram-sha-256"
REFUSED = "refuses: no pg_hba.conf entry for host"

# From a host of which group, as whom, to which database, how; and what comes of it.
LOGINS = [
    ("app", "customers", "customers", "tls", ASKED),
    ("app", "customers_owner", "customers", "tls", ASKED),
    ("postgres", "rewind", "postgres", "tls", ASKED),
    ("app", "customers", "customers", "plain", REFUSED),
    ("app", "customers_owner", "customers", "plain", REFUSED),
    ("app", "customers", "postgres", "tls", REFUSED),
    ("app", "postgres", "customers", "tls", REFUSED),
    ("app", "replicator", "postgres", "tls", REFUSED),
    ("app", "rewind", "postgres", "tls", REFUSED),
    ("postgres", "customers", "customers", "tls", REFUSED),
    ("postgres", "postgres", "postgres", "tls", REFUSED),
    ("loadbalancer", "customers", "customers", "tls", REFUSED),
    ("loadbalancer", "postgres", "postgres", "tls", REFUSED),
    ("redis", "customers", "customers", "tls", REFUSED),
    ("redis", "customers_owner", "customers", "tls", REFUSED),
    ("redis", "customers", "customers", "plain", REFUSED),
]

# Orders that Patroni must take from nobody without a certificate. Should it take them after all, none does harm.
ORDERS = [
    ("PATCH", "config", {"loop_wait": 5}),
    ("POST", "restart", {"role": "standby_leader"}),
    ("POST", "switchover", {"leader": "nobody"}),
    ("POST", "failover", {"candidate": "nobody"}),
    ("POST", "reload", {}),
]


def order(host, server, method, path, body, **identity):
    """One request that would change something."""
    options = ("-X", method, "-H", "Content-Type: application/json", "-d", json.dumps(body))
    return curl(host, f"https://{server}:8008/{path}", *options, authority="control", **identity)


@pytest.mark.parametrize(("group", "user", "database", "mode", "outcome"), LOGINS)
def test_login(hosts, names, name, group, user, database, mode, outcome):
    """From another host than the server where there is one; who is in two groups may do what either may."""
    let_in = {other for other, *login, result in LOGINS if login == [user, database, mode] and result == ASKED}
    clients = sorted(hosts(group), key=lambda client: name_of(client) == name)
    if outcome == REFUSED:
        clients = [client for client in clients if not any(name_of(client) in names(other) for other in let_in)]
    if not clients:
        pytest.skip(f"every host of {group} is one of {' or '.join(let_in)} as well")
    client = clients[0]
    assert probe(client, "postgresql_login.py", name, 5432, user, database, mode).startswith(outcome)


def test_every_rule_for_the_network_demands_tls_and_scram(host):
    rules = sql(host, "SELECT type, auth_method FROM pg_hba_file_rules WHERE type <> 'local'")
    assert rules
    assert set(rules) == {"hostssl|scram-sha-256"}


def test_every_rule_for_the_socket_asks_the_kernel(host):
    rules = sql(host, "SELECT auth_method FROM pg_hba_file_rules WHERE type = 'local' OR error IS NOT NULL")
    assert set(rules) == {"peer"}


def test_the_apps_role_is_an_ordinary_one(host):
    roles = "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles"
    found = [row for row in sql(host, roles) if row.startswith("customers")]
    assert sorted(found) == ["customers_owner|f", "customers|f"]


def test_passwords_are_stored_as_scram_verifiers(host):
    assert sql(host, "SELECT rolname FROM pg_authid WHERE rolpassword !~ '^SCRAM-SHA-256[$]'") == []


def test_the_apps_role_changes_rows_but_not_the_schema(primary):
    refusal = sql_error(primary, "SET ROLE customers; CREATE TABLE tests_infra ()", "customers")
    assert "permission denied for schema public" in refusal
    refusal = sql_error(primary, "SET ROLE customers; DROP TABLE django_migrations", "customers")
    assert "must be owner of table django_migrations" in refusal
    assert sql(primary, "SELECT count(*) FROM pg_tables WHERE tableowner = 'customers'", "customers") == ["0"]


def test_everybody_may_ask_patroni_how_it_is(host, name, primary):
    assert curl(host, f"https://{name}:8008/health", authority="control").status == 200
    expected = (200, 503) if name == name_of(primary) else (503, 200)
    answers = [curl(host, f"https://{name}:8008/{path}", authority="control").status for path in ("primary", "replica")]
    assert tuple(answers) == expected


@pytest.mark.parametrize(("method", "path", "body"), ORDERS)
def test_nobody_without_a_certificate_gives_patroni_orders(host, name, method, path, body):
    answer = order(host, name, method, path, body)
    assert answer.status == 403, answer


@pytest.mark.parametrize(("group", "certificate"), [("app", "customers"), ("loadbalancer", "nginx-upstream")])
def test_a_certificate_of_the_services_authority_gives_no_orders(hosts, name, group, certificate):
    assert handshake(hosts(group)[0], name, 8008, "control", certificate) == FOREIGN_CERTIFICATE


def test_the_owner_of_a_certificate_gives_orders(host, name):
    """This one changes nothing: the value is what it was."""
    assert order(host, name, "PATCH", "config", {"loop_wait": 5}, certificate="patroni").status == 200


def test_patroni_says_nothing_in_plaintext(host, name):
    assert curl(host, f"http://{name}:8008/health").status == 0
