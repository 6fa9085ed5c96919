"""When instances are started, restarted and removed."""

import os
from types import SimpleNamespace

import pytest
import service_instances

STARTED = "Mon 2026-11-23 16:31:25.441834 UTC"
STARTED_AT = 1795451485.441834


class Systemd:
    """Stands in for systemctl: keeps the state of units and what was asked for."""

    def __init__(self):
        self.units = {}
        self.asked = []

    def unit(self, name, **properties):
        self.units[name] = {
            "Id": name,
            "ActiveState": "active",
            "UnitFileState": "enabled",
            "ActiveEnterTimestamp": STARTED,
            "ExecMainStartTimestamp": STARTED if name.endswith(".service") else "",
            "NeedDaemonReload": "no",
        } | properties

    def __call__(self, verb, *arguments):
        if verb != "show":
            self.asked.append(" ".join([verb, *arguments]))
            return ""
        blocks = [self.units[name] for name in arguments if not name.startswith("--")]
        return "\n\n".join("\n".join(f"{key}={value}" for key, value in block.items()) for block in blocks)


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host where both instances of `shop` run and everything is older than they are."""
    systemd = Systemd()
    monkeypatch.setattr(service_instances, "systemctl", systemd)
    monkeypatch.setattr(service_instances, "UNITS", tmp_path)
    monkeypatch.setattr(
        service_instances.Instances, "wait", lambda _self, number: systemd.asked.append(f"wait {number}")
    )
    pointers = tmp_path / "pointers"
    pointers.mkdir()
    for number in "12":
        systemd.unit(f"shop@{number}.socket")
        systemd.unit(f"shop@{number}.service")
        (pointers / number).symlink_to("../releases/a")
        (tmp_path / f"shop@{number}.socket").touch()
    for name in ("app.env", "shop@.service"):
        (tmp_path / name).touch()
    for path in [*tmp_path.iterdir(), *pointers.iterdir()]:
        os.utime(path, (STARTED_AT - 60,) * 2, follow_symlinks=False)

    def run(*, restart=False, count=2, check_mode=False, release="", canary=False):
        systemd.asked.clear()
        params = {"name": "shop", "count": count, "pointers": pointers, "files": [tmp_path / "app.env"]}
        params |= {"restart": restart, "release": release, "canary": canary}
        module = SimpleNamespace(params=params, check_mode=check_mode)
        instances = service_instances.Instances(module)
        due = instances.run()
        return SimpleNamespace(due=due, actions=instances.actions, asked=list(systemd.asked))

    def touch(name, at=STARTED_AT + 0.001):
        path = pointers / name if name.isdecimal() else tmp_path / name
        if not path.is_symlink():
            path.parent.mkdir(exist_ok=True)
            path.touch()
        os.utime(path, (at, at), follow_symlinks=False)

    return SimpleNamespace(systemd=systemd, run=run, touch=touch, path=tmp_path)


def test_nothing_is_done_where_nothing_is_due(host):
    result = host.run()
    assert (result.due, result.actions, result.asked) == ([], [], ["wait 1", "wait 2"])


def test_what_is_down_is_started(host):
    host.systemd.unit("shop@2.service", ActiveState="failed")
    assert host.run().asked == ["enable --now shop@2.socket shop@2.service", "wait 1", "wait 2"]


def test_what_would_not_start_at_boot_is_enabled(host):
    host.systemd.unit("shop@1.socket", UnitFileState="disabled")
    assert host.run().actions == ["start 1"]


@pytest.mark.parametrize("file", ["app.env", "shop@.service", "shop@.service.d/override.conf"])
def test_what_is_older_than_its_files_is_due(host, file):
    host.touch(file)
    result = host.run()
    assert (result.due, result.actions) == (["1", "2"], []), "it is only told: the host waits for its turn"


def test_a_moved_pointer_is_due_for_its_instance_alone(host):
    host.touch("2")
    assert host.run().due == ["2"]


def test_a_file_that_is_just_older_is_not_due(host):
    host.touch("app.env", STARTED_AT - 0.001)
    assert host.run().due == []


def test_instances_restart_one_after_the_other(host):
    host.touch("app.env")
    result = host.run(restart=True)
    assert result.asked == ["restart shop@1.service", "wait 1", "restart shop@2.service", "wait 2"]
    assert result.due == []


def test_the_others_stay_when_one_does_not_come_back(host, monkeypatch):
    def wait(_self, number):
        raise service_instances.InstanceError(number)

    monkeypatch.setattr(service_instances.Instances, "wait", wait)
    host.touch("app.env")
    with pytest.raises(service_instances.InstanceError):
        host.run(restart=True)
    assert host.systemd.asked == ["restart shop@1.service"]


def test_a_socket_with_another_address_is_opened_anew(host):
    host.touch("shop@1.socket")
    asked = host.run(restart=True).asked
    assert asked == ["wait 2", "stop shop@1.socket shop@1.service", "restart shop@1.service", "wait 1"]


def test_surplus_instances_are_removed(host):
    result = host.run(count=1)
    assert result.asked == ["wait 1", "disable --now shop@2.socket shop@2.service"]
    assert not (host.path / "shop@2.socket").exists()
    assert not (host.path / "pointers" / "2").is_symlink()


def test_systemd_reads_new_units_first(host):
    host.systemd.unit("shop@1.socket", ActiveState="inactive", NeedDaemonReload="yes")
    assert host.run().asked[0] == "daemon-reload"


def test_check_mode_tells_and_does_nothing(host):
    host.systemd.unit("shop@1.service", ActiveState="inactive")
    result = host.run(count=1, check_mode=True)
    assert result.actions == ["start 1", "remove 2"]
    assert result.asked == ["wait 1"]
    assert (host.path / "shop@2.socket").exists()


def links(host):
    """Where the instances lead."""
    return {link.name: str(link.readlink()) for link in (host.path / "pointers").iterdir()}


@pytest.fixture
def broken(host, monkeypatch):
    """A release that never becomes ready."""

    def wait(instances, number):
        host.systemd.asked.append(f"wait {number}")
        if (instances.pointers / number).readlink().name == "broken":
            raise service_instances.InstanceError(f"{number} is not ready.")

    monkeypatch.setattr(service_instances.Instances, "wait", wait)
    monkeypatch.setattr(service_instances, "journal", lambda unit, _since: f"ImportError in {unit}")
    return "../releases/broken"


def test_instances_move_one_after_the_other(host):
    result = host.run(release="../releases/b")
    assert result.asked == ["restart shop@1.service", "wait 1", "restart shop@2.service", "wait 2"]
    assert links(host) == {"1": "../releases/b", "2": "../releases/b"}


def test_what_has_moved_does_not_move_again(host):
    result = host.run(release="../releases/a")
    assert (result.actions, result.asked) == ([], [])


def test_a_move_that_died_before_the_restart_is_finished(host):
    host.touch("1")
    assert host.run(release="../releases/a").actions == ["move 1"]


def test_the_first_instance_that_is_not_ready_goes_back_and_the_others_stay(host, broken):
    with pytest.raises(service_instances.InstanceError) as caught:
        host.run(release=broken)
    assert host.systemd.asked == ["restart shop@1.service", "wait 1"] * 2
    assert links(host) == {"1": "../releases/a", "2": "../releases/a"}
    for part in ("1 is not ready", "ImportError in shop@1.service", "has gone back to a"):
        assert part in str(caught.value)


def test_what_was_wrong_first_is_said_first_where_nothing_becomes_ready(host, monkeypatch):
    reasons = iter(["no module", "no database"])

    def wait(_self, number):
        raise service_instances.InstanceError(next(reasons))

    monkeypatch.setattr(service_instances.Instances, "wait", wait)
    with pytest.raises(service_instances.InstanceError, match=r"(?s)^no module.*did not go back to a either: no data"):
        host.run(release="../releases/b")


@pytest.fixture
def canary(host):
    """The units of instance 0, which the role has written."""
    (host.path / "shop@0.socket").touch()
    for kind in ("socket", "service"):
        host.systemd.unit(f"shop@0.{kind}", ActiveState="inactive")


def test_the_canary_is_tried_and_taken_away(host, canary):
    result = host.run(canary=True, release="../releases/b")
    stop = "stop shop@0.socket shop@0.service"
    assert result.asked == [
        *(stop, "daemon-reload", "start shop@0.socket shop@0.service", "wait 0", stop, "daemon-reload")
    ]
    assert links(host) == {"1": "../releases/a", "2": "../releases/a"}
    assert not (host.path / "shop@0.socket").exists()


def test_a_canary_that_fails_is_taken_away_as_well(host, canary, broken):
    with pytest.raises(service_instances.InstanceError, match=r"ImportError in shop@0\.service"):
        host.run(canary=True, release=broken)
    assert links(host) == {"1": "../releases/a", "2": "../releases/a"}
    assert not (host.path / "shop@0.socket").exists()


@pytest.mark.parametrize(("text", "expected"), [(STARTED, STARTED_AT), ("", 0.0), ("n/a", 0.0)])
def test_timestamps_keep_their_microseconds(text, expected):
    assert service_instances.seconds(text) == expected


@pytest.fixture
def waiting(monkeypatch):
    """Instance 2 of `shop`, which answers that its database does not."""
    systemd = Systemd()
    systemd.unit("shop@2.service", NRestarts="7")
    monkeypatch.setattr(service_instances, "systemctl", systemd)
    monkeypatch.setattr(
        service_instances.ssl, "create_default_context", lambda **_: SimpleNamespace(load_cert_chain=print)
    )
    monkeypatch.setattr(service_instances, "probe", lambda *_: (503, '{"database": "timeout"}'))
    params = {"name": "shop", "count": 0, "pointers": "/", "address": "10.0.0.5", "port": 8000, "host": "shop.example"}
    params |= {"authority": "", "certificate": "", "key": "", "timeout": 0.1, "release": "", "canary": False}
    return SimpleNamespace(
        systemd=systemd,
        instances=service_instances.Instances(SimpleNamespace(params=params, check_mode=False)),
        options=params,
    )


def test_an_instance_that_is_not_ready_says_why(waiting):
    with pytest.raises(service_instances.InstanceError) as caught:
        waiting.instances.wait("2")
    for part in ("shop@2 at 10.0.0.5:8002", '503 {"database": "timeout"}', "journalctl --unit shop@2"):
        assert part in str(caught.value)


def test_an_instance_that_dies_as_it_starts_is_not_waited_for(waiting, monkeypatch):
    def probe(*_):
        unit = waiting.systemd.units["shop@2.service"]
        unit["NRestarts"] = str(int(unit["NRestarts"]) + 1)
        return 0, "connection reset"

    monkeypatch.setattr(service_instances, "probe", probe)
    monkeypatch.setattr(service_instances.time, "sleep", lambda _seconds: None)
    waiting.options["timeout"] = 3600
    with pytest.raises(service_instances.InstanceError, match="dies as it starts"):
        waiting.instances.wait("2")
    assert waiting.systemd.units["shop@2.service"]["NRestarts"] == "10"
