"""The files of the app role, rendered for a host of the lab."""

import os
import re
import ssl
import subprocess
from contextlib import nullcontext
from socket import SHUT_RDWR
from types import SimpleNamespace

import gevent
import gevent.event
import gevent.lock
import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidHeader
from gunicorn.workers.base import Worker as BaseWorker
from gunicorn.workers.ggevent import GeventWorker
from harness import PROJECT, STUB_SECRETS, secret

CLIENT = SimpleNamespace()  # nothing is sent to it
SECRETS = list(STUB_SECRETS["secrets_apps"]["customers"].values())


def environment(stack, render, which):
    """An environment file as systemd reads it."""
    text = render("app", "environment.j2", __app_variables=stack.evaluate(f"__app_{which}_environment", "app"))
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: value.strip('"') for name, value in (line.split("=", 1) for line in lines)}


def gunicorn(render, **overrides):
    """Gunicorn's settings as it would read them."""
    settings = {}
    exec(render("app", "gunicorn.conf.py.j2", **overrides), settings)
    return settings


def test_the_app_gets_its_contract(stack, render):
    assert environment(stack, render, "runtime") == {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": secret("secret_key"),
        "ALLOWED_HOSTS": "localhost",
        "CSRF_TRUSTED_ORIGINS": "https://localhost:8443",
        "DATABASE_HOST": "/run/pgbouncer",
        "DATABASE_PORT": "6432",
        "DATABASE_NAME": "customers",
        "DATABASE_REPLICA_NAME": "customers_ro",
        "DATABASE_USER": "customers",
        "DATABASE_POOL_MIN": "2",
        "DATABASE_POOL_MAX": "10",
        "DATABASE_POOL_TIMEOUT": "30",
        "DATABASE_POOL_WAITING": "128",
        "REPLICA_READS_OFF_FILE": "/etc/customers/replica-reads.off",
        "REDIS_URL": "rediss://customers@cache1:6379/0",
        "REDIS_PASSWORD": secret("redis_password"),
        "REDIS_CA_FILE": "/etc/pergola/tls/services-ca.crt",
        "REDIS_KEY_PREFIX": "customers",
        "USER_REQUESTS_PER_MINUTE": "60000",
        "UNTHROTTLED_USERS": "",
        "LOG_LEVEL": "INFO",
    }


def test_only_migrations_know_the_owner(stack, render):
    owner = environment(stack, render, "owner")
    assert owner["DATABASE_USER"] == "customers_owner"
    assert owner["DATABASE_PASSWORD"] == secret("database_owner_password")
    assert owner["DATABASE_SSLMODE"] == "verify-full"
    assert (owner["DATABASE_HOST"], owner["DATABASE_PORT"]) == ("postgresql.pergola.internal", "5000")
    assert owner["DATABASE_LOCK_TIMEOUT"] == "5000"
    assert secret("database_owner_password") not in environment(stack, render, "runtime").values()


@pytest.mark.parametrize("value", ['say "hi"', "back\\slash", "plain $HOME `id` #1"])
def test_systemd_reads_values_as_they_are(render, value):
    line = render("app", "environment.j2", __app_variables={"VALUE": value}).splitlines()[-1]
    name, quoted = line.split("=", 1)
    assert name == "VALUE"
    assert quoted[1:-1].replace('\\"', '"').replace("\\\\", "\\") == value
    assert quoted[0] == quoted[-1] == '"'


def test_gunicorn_demands_certificates(render):
    settings = gunicorn(render)
    assert settings["cert_reqs"] == ssl.CERT_REQUIRED
    assert settings["ca_certs"] == "/etc/pergola/tls/services-ca.crt"
    assert settings["certfile"] == "/etc/pergola/tls/customers.crt"
    assert settings["forwarded_allow_ips"] == "*"


def test_gunicorn_is_sized_for_the_host(render):
    settings = gunicorn(render)
    assert (settings["workers"], settings["worker_connections"]) == (1, 1000)
    assert issubclass(settings["worker_class"], GeventWorker)
    assert (settings["max_requests"], settings["max_requests_jitter"]) == (100000, 10000)
    assert settings["preload_app"] is False
    assert settings["keepalive"] == 75
    assert "bind" not in settings
    assert "threads" not in settings


