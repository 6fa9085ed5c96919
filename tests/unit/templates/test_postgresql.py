"""The configuration of Patroni and of the databases in it."""

import re

import pytest
import yaml


@pytest.fixture(scope="module")
def patroni(render):
    return yaml.safe_load(render("postgresql", "patroni.yml.j2", "db1"))


def test_the_member_is_itself(patroni):
    assert patroni["name"] == "db1"
    assert patroni["scope"] == "pergola"
    assert patroni["restapi"]["listen"] == "10.9.8.31:8008"
    assert patroni["postgresql"]["listen"] == "10.9.8.31:5432"
    assert patroni["postgresql"]["connect_address"] == "db1:5432"


def test_the_control_plane_demands_certificates(patroni):
    assert patroni["restapi"]["verify_client"] == "optional"
    assert patroni["restapi"]["cafile"] == "/etc/pergola/tls/control-ca.crt"
    assert patroni["etcd3"]["protocol"] == "https"
    assert patroni["etcd3"]["cacert"] == "/etc/pergola/tls/control-ca.crt"
    assert patroni["etcd3"]["hosts"] == ["cache1:2379", "lb1:2379", "lb2:2379"]
    assert patroni["ctl"]["cacert"] == "/etc/pergola/tls/control-ca.crt"
    assert "insecure" not in patroni["ctl"]


def test_what_members_share(patroni):
    dynamic = patroni["bootstrap"]["dcs"]
    assert {
        key: dynamic[key] for key in ("ttl", "loop_wait", "retry_timeout", "synchronous_mode", "failsafe_mode")
    } == {
        "ttl": 20,
        "loop_wait": 5,
        "retry_timeout": 5,
        "synchronous_mode": True,
        "failsafe_mode": True,
    }
    assert dynamic["postgresql"]["use_pg_rewind"] is True
    parameters = dynamic["postgresql"]["parameters"]
    assert parameters["max_connections"] == 100
    assert parameters["wal_log_hints"] == "on"
    assert parameters["max_slot_wal_keep_size"] == "4GB"
    assert (parameters["archive_mode"], parameters["archive_command"]) == ("on", "/bin/true")
    assert "restore_command" not in parameters


def test_sizes_are_this_host_s(patroni):
    parameters = patroni["postgresql"]["parameters"]
    assert parameters["shared_buffers"] == "192MB"
    assert parameters["effective_cache_size"] == "576MB"
    assert parameters["work_mem"] == "4MB"
    assert parameters["maintenance_work_mem"] == "48MB"
    assert "max_connections" not in parameters


def test_one_variable_overrides_a_size(render):
    text = render("postgresql", "patroni.yml.j2", "db1", postgresql_shared_buffers_mb=512)
    assert yaml.safe_load(text)["postgresql"]["parameters"]["shared_buffers"] == "512MB"


def test_no_value_of_a_row_is_logged(patroni):
    """Neither what an error is about, nor the statement, which holds values where the client writes them into it."""
    assert {
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_min_duration_statement": -1,
        "log_statement": "none",
        "log_parameter_max_length": 0,
        "log_parameter_max_length_on_error": 0,
    }.items() <= patroni["postgresql"]["parameters"].items()


def test_errors_of_an_apps_sessions_are_left_to_the_app(render):
    script = render("postgresql", "databases.sql.j2", "db1")
    set_for = re.findall(r"'log_min_messages', '(\w+)'\)\s+FROM pg_roles\s+WHERE rolname = '(\w+)'", script)
    assert set_for == [("log", "customers_owner"), ("log", "customers")]
    script = render("postgresql", "databases.sql.j2", "db1", postgresql_role_settings={"log_min_messages": "error"})
    set_for = re.findall(r"'log_min_messages', '(\w+)'\)\s+FROM pg_roles\s+WHERE rolname = '(\w+)'", script)
    assert set_for == [("log", "customers_owner"), ("error", "customers")]


