"""The address that the load balancers share."""

import json
import re
import shutil
import subprocess

import pytest

ADDRESS = "10.9.8.10"


@pytest.fixture(scope="module")
def keepalived(render):
    """keepalived.conf of a host."""

    def get(host, **overrides):
        own = {"local": {"lb1": "10.9.8.11", "lb2": "10.9.8.12"}[host], "prefixlen": 24}
        found = {"stdout": json.dumps([{"ifname": "enp1s0", "addr_info": [own]}])}
        return render("keepalived", "keepalived.conf.j2", host, __keepalived_interfaces=found, **overrides)

    return get


def block(text, head):
    """The words of a block: block(text, "unicast_peer")."""
    return re.search(rf"\b{head} {{([^{{}}]*)}}", text).group(1).split()


@pytest.mark.parametrize(
    ("host", "own", "peer"), [("lb1", "10.9.8.11", "10.9.8.12"), ("lb2", "10.9.8.12", "10.9.8.11")]
)
def test_they_talk_to_each_other_alone(keepalived, host, own, peer):
    text = keepalived(host)
    assert f"unicast_src_ip {own}\n" in text
    assert block(text, "unicast_peer") == [peer]
    assert "vrrp_check_unicast_src" in text
    assert "auth_" not in text


def test_the_address_is_on_the_interface_of_their_network(keepalived):
    text = keepalived("lb1")
    assert block(text, "virtual_ipaddress") == [f"{ADDRESS}/32"]
    assert "interface enp1s0\n" in text
    assert "interface bond0\n" in keepalived("lb1", keepalived_interface="bond0")


def test_a_host_that_comes_back_does_not_take_the_address_back(keepalived):
    for host, priority in (("lb1", 200), ("lb2", 199)):
        text = keepalived(host)
        assert "state BACKUP\n" in text
        assert "nopreempt\n" in text
        assert f"priority {priority}\n" in text


def test_a_silent_host_is_replaced_within_two_seconds(keepalived):
    """VRRP's own formula: three signs of life that stay out, and a bit for the lower priority."""
    text = keepalived("lb1")
    interval = float(re.search(r"advert_int (\S+)", text).group(1))
    assert "vrrp_version 3" in text  # older ones know whole seconds only
    assert 3 * interval + (256 - 199) / 256 * interval < 2


def test_health_is_checked_by_somebody_without_rights(keepalived):
    text = keepalived("lb1")
    assert "enable_script_security\n" in text
    assert "script_user keepalived_script\n" in text
    assert block(text, "track_script") == ["nginx"]
    assert "http://127.0.0.1:8081/lb-health" in text
    assert not re.search(r"\b(user|notify\w*) ", text)


def test_it_stands_aside_until_it_is_told_that_it_may(keepalived):
    found = re.search(r"track_file stands_aside {([^}]*)}", keepalived("lb1")).group(1).split()
    assert found == ["file", "/var/lib/keepalived/stands-aside", "weight", "0"]


def test_the_address_leaves_before_nginx_stops(render):
    lines = render("keepalived", "virtual-address.service.j2", "lb1").splitlines()
    assert "After=nginx.service keepalived.service" in lines
    assert "PartOf=nginx.service keepalived.service" in lines
    assert "WantedBy=nginx.service keepalived.service" in lines
    assert "ExecStop=/usr/local/sbin/virtual-address leave" in lines


@pytest.mark.parametrize(
    ("here", "answer", "verb", "aside", "code"),
    [
        (True, "", "may", "0", 0),
        (False, "", "leave", "1", 0),  # nothing to give away
        (True, "", "leave", "", 0),  # nobody to give it to
        (True, "10.9.8.12", "leave", "0", 1),  # nobody took it
    ],
)
def test_giving_it_away(render, tmp_path, here, answer, verb, aside, code):
    """With commands that say what they are told to say."""
    commands = {
        "ip": f"echo '{f'inet {ADDRESS}/32' if here else ''}'",
        "curl": f"case $* in *{answer or 'nobody'}*) ;; *) exit 7 ;; esac",
        "sleep": ":",
    }
    for name, body in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    file = tmp_path / "stands-aside"
    script = render("keepalived", "virtual-address.j2", "lb1").replace("/var/lib/keepalived/stands-aside", str(file))
    path = f"{tmp_path}:{shutil.os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", script, "-", verb], env={"PATH": path}, capture_output=True, check=False)
    assert done.returncode == code, done
    assert (file.read_text().strip() if file.exists() else "") == aside
