"""The consensus store."""

import pytest


def variables(text):
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def etcd(render):
    return variables(render("etcd", "etcd.env.j2", "lb1"))


def test_it_listens_where_it_is_asked(etcd):
    assert etcd["ETCD_NAME"] == "lb1"
    assert etcd["ETCD_LISTEN_CLIENT_URLS"] == "https://10.9.8.11:2379,https://127.0.0.1:2379"
    assert etcd["ETCD_LISTEN_PEER_URLS"] == "https://10.9.8.11:2380"
    assert etcd["ETCD_ADVERTISE_CLIENT_URLS"] == "https://lb1:2379"


def test_nobody_talks_to_it_without_a_certificate(etcd):
    for kind in ("", "PEER_"):
        assert etcd[f"ETCD_{kind}CLIENT_CERT_AUTH"] == "true"
        assert etcd[f"ETCD_{kind}TRUSTED_CA_FILE"] == "/etc/pergola/tls/control-ca.crt"
    assert not [value for value in etcd.values() if "http://" in value]
    assert not [name for name in etcd if "AUTO_TLS" in name]


def test_no_start_but_the_first_knows_of_others(render, etcd):
    assert etcd["ETCD_INITIAL_CLUSTER_STATE"] == "existing"
    assert etcd["ETCD_INITIAL_CLUSTER"] == "lb1=https://lb1:2380"
    first = render("etcd", "founding.env.j2", __etcd_cluster="lb1=https://lb1:2380", __etcd_cluster_state="new")
    assert variables(first) == {"ETCD_INITIAL_CLUSTER": "lb1=https://lb1:2380", "ETCD_INITIAL_CLUSTER_STATE": "new"}