def test_parameters_of_the_user_win(render):
    text = render("postgresql", "patroni.yml.j2", "db1", postgresql_parameters={"random_page_cost": 4, "jit": "off"})
    parameters = yaml.safe_load(text)["postgresql"]["parameters"]
    assert (parameters["random_page_cost"], parameters["jit"]) == (4, "off")


def test_new_replicas_may_be_copied_from_any_member(patroni):
    assert patroni["tags"] == {"clonefrom": True}


def test_checksums_and_unicode(patroni):
    assert "data-checksums" in patroni["bootstrap"]["initdb"]
    assert {"encoding": "UTF8"} in patroni["bootstrap"]["initdb"]
    assert {"locale": "C.UTF-8"} in patroni["bootstrap"]["initdb"]


def test_tls_on_and_strict(patroni):
    parameters = patroni["postgresql"]["parameters"]
    assert parameters["ssl"] == "on"
    assert parameters["password_encryption"] == "scram-sha-256"
    for role in ("replication", "rewind"):
        authentication = patroni["postgresql"]["authentication"][role]
        assert authentication["sslmode"] == "verify-full"
        assert authentication["sslrootcert"] == "/etc/pergola/tls/services-ca.crt"
    assert "password" not in patroni["postgresql"]["authentication"]["superuser"]


def test_pg_hba_is_exactly_this(patroni):
    assert patroni["postgresql"]["pg_hba"] == [
        "local all postgres peer",
        "local replication postgres peer",
        "hostssl replication replicator 10.9.8.31/32 scram-sha-256",
        "hostssl postgres rewind 10.9.8.31/32 scram-sha-256",
        "hostssl replication replicator 10.9.8.32/32 scram-sha-256",
        "hostssl postgres rewind 10.9.8.32/32 scram-sha-256",
        "hostssl replication replicator 10.9.8.33/32 scram-sha-256",
        "hostssl postgres rewind 10.9.8.33/32 scram-sha-256",
        "hostssl customers customers,customers_owner 10.9.8.21/32 scram-sha-256",
        "hostssl customers customers,customers_owner 10.9.8.22/32 scram-sha-256",
    ]


def test_a_password_needs_no_quoting_rules(render):
    password = "a: 'b' \"c\" #d"
    text = render("postgresql", "patroni.yml.j2", "db1", postgresql_replication_password=password)
    assert yaml.safe_load(text)["postgresql"]["authentication"]["replication"]["password"] == password


def test_the_script_of_the_databases_holds_verifiers_rather_than_passwords(render):
    script = render("postgresql", "databases.sql.j2", "db1")
    assert len(set(re.findall(r"SCRAM-SHA-256\$4096:[\w+/=]+\$[\w+/=]+:[\w+/=]+", script))) == 4
    assert "SUPERUSER" not in script
    assert "GRANT ALL" not in script


def test_the_runtime_role_gets_rows_and_not_the_schema(render):
    script = render("postgresql", "databases.sql.j2", "db1")
    assert "CREATE DATABASE %I OWNER %I', 'customers', 'customers_owner'" in script
    assert "REVOKE ALL ON DATABASE %I FROM PUBLIC', 'customers'" in script
    script = " ".join(script.split())
    assert "ON TABLES TO %I', 'customers_owner', 'SELECT, INSERT, UPDATE, DELETE', 'customers')" in script
    assert "ON SEQUENCES TO %I', 'customers_owner', 'SELECT, USAGE', 'customers')" in script
    assert not re.search(r"TRUNCATE|REFERENCES|GRANT [^;\\]*(CREATE|ALL)\b", script)


def test_patroni_s_death_leaves_postgresql_alone(render):
    lines = render("postgresql", "patroni.service.j2").splitlines()
    assert {"KillMode=process", "Restart=always", "TimeoutStopSec=300s", "User=postgres"} <= set(lines)
    assert "[Install]" in lines


def test_debian_s_packages_make_no_cluster_of_their_own(render):
    assert "create_main_cluster = false" in render("postgresql", "createcluster.conf.j2").splitlines()