def test_requests_under_way_go_on_before_another_one_begins(render, monkeypatch):
    told = []

    def compute_in_turns(worker, listener, number, client, address):
        told.append(number)
        for _ in range(3):
            gevent.sleep(0)  # an answer that it waited for is there already
        told.append(number)

    monkeypatch.setattr(GeventWorker, "handle_request", compute_in_turns)
    worker = object.__new__(gunicorn(render)["worker_class"])
    worker.door = gevent.lock.BoundedSemaphore()
    handlers = [gevent.spawn(worker.handle_request, None, number, CLIENT, None) for number in range(3)]
    gevent.joinall(handlers, raise_error=True)
    assert told == [0, 0, 1, 1, 2, 2]


def test_requests_that_only_wait_keep_nobody_from_beginning(render, monkeypatch):
    told, open_again = [], gevent.event.Event()

    def wait_for_the_last(worker, listener, number, client, address):
        told.append(number)
        if number == 2:
            open_again.set()
        assert open_again.wait(10)

    monkeypatch.setattr(GeventWorker, "handle_request", wait_for_the_last)
    worker = object.__new__(gunicorn(render)["worker_class"])
    worker.door = gevent.lock.BoundedSemaphore()
    handlers = [gevent.spawn(worker.handle_request, None, number, CLIENT, None) for number in range(3)]
    gevent.joinall(handlers, raise_error=True)
    assert told == [0, 1, 2]


def test_a_request_that_has_not_begun_when_its_worker_stops_gets_no_answer(render):
    """Its connection is closed, as by a client that leaves: the load balancer asks another instance."""
    worker = object.__new__(gunicorn(render)["worker_class"])
    worker.door = gevent.lock.BoundedSemaphore()
    worker.door.acquire()
    request = gevent.spawn(worker.handle_request, None, None, CLIENT, None)
    gevent.sleep(0)
    request.kill()
    assert isinstance(request.exception, StopIteration)


@pytest.fixture
def sent(render, monkeypatch):
    """What goes over a client's socket, packet by packet, where gunicorn sends these pieces of an answer."""

    def sent(*pieces, fails=False):
        packets, ways = [], []

        def handle(worker, listener, request, socket, address):
            for piece in pieces:
                socket.sendall(piece)
            if fails:
                socket.shutdown(SHUT_RDWR)
                raise StopIteration
            assert socket.fileno() == 7

        monkeypatch.setattr(GeventWorker, "handle_request", handle)
        worker = object.__new__(gunicorn(render)["worker_class"])
        worker.door = gevent.lock.BoundedSemaphore()
        client = SimpleNamespace(sendall=packets.append, shutdown=ways.append, fileno=lambda: 7)
        with pytest.raises(StopIteration) if fails else nullcontext():
            worker.handle_request(None, None, client, None)
        return (packets, ways) if fails else packets

    return sent


def test_the_head_of_an_answer_goes_with_its_body(sent):
    assert sent(b"head,", b"body") == [b"head,body"]
    assert sent(b"head,", b"first", b"second", b"third") == [b"head,first", b"second", b"third"]


def test_an_answer_without_a_body_is_sent_too(sent):
    assert sent(b"head") == [b"head"]
    assert sent() == []


def test_no_head_is_sent_of_an_answer_that_failed(sent):
    assert sent(b"head", fails=True) == ([], [SHUT_RDWR])


@pytest.fixture
def serve(render, monkeypatch):
    """A worker's answer to a request, as whether it closes the connection."""
    monkeypatch.setattr(GeventWorker, "handle_request", lambda worker, *of_request: None)

    def answer(worker):
        request = SimpleNamespace(closed=False)
        request.force_close = lambda: setattr(request, "closed", True)
        worker.handle_request(None, request, CLIENT, None)
        return request.closed

    return answer


def test_a_worker_that_is_to_stop_serves_on_and_closes_connections(render, serve, monkeypatch):
    settings = gunicorn(render)
    now = 1000
    monkeypatch.setattr(settings["time"], "monotonic", lambda: now)
    worker = object.__new__(settings["worker_class"])
    worker.door = gevent.lock.BoundedSemaphore()
    worker.alive = True
    assert (worker.alive, serve(worker)) == (True, False)
    worker.alive = False
    now += 5
    assert (worker.alive, serve(worker)) == (True, True)
    worker.alive = False  # told once more
    now += 2
    assert not worker.alive


