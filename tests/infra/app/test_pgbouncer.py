"""The pools: transaction mode, sizes that fit max_connections, a door that only the app's own user passes."""

import shlex

import pytest
from toolbox import eventually, name_of, sql

testinfra_hosts = ["app"]

CONFIGURATION = {
    "pool_mode": "transaction",
    "max_client_conn": "1000",
    "max_prepared_statements": "40",
    "query_wait_timeout": "30",
    "server_login_retry": "0.5",
    "server_tls_sslmode": "verify-full",
    "auth_type": "hba",
}

RESERVED = 20  # connections that are kept for others; the pools of all app hosts share the rest

PSQL = "psql -XAwq -P footer=off -h /run/pgbouncer -p 6432"


def ask(host, user, database, *commands):
    """Commands through PgBouncer's socket as an OS user; answers have a header line and | between columns."""
    options = shlex.join(option for command in commands for option in ("-c", command))
    return host.run(f"cd / && PGCONNECT_TIMEOUT=5 runuser -u {user} -- {PSQL} -d '{database}' {options}")


def table(host, query):
    """What the console answers to root: one dictionary per row."""
    result = ask(host, "root", "pgbouncer", query)
    assert result.succeeded, result.stderr
    heads, *rows = (line.split("|") for line in result.stdout.splitlines())
    return [dict(zip(heads, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def pools(cluster, names, routed):
    """What the pools should be."""
    share = (cluster.cluster_max_connections - RESERVED) // len(names("app"))
    ports = ("5000", "5001") if routed else ("5432", "5432")
    common = {"force_user": "customers"}
    return {
        "customers": common | {"port": ports[0], "pool_size": str(share - share // 2), "server_lifetime": "3600"},
        "customers_ro": common | {"port": ports[1], "pool_size": str(share // 2), "server_lifetime": "60"},
    }


def test_it_runs_and_starts_at_boot(host):
    assert host.service("pgbouncer").is_running
    assert host.service("pgbouncer").is_enabled


def test_configuration(host):
    found = {row["key"]: row["value"] for row in table(host, "SHOW CONFIG") if row["key"] in CONFIGURATION}
    assert found == CONFIGURATION


def test_pools(host, pools):
    databases = {row["name"]: row for row in table(host, "SHOW DATABASES") if row["name"] != "pgbouncer"}
    assert sorted(databases) == sorted(pools)
    found = {name: {key: databases[name][key] for key in pool} for name, pool in pools.items()}
    assert found == pools
    assert {row["pool_mode"] for row in databases.values()} <= {"", "transaction"}


def test_a_server_connection_is_a_clients_for_one_transaction_only(host):
    """A client that is between two transactions lends it to the next client."""
    question = "SELECT pg_backend_pid()"

    def shared():
        answer = ask(host, "customers", "customers", question, f"\\! {PSQL} -d customers -c '{question}'")
        assert answer.succeeded, answer
        first, second = answer.stdout.split()[1::2]
        return first == second

    assert eventually(shared)


def test_writes_reach_the_primary_and_reads_a_replica_if_there_is_one(host, names, variables, primary, routed):
    of_primary = variables(name_of(primary)).host_address
    of_all = {variables(name).host_address for name in names("postgres")}
    question = "SELECT pg_is_in_recovery(), host(inet_server_addr())"
    assert ask(host, "customers", "customers", question).stdout.splitlines()[1] == f"f|{of_primary}"
    readers = {f"t|{address}" for address in of_all - {of_primary}} if routed else {f"f|{of_primary}"}

    def answer():
        return ask(host, "customers", "customers_ro", question).stdout.splitlines()[1]

    # A session that was made while no replica was well stays with the primary for pgbouncer_ro_server_lifetime, 60 s.
    assert eventually(lambda: answer() in readers, seconds=75), answer()


def test_the_app_is_its_runtime_role_over_tls(host):
    question = "SELECT current_user, session_user, (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())"
    answer = ask(host, "customers", "customers", question)
    assert answer.stdout.splitlines()[1:] == ["customers|customers|t"], answer


@pytest.mark.parametrize("user", ["root", "postgres", "www-data", "nobody"])
@pytest.mark.parametrize("database", ["customers", "customers_ro"])
def test_another_os_user_is_refused(host, user, database):
    for role in (user, "customers"):
        answer = ask(host, user, f"dbname={database} user={role}", "SELECT 1")
        assert answer.failed, f"{user} is in as {role}"
        assert "FATAL" in answer.stderr, answer


@pytest.mark.parametrize("user", ["customers", "postgres", "nobody"])
def test_the_console_is_for_root(host, user):
    for role in (user, "root"):
        answer = ask(host, user, f"dbname=pgbouncer user={role}", "SHOW CONFIG")
        assert answer.failed, f"{user} is in as {role}"


def test_it_listens_on_no_network(host):
    assert ":6432" not in host.check_output("ss -Hltn")


def test_what_all_pools_may_claim_fits_the_database(hosts, primary, cluster, pools):
    claimed = sum(
        int(row["pool_size"]) for host in hosts("app") for row in table(host, "SHOW DATABASES") if row["name"] in pools
    )
    limit = cluster.cluster_max_connections
    assert limit - RESERVED - len(hosts("app")) < claimed <= limit - RESERVED
    assert sql(primary, "SHOW max_connections") == [str(limit)]
