"""The hosts of the benchmark: what can be asked of them and done to them. They are made where they are not there."""

import json
import os
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import yaml

from load.client import Target

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
INVENTORY = HERE / "inventory"
STATE = ROOT / ".lab" / "bench"
HOSTS = ("lb1", "app1", "db1", "db2")
# An app's database, and the role that it comes with.
DATABASES = {"customers": "customers", "naive": "naive", "peer": "customers"}
# Those that hosts from an earlier run have to be given, where it has changed since.
SOURCES = {"customers": "app", "naive": "tests/load/naive", "peer": "tests/load/peer"}
NAIVE_CONNECTIONS = 40
CONTROL = "^(BEGIN|COMMIT|ROLLBACK|START|SET|RESET|SHOW|DISCARD|DEALLOCATE|SAVEPOINT|RELEASE|PREPARE|CLOSE)"


def run(command, **options):
    """Output of a command, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        name = " ".join(map(str, command))[:200]
        raise RuntimeError(f"{name} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


class Lab:
    """The containers that tests/load/inventory describes."""

    where = "hosts of its own on this machine: one load balancer (with Redis and etcd), one app host, two of PostgreSQL"

    def __init__(self):
        self.pool = ThreadPoolExecutor(len(HOSTS) + 1)

    # --- what stands ---

    def deploy(self):
        """Hosts, stack and apps; all are left alone where they are as they should be."""
        environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}

        def play(book, *options):
            run(["ansible-playbook", "-i", INVENTORY, book, *options], cwd=ROOT, env=environment)

        run(["lab/lab", "--lab", "bench", "create"], cwd=ROOT, env=environment)
        play("ansible/playbooks/secrets.yml")
        play("site.yml")
        for app, path in SOURCES.items():
            released = self.ssh("app1", f"cat /opt/{app}/live").partition("-")[0]
            if subprocess.run(["git", "diff", "--quiet", released, "--", path], cwd=ROOT).returncode:
                if app == "peer":  # no Django project, as deploys expect
                    raise RuntimeError(f"{path} has changed since: lab/lab --lab bench destroy, and run this again")
                play("ansible/playbooks/deploy.yml", "-e", f"app={app}")

    def prepare(self):
        """What the benchmark needs besides."""
        self.sql(f"ALTER ROLE naive CONNECTION LIMIT {NAIVE_CONNECTIONS}", "postgres")
        self.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "postgres")

    def target(self, app):
        """The front door, by an app's name: straight to the load balancer."""
        variables = dict(line.split("=", 1) for line in (STATE / "lab.env").read_text().splitlines())
        return Target(f"{variables['LAB_NETWORK']}.11", 443, f"{app}.localhost", self.trust)

    @cached_property
    def trust(self):
        """The authority of the front door's certificate."""
        secrets = yaml.safe_load((INVENTORY / "group_vars" / "cluster" / "secrets.yml").read_text())
        return ssl.create_default_context(cadata=secrets["secrets_authorities"]["services"]["certificate"])

    # --- commands ---

    def ssh(self, host, command, text=""):
        """Output of a command as root on a host."""
        return run(["ssh", "-F", STATE / "ssh_config", host, command], input=text)

    def sql(self, statements, database, host=None, settings="-At"):
        """What psql prints, as the superuser on the primary."""
        command = f"runuser -u postgres -- psql -qX -v ON_ERROR_STOP=1 {settings} -d {database}"
        return self.ssh(host or self.primary, command, statements).strip()

    @property
    def primary(self):
        """Whoever is that now."""
        for host in ("db1", "db2"):
            command = "runuser -u postgres -- psql -qXAtc 'SELECT pg_is_in_recovery()'"
            if self.ssh(host, command).strip() == "f":
                return host
        raise RuntimeError("neither db1 nor db2 is primary: make status INVENTORY=tests/load/inventory")

    @property
    def replica(self):
        """The other one."""
        return {"db1": "db2", "db2": "db1"}[self.primary]

    def python(self, app, script, **parameters):
        """What a script of remote/ prints, run in a shell of the live release, in its environment."""
        command = f"{app}-manage shell --no-imports --verbosity=0"
        lines = self.ssh("app1", command, self.script(script, parameters)).splitlines()
        if not lines:
            raise RuntimeError(f"{script} in {app} printed nothing")
        return json.loads(lines[-1])

    @staticmethod
    def script(name, parameters):
        """The text of one of remote/, with its parameters in front."""
        text = f"import json\nPARAMETERS = json.loads({json.dumps(json.dumps(parameters))})\n"
        return text + (HERE / "remote" / name).read_text()

    def copy_rows(self, count_from, table, ours="customers", theirs="naive"):
        """Customers from a number on, from our database into a table of the slow app's."""
        columns = (
            "id, first_name, last_name, email, phone, is_active, company, address, city, notes, created_at, updated_at"
        )
        psql = "runuser -u postgres -- psql -qX -v ON_ERROR_STOP=1"
        self.ssh(
            self.primary,
            f"set -e; {psql} -d {ours} -c 'COPY (SELECT {columns} FROM customers_customer WHERE id > {count_from}) "
            f"TO STDOUT (FORMAT binary)' | {psql} -d {theirs} -c 'COPY {table} ({columns}) FROM STDIN (FORMAT binary)'",
        )

    def wait_for_replica(self):
        """Until it has replayed all that is written."""
        position = self.sql("SELECT pg_current_wal_lsn()", "postgres")
        for _ in range(600):
            answer = self.sql(f"SELECT pg_last_wal_replay_lsn() >= '{position}'", "postgres", self.replica)
            if answer == "t":
                return
            self.ssh(self.replica, "sleep 1")
        raise RuntimeError(f"{self.replica} has not replayed {position} within 10 minutes")

    # --- variants ---

    @contextmanager
    def variant(self, app, **environment):
        """The app with other variables in its environment, until the block ends; gone after a reboot too."""
        folder = f"/run/systemd/system/{app}@.service.d"
        lines = "".join(f'Environment="{name}={value}"\\n' for name, value in environment.items())
        self.ssh("app1", f"mkdir -p {folder}; printf '[Service]\\n{lines}' > {folder}/bench.conf")
        self.restart(app)
        try:
            yield
        finally:
            self.ssh("app1", f"rm -r {folder}")
            self.restart(app)

    def restart(self, app):
        """Both instances, one after the other; each is ready when its unit is, or soon after."""
        self.ssh(
            "app1", f"systemctl daemon-reload; systemctl restart {app}@1; sleep 2; systemctl restart {app}@2; sleep 2"
        )

    # --- figures ---

    def counters(self, memory=False):
        """Per host, what each user's processes have used of the processor so far, and hold of memory."""
        script = (HERE / "remote" / "counters.py").read_text()
        command = f"python3 - {'memory' if memory else ''}"
        found = self.pool.map(lambda host: json.loads(self.ssh(host, command, script)), HOSTS)
        return dict(zip(HOSTS, found, strict=True))

    def statements(self, app):
        """Statements that an app has sent so far, to either database; without those that only begin and end."""
        query = (
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid "
            f"WHERE datname = '{DATABASES[app]}' AND query !~* '{CONTROL}'"
        )
        return sum(self.pool.map(lambda host: int(self.sql(query, "postgres", host)), ("db1", "db2")))

    def backends(self, app):
        """Server connections that are an app's now, on both hosts, and those of them that work."""
        name = "application_name = 'peer'" if app == "peer" else "application_name <> 'peer'"
        query = (
            "SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity "
            f"WHERE datname = '{DATABASES[app]}' AND usename = '{DATABASES[app]}' AND {name}"
        )
        rows = self.pool.map(lambda host: self.sql(query, "postgres", host).split("|"), ("db1", "db2"))
        return [sum(map(int, column)) for column in zip(*rows, strict=True)]