def test_a_worker_that_has_served_enough_is_told_so_once(render):
    worker = object.__new__(gunicorn(render)["worker_class"])
    worker.max_requests = 1
    worker.alive = False
    assert worker.max_requests > 10**9


def test_a_worker_drains_for_longer_than_nginx_keeps_connections(stack, render):
    [kept] = re.findall(r"keepalive \d+;\s+keepalive_timeout (\d+)s", render("nginx", "nginx.conf.j2"))
    settings = gunicorn(render)
    drain, under_way = (int(stack.evaluate(f"app_{name}", "app")) for name in ("drain", "graceful_timeout"))
    assert int(kept) < drain
    assert int(kept) < settings["keepalive"]
    assert settings["graceful_timeout"] == drain + under_way


def test_gunicorn_can_compute_in_threads(render):
    settings = gunicorn(render, app_worker_class="gthread")
    assert (settings["worker_class"], settings["threads"]) == ("gthread", 4)
    assert "worker_connections" not in settings


@pytest.fixture
def log(render, capsys):
    """What gunicorn's log has after `act(logger)`, for each class of workers."""

    def log(worker_class, act):
        settings = Config()
        settings.set("errorlog", "-")
        capsys.readouterr()
        act(gunicorn(render, app_worker_class=worker_class)["logger_class"](settings))
        return capsys.readouterr().err

    return log


NAME = "Ada Lovelace"
REQUEST = SimpleNamespace(method="GET", uri=f"/api/customers/?search={NAME}")


def fails(kind, request=None):
    """Gunicorn's own handling of an exception whose message quotes a value."""

    def act(logger):
        worker = SimpleNamespace(log=logger, cfg=None)
        try:
            raise kind(NAME)
        except kind as error:
            BaseWorker.handle_error(worker, request, SimpleNamespace(sendall=lambda data: None), ("10.0.0.1", 1), error)

    return act


@pytest.mark.parametrize("worker_class", ["gevent", "gthread"])
def test_gunicorn_logs_no_value_of_a_request(log, monkeypatch, worker_class):
    monkeypatch.setattr("gunicorn.util.write_error", lambda *arguments: None)
    monkeypatch.setattr("gunicorn.workers.base.default_environ", lambda *arguments: {})
    monkeypatch.setattr("gunicorn.workers.base.Response", lambda *arguments: SimpleNamespace())
    monkeypatch.setattr("gunicorn.glogging.Logger.access", lambda *arguments: None)
    failed = log(worker_class, fails(ValueError, REQUEST))
    assert "Error handling a request:" in failed
    assert "in act" in failed
    assert "ValueError" in failed
    refused = log(worker_class, fails(InvalidHeader))
    assert "Invalid request from ip=10.0.0.1: InvalidHeader" in refused
    assert NAME not in failed + refused


def test_gunicorn_says_in_full_why_a_worker_does_not_boot(log):
    def act(logger):
        try:
            raise ValueError("SECRET_KEY must be set")
        except ValueError:
            logger.exception("Exception in worker process")

    assert "ValueError: SECRET_KEY must be set" in log("gevent", act)


OWN = {"name": "shop", "path": "shop", "wsgi": "shop.wsgi:app", "settings": "shop.settings", "port": 8100}


@pytest.mark.parametrize("worker_class", ["sync", "shop.workers.Worker"])
def test_one_app_may_have_another_class_of_workers(render, worker_class):
    settings = gunicorn(render, cluster_app=OWN | {"worker_class": worker_class})
    assert settings["worker_class"] == worker_class
    assert settings.keys() & {"threads", "worker_connections"} == set()
    assert issubclass(gunicorn(render, cluster_app=OWN)["worker_class"], GeventWorker)


def test_one_app_may_have_variables_of_its_own(stack):
    given = stack.evaluate(
        "__app_whole_environment",
        "app",
        app_environment={"HSTS_SECONDS": 60, "COLOUR": "red"},
        cluster_app=OWN | {"environment": {"HSTS_SECONDS": 7}},
        secrets_apps={"shop": dict.fromkeys(("secret_key", "redis_password"), "x")},
    )
    assert (given["HSTS_SECONDS"], given["COLOUR"], given["LOG_LEVEL"]) == (7, "red", "INFO")


