"""The short form: a few hundred rows, rounds of a moment, both apps as processes of this machine on the database of the
app's own tests. It shows that the benchmark works, from the slow app to the report, and concludes nothing."""

import contextlib
import dataclasses
import importlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from load import report, rows
from load.bench import Bench, Options
from load.client import Target
from load.lab import HERE, ROOT, Lab, run
from load.store import Store

SIZE = 1_000
# Those that need neither a load balancer nor the peer's own packages.
PHASES = ("sql", "http", "users", "ablation", "logins", "micro")
OPTIONS = Options(seconds=0.4, sweep_seconds=0.5, warm_up=20, rounds=1, users=4, levels=(1, 10), terms=2)
WORKERS = {"customers": ["--worker-class=gevent"], "naive": ["--worker-class=sync", "--workers=2"]}
PROJECTS = {"customers": ROOT / "app", "naive": HERE / "naive"}
HEADERS = "X-Forwarded-Proto: https\r\n"
READY_SECONDS = 60


class Local(Lab):
    """Answers what the hosts would. There is one PostgreSQL, in the container `services`."""

    where = "this machine, without hosts"
    primary = replica = "services"

    def __init__(self, stack):
        self.pool = ThreadPoolExecutor(2)
        self.stack = stack  # ends what was begun
        self.state = ROOT / ".lab" / "test"
        self.processes, self.ports = {}, {}
        self.key = secrets.token_hex(32)

    def prepare(self):
        """Databases of its own, and both apps."""
        file = Path(run([ROOT / "lab" / "lab", "--lab", "test", "services"]).strip())
        self.services = dict(line.split("=", 1) for line in file.read_text().splitlines())
        for app, project in PROJECTS.items():
            name = f"bench_{app}"
            self.psql(
                f"DROP DATABASE IF EXISTS {name} WITH (FORCE); CREATE DATABASE {name} OWNER customers", "postgres"
            )
            run([sys.executable, "manage.py", "migrate", "-v0"], cwd=project, env=self.environment(app))
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.ports[app] = free.getsockname()[1]
            self.start(app)
        self.stack.callback(self.remove)

    def remove(self):
        """Leave nothing behind."""
        for process in self.processes.values():
            process.terminate()
            process.wait()
        for app in PROJECTS:
            self.psql(f"DROP DATABASE IF EXISTS bench_{app} WITH (FORCE)", "postgres")

    def environment(self, app, **more):
        """What the role would write into the app's environment."""
        return os.environ | {
            **self.services,
            "DATABASE_NAME": f"bench_{app}",
            "REDIS_KEY_PREFIX": f"customers:bench-{app}",
            "SECRET_KEY": self.key,
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LOG_LEVEL": "ERROR",
            **{name: str(value) for name, value in more.items()},
        }

    def start(self, app, **environment):
        """Begin one, and wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{self.ports[app]}", *WORKERS[app]]
        self.processes[app] = subprocess.Popen(
            [*command, "--log-level=error", "config.wsgi:application"],
            cwd=PROJECTS[app],
            env=self.environment(app, **environment),
        )
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[app]}/readyz", headers={"X-Forwarded-Proto": "https"}
        )
        for _ in range(READY_SECONDS * 5):
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5):
                return
            time.sleep(0.2)
        raise RuntimeError(f"{app} does not answer on {request.full_url}")

    @contextlib.contextmanager
    def variant(self, app, **environment):
        """The same with other variables."""
        self.stop_and_start(app, **environment)
        yield
        self.stop_and_start(app)

    @contextlib.contextmanager
    def plain(self, app):
        """There is no TLS here."""
        yield {}

    def stop_and_start(self, app, **environment):
        """One after the other."""
        self.processes[app].terminate()
        self.processes[app].wait()
        self.start(app, **environment)

    def target(self, app):
        """The app itself."""
        return Target("127.0.0.1", self.ports[app], "localhost", headers=HEADERS)

    def ssh(self, host, command, text=""):
        """On the one container that there is."""
        return run(["ssh", "-F", self.state / "ssh_config", "services", command], input=text)

    def psql(self, statements, database):
        """As the superuser; one statement at a time, since databases are not made in transactions."""
        for statement in statements.split(";"):
            super().sql(statement, database)

    def sql(self, statements, database, host=None, settings="-At"):
        """In the databases that stand for the apps'."""
        name = database if database == "postgres" else f"bench_{database}"
        return super().sql(statements, name, settings=settings)

    def copy_rows(self, count_from, table):
        """As there, from one database to the other."""
        super().copy_rows(count_from, table, ours="bench_customers", theirs="bench_naive")

    def python(self, app, script, **parameters):
        """In a process of its own."""
        done = run(
            [sys.executable, "manage.py", "shell", "--no-imports", "--verbosity=0"],
            input=self.script(script, parameters),
            cwd=PROJECTS[app],
            env=self.environment(app),
        )
        return json.loads(done.splitlines()[-1])

    def wait_for_replica(self):
        """There is none."""

    def counters(self, memory=False):
        """Of this machine."""
        command = [sys.executable, HERE / "remote" / "counters.py", *(["memory"] if memory else [])]
        return {"app1": json.loads(run(command))}

    def statements(self, app):
        """Nobody counts them."""
        return 0

    def backends(self, app):
        """Connections to the app's database."""
        return [int(self.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = 'bench_{app}'", "postgres")), 0]


def main():
    """0 where every phase has found something and the report is whole."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        store = Store(Path(folder) / "bench", {"commit": "short", "options": dataclasses.asdict(OPTIONS)})
        stand = Local(stack)
        stand.prepare()
        rows.ensure(stand, SIZE)
        tokens, (drawn, terms) = rows.tokens(stand), rows.drawn(stand, "short")
        for phase in PHASES:
            print(f"{phase} ...", file=sys.stderr, flush=True)
            bench = Bench(stand, OPTIONS, SIZE, f"short-{phase}", tokens, drawn, terms, lambda text: None)
            found = importlib.import_module(f"load.phases.{phase}").run(bench)
            store.save(phase, SIZE, found, seed="short", seconds=0, date="", load_average=os.getloadavg())
        everything = report.assemble(store, Local.where)
        report.write_all(everything, Path(folder), keep=False)
        return complaints(everything, Path(folder))


def complaints(everything, folder):
    """What is missing of a whole report, and whether something is."""
    found = everything["found"]
    failed = {
        f"{phase}: {figures['errors']}"
        for phase, figures in walk(found)
        if isinstance(figures, dict) and figures.get("errors")
    }
    missing = [f"{phase} found nothing" for phase in PHASES if SIZE not in found.get(phase, {})]
    missing += [
        f"{name} is empty" for name in ("bench.html", "bench.json", "bench.md") if not (folder / name).stat().st_size
    ]
    for complaint in [*sorted(failed), *missing]:
        print(f"load: {complaint}", file=sys.stderr)
    if not failed and not missing:
        print(f"The benchmark works: {', '.join(PHASES)} and the report, with {SIZE:,} rows")
    return 1 if failed or missing else 0


def walk(found, place=""):
    """Every mapping in what was found, with where it is."""
    for key, value in found.items():
        if isinstance(value, dict):
            yield f"{place}{key}", value
            yield from walk(value, f"{place}{key}, ")
