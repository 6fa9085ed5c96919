"""PostgreSQL under Patroni: one primary, replicas that stream and write nothing, settings as designed."""

import pytest
import sizing
from toolbox import curl, eventually, name_of, patroni_cluster, sql, sql_error

testinfra_hosts = ["postgres"]

SETTINGS = {
    "archive_mode": "on",
    "data_checksums": "on",
    "full_page_writes": "on",
    "fsync": "on",
    "hot_standby_feedback": "on",
    "log_error_verbosity": "terse",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "max_slot_wal_keep_size": "4GB",
    "password_encryption": "scram-sha-256",
    "server_encoding": "UTF8",
    "ssl": "on",
    "synchronous_commit": "on",
    "wal_log_hints": "on",
}
DYNAMIC = {"ttl": 20, "loop_wait": 5, "retry_timeout": 5, "synchronous_mode": True, "failsafe_mode": True}


@pytest.fixture(scope="module")
def settings(tier_memory, cluster):
    """The settings above, and those that are derived from the inventory."""
    memory, connections = tier_memory("postgres"), cluster.cluster_max_connections
    return SETTINGS | {
        "max_connections": str(connections),
        "shared_buffers": f"{sizing.shared_buffers_mb(memory)}MB",
        "effective_cache_size": f"{sizing.effective_cache_size_mb(memory)}MB",
        "work_mem": f"{sizing.work_mem_mb(memory, connections)}MB",
        "maintenance_work_mem": f"{sizing.maintenance_work_mem_mb(memory)}MB",
    }


def test_patroni_runs_and_debians_own_unit_does_not(host):
    assert host.service("patroni").is_running
    assert host.service("patroni").is_enabled
    assert host.run("systemctl is-enabled postgresql.service").stdout.strip() == "masked"


def test_there_is_one_primary_and_every_replica_streams(host, names):
    found = [(member["role"], member["state"]) for member in patroni_cluster(host)]
    expected = [("leader", "running"), ("sync_standby", "streaming")] + [("replica", "streaming")] * 10
    assert sorted(found) == sorted(expected[: len(names("postgres"))])


def test_all_members_are_on_one_timeline(hosts):
    timelines = {
        sql(host, "SELECT received_tli FROM pg_stat_wal_receiver")[0]
        if sql(host, "SELECT pg_is_in_recovery()") == ["t"]
        else sql(host, "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int")[0]
        for host in hosts("postgres")
    }
    assert len(timelines) == 1, timelines


def test_exactly_one_host_takes_writes(hosts):
    recovering = [sql(host, "SELECT pg_is_in_recovery()")[0] for host in hosts("postgres")]
    assert sorted(recovering) == ["f"] + ["t"] * (len(recovering) - 1)


def test_the_primary_sends_to_every_replica_over_tls_and_waits_for_one(primary, replicas):
    rows = sql(
        primary,
        "SELECT r.state, s.ssl, r.usename, count(*) FILTER (WHERE r.sync_state IN ('sync', 'quorum')) OVER () "
        "FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)",
    )
    assert rows == ["streaming|t|replicator|1"] * len(replicas)


def test_a_replica_receives_from_the_primary(replicas, primary):
    source = name_of(primary)
    for replica in replicas:
        assert sql(replica, "SELECT status, sender_host FROM pg_stat_wal_receiver") == [f"streaming|{source}"]


def test_replicas_replay_what_the_primary_has_written(replicas, primary):
    position = sql(primary, "SELECT pg_logical_emit_message(true, 'tests-infra', '')")[0]
    for replica in replicas:
        assert eventually(lambda host=replica: sql(host, f"SELECT pg_last_wal_replay_lsn() >= '{position}'") == ["t"])


def test_replicas_refuse_writes(replicas):
    for replica in replicas:
        assert "in a read-only transaction" in sql_error(replica, "CREATE TABLE tests_infra ()")


def test_settings(host, settings):
    names = ", ".join(f"'{name}'" for name in settings)
    rows = sql(host, f"SELECT name, current_setting(name) FROM pg_settings WHERE name IN ({names})")
    assert dict(row.split("|") for row in rows) == settings


def test_errors_of_an_apps_sessions_are_left_to_the_app(primary):
    """PostgreSQL quotes values in some messages."""
    query = "SELECT rolname FROM pg_roles WHERE 'log_min_messages=log' = ANY (rolconfig) ORDER BY rolname"
    assert {"customers", "customers_owner"} <= set(sql(primary, query))


def test_nothing_waits_for_a_restart(host):
    assert sql(host, "SELECT name FROM pg_settings WHERE pending_restart") == []


def test_text_knows_unicode(host):
    """Trigrams of accents and of CJK depend on the character type, which can't be changed later."""
    assert sql(host, "SELECT datctype FROM pg_database WHERE datname = 'customers'", "customers") == ["C.UTF-8"]
    assert sql(host, "SELECT 'É' ~ '[[:alpha:]]', lower('ŁÉ')", "customers") == ["t|łé"]


def test_patronis_dynamic_configuration(host, name):
    config = curl(host, f"https://{name}:8008/config", authority="control").json
    assert {key: config.get(key) for key in DYNAMIC} == DYNAMIC
    assert config["postgresql"]["use_pg_rewind"] is True


def test_the_data_belongs_to_postgres_alone(host):
    assert sql(host, "SHOW data_directory_mode") == ["0700"]