def test_gunicorn_makes_one_context_per_process_and_trusts_the_probe(render):
    class Context:
        trusted = []

        def load_verify_locations(self, path):
            self.trusted.append(path)

    hook = gunicorn(render)["ssl_context"]
    first = hook(None, Context)
    assert hook(None, Context) is first
    assert Context.trusted == ["/etc/customers/probe.crt"]


def test_a_worker_takes_the_place_of_the_one_that_it_replaces(render, tmp_path, monkeypatch):
    hooks = gunicorn(render)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setenv("WORKER_PLACE", "")
    server = SimpleNamespace(WORKERS={})

    def start(pid):
        worker = SimpleNamespace()
        hooks["pre_fork"](server, worker)
        server.WORKERS[pid] = worker
        hooks["post_fork"](server, worker)
        return os.environ["WORKER_PLACE"]

    assert [start(pid) for pid in (11, 12, 13)] == ["0", "1", "2"]
    for file in ("counter_1.db", "gauge_livemax_1.db", "gauge_livemax_2.db"):
        (tmp_path / file).touch()
    hooks["child_exit"](server, server.WORKERS.pop(12))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["counter_1.db", "gauge_livemax_2.db"]
    assert start(14) == "1"


def test_an_instance_runs_sandboxed_and_from_its_own_pointer(render):
    unit = render("app", "instance.service.j2").splitlines()
    for line in (
        "Type=notify",
        "User=customers",
        "Requires=customers@%i.socket",
        "EnvironmentFile=/etc/customers/app.env",
        "Environment=PROMETHEUS_MULTIPROC_DIR=/run/customers-%i",
        "ExecStart=/opt/customers/instances/%i/run -m gunicorn --config /etc/customers/gunicorn.conf.py "
        "config.wsgi:application",
        "MemoryMax=384M",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service",
    ):
        assert line in unit
    assert not [line for line in unit if "migrate.env" in line]


def test_the_hourly_command_runs_sandboxed_in_the_release_of_the_first_instance(render):
    unit = render("app", "hourly.service.j2").splitlines()
    for line in (
        "Type=oneshot",
        "User=customers",
        "EnvironmentFile=/etc/customers/app.env",
        "ExecStart=/usr/bin/env DATABASE_POOL_MIN=0 DATABASE_POOL_MAX=0 \\",
        "  /opt/customers/instances/1/run manage.py purge_expired",
        "Restart=on-failure",
        "MemoryMax=384M",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
    ):
        assert line in unit
    assert "[Install]" not in unit  # its timer starts it


def test_hosts_run_the_hourly_command_at_different_times_and_catch_up(render):
    timer = render("app", "hourly.timer.j2").splitlines()
    assert {"OnCalendar=hourly", "RandomizedDelaySec=30min", "Persistent=true", "WantedBy=timers.target"} <= set(timer)


def test_an_app_has_no_hourly_command_unless_it_names_one(stack):
    assert stack.evaluate("app_hourly_command", "app") == "purge_expired"
    secrets = {"shop": dict.fromkeys(("secret_key", "redis_password"), "x")}
    assert stack.evaluate("app_hourly_command", "app", cluster_app=OWN, secrets_apps=secrets) == ""


@pytest.mark.parametrize(("command", "faults"), [("", 0), ("purge_expired", 0), ("purge; reboot", 1), ("a b", 1)])
def test_an_hourly_command_is_one_word(stack, command, faults):
    role = str(PROJECT / "ansible" / "roles" / "app")
    found = stack.evaluate("__app_faults", "app", role_path=role, app_hourly_command=command)
    assert len(found) == faults, found


def test_a_removed_host_loses_the_hourly_command(stack):
    folder = PROJECT / "ansible" / "playbooks" / "vars"
    variables = {"tiers": ["app"]}
    for file in ("turn.yml", "remove.yml"):
        variables |= stack.loader.load_from_file(str(folder / file), trusted_as_template=True)
    units = {"customers-hourly.timer", "customers-hourly.service"}
    assert set(stack.evaluate("stopping_order", "app", **variables)[:2]) == units
    assert {f"/etc/systemd/system/{unit}" for unit in units} <= set(stack.evaluate("remove_paths", "app", **variables))


def test_instances_listen_side_by_side(render):
    unit = render("app", "instance.socket.j2", host="app2", item=2).splitlines()
    assert "ListenStream=10.9.8.22:8002" in unit


@pytest.mark.parametrize(
    "template", ["gunicorn.conf.py.j2", "instance.service.j2", "hourly.service.j2", "manage.j2", "run.j2"]
)
def test_readable_files_hold_no_secret(render, template):
    text = render("app", template)
    assert not [value for value in SECRETS if value in text]


def test_a_process_stays_in_the_release_that_it_started_from(render, tmp_path):
    for name in ("1-a", "2-b"):
        python = tmp_path / "releases" / name / "venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        (tmp_path / "releases" / name / "app").mkdir()
        python.write_text('#!/bin/sh\necho "$RELEASE_ID $STATIC_ROOT $(pwd) $*"\n')
        run = tmp_path / "releases" / name / "run"
        run.write_text(render("app", "run.j2"))
        python.chmod(0o755)
        run.chmod(0o755)
    pointer = tmp_path / "1"
    pointer.symlink_to("releases/2-b")
    done = subprocess.run([pointer / "run", "-m", "x y"], capture_output=True, text=True, check=True)
    release = tmp_path / "releases" / "2-b"
    assert done.stdout == f"2-b {release}/static {release}/app -m x y\n"


@pytest.fixture
def manage(render, tmp_path):
    """Runs the rendered manage script where systemd-run and id are stand-ins and /opt and /etc are a folder."""

    def run(*arguments, live="1-a", user="0"):
        home = tmp_path / "customers"
        (home / "releases" / "1-a").mkdir(parents=True, exist_ok=True)
        (home / "releases" / "2-b").mkdir(exist_ok=True)
        if live:
            (home / "live").write_text(f"{live}\n")
        for name, text in {"systemd-run": 'printf "%s\\n" "$@"', "id": f"echo {user}"}.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        script = tmp_path / "customers-manage"
        script.write_text(render("app", "manage.j2", __app_home=str(home)))
        done = subprocess.run(
            ["/bin/sh", script, *arguments],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.replace(str(home), "HOME").splitlines(), done.stderr

    return run


def test_manage_runs_the_live_release_as_the_app(manage):
    code, arguments, _ = manage("shell", "--command", "print(1, 2)")
    assert code == 0
    assert arguments[-5:] == ["HOME/releases/1-a/run", "manage.py", "shell", "--command", "print(1, 2)"]
    assert {"--uid=customers", "--gid=customers", "--property=EnvironmentFile=/etc/customers/app.env"} <= set(arguments)
    assert not [argument for argument in arguments if "migrate.env" in argument]


def test_manage_s_arguments_are_not_in_the_journal(manage):
    """systemd logs the description of what it starts, which is the whole command line unless there is another one."""
    _, arguments, _ = manage("shell", "--command", "Ada Lovelace")
    assert "--description=customers-manage shell" in arguments


def test_manage_runs_another_release_as_the_owner(manage):
    code, arguments, _ = manage("--release", "2-b", "--owner", "migrate")
    assert code == 0
    assert arguments[-3:] == ["HOME/releases/2-b/run", "manage.py", "migrate"]
    app, owner = (arguments.index(f"--property=EnvironmentFile=/etc/customers/{x}.env") for x in ("app", "migrate"))
    assert app < owner, "the later file wins"
    assert "--property=DynamicUser=true" in arguments
    assert "--uid=customers" not in arguments


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([], {}, "usage: customers-manage"),
        (["--release"], {}, "usage: customers-manage"),
        (["--nonsense", "check"], {}, "usage: customers-manage"),
        (["check"], {"live": ""}, "no release is live"),
        (["--release", "3-c", "check"], {}, "there is no release 3-c on this host"),
        (["check"], {"user": "1000"}, "only root may do this"),
    ],
)
def test_manage_says_what_is_wrong(manage, arguments, options, message):
    code, output, error = manage(*arguments, **options)
    assert code != 0
    assert output == []
    assert message in error


WRONG = {
    "app_name": ("Shop-1", "app_name Shop-1 can't name a user"),
    "app_path": ("no/such/place", "there is no /project/no/such/place/manage.py"),
    "app_wsgi": ("config.wsgi", "write it as config.wsgi:application"),
    "app_allowed_hosts": ([], "app_allowed_hosts is empty"),
    "app_peers": (["app2"], "app_peers does not name app1"),
    "app_pool_min": (11, "app_pool_min 11 is more than app_pool_max 10"),
    "app_redis_password": ("", "type make secrets"),
    "app_drain": (5, "app_drain is 5: take 6 or more"),
}


def faults(stack, **overrides):
    role = str(PROJECT / "ansible" / "roles" / "app")
    overrides = {"role_path": role, **overrides}
    return [fault.replace(str(PROJECT), "/project") for fault in stack.evaluate("__app_faults", "app", **overrides)]


def test_the_lab_is_accepted(stack):
    assert faults(stack) == []


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_named(stack, name):
    value, message = WRONG[name]
    assert [fault for fault in faults(stack, **{name: value}) if message in fault]


def test_a_system_directory_is_not_taken(stack):
    assert "app_name nginx belongs to the system" in faults(stack, app_name="nginx")[0]


def answers(**hosts):
    """What release_info says on each host; None stands for one that can't be reached."""
    bare = {"live": "", "live_since": 0.0, "previous": "", "lock": {}, "archives": [], "releases": []}
    return {
        "results": [
            {"item": host, "unreachable": True} if answer is None else {"item": host} | bare | answer
            for host, answer in hosts.items()
        ]
    }


def release(stack, peers, what="__app_live"):
    return stack.evaluate(
        what, "app", __app_peers=peers, __app_built={"release": "9-z"}, ansible_play_hosts=["app1", "app2"]
    )


OLD = {"live": "1-a", "live_since": 1.0, "archives": ["1-a"]}
NEW = {"live": "2-b", "live_since": 2.0, "archives": ["1-a", "2-b"]}


@pytest.mark.parametrize(
    ("peers", "live", "installed"),
    [
        (answers(app1={}, app2={}), "", "9-z"),
        (answers(app1={}, app2=OLD), "1-a", "1-a"),
        (answers(app1=NEW, app2=OLD), "2-b", "2-b"),
        (answers(app1=OLD, app2=NEW), "2-b", "2-b"),
        (answers(app1=OLD, app2=None), "1-a", "1-a"),
    ],
)
def test_the_newest_marker_says_what_is_live(stack, peers, live, installed):
    assert release(stack, peers) == live
    assert release(stack, peers, "__app_release") == installed
    assert release(stack, peers, "__app_doubts") == []


def test_nothing_is_built_while_a_host_might_know_of_a_release(stack):
    (doubt,) = release(stack, answers(app1={}, app2=None), "__app_doubts")
    assert "app2 can't be asked" in doubt


def test_a_live_release_without_its_archive_stops_the_run(stack):
    (doubt,) = release(stack, answers(app1={}, app2=OLD | {"archives": []}), "__app_doubts")
    assert "/opt/customers/archives/1-a.tar.gz" in doubt


def test_a_larger_host_gets_more_workers(render):
    assert gunicorn(render, host_memory_mb=8192, host_cpus=8)["workers"] == 4
    assert gunicorn(render, app_workers=3)["workers"] == 3


def test_another_app_leaves_no_trace_of_this_one(render):
    app = {"name": "shop", "path": "shop", "wsgi": "shop.wsgi:app", "settings": "shop.settings", "port": 8100}
    for template in ("gunicorn.conf.py.j2", "instance.service.j2", "instance.socket.j2", "manage.j2"):
        text = render("app", template, cluster_app=app, item=1)
        assert "customers" not in text
        assert "shop" in text


LOCKED = NEW | {"lock": {"run": "x", "by": "ann@desk", "since": "2030-01-01T11:00:00Z", "verb": "deploy"}}


def test_a_deploy_under_way_keeps_site_yml_out(stack):
    [doubt] = release(stack, answers(app1=LOCKED, app2=NEW), "__app_doubts")
    for part in ("ann@desk has been busy with a deploy", "2030-01-01T11:00:00Z", "-e unlock=true"):
        assert part in doubt


def test_one_that_died_does_not(stack):
    peers = {"__app_peers": answers(app1=LOCKED, app2=NEW), "ansible_play_hosts": ["app1", "app2"]}
    assert stack.evaluate("__app_doubts", "app", __app_others={"dead": ["x"]}, **peers) == []
    assert stack.evaluate("__app_doubts", "app", unlock="true", **peers) == []
