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
# The last number of each host's address, as the inventory has it.
NUMBERS = {"lb1": 11, "app1": 21, "db1": 31, "db2": 32}
HOSTS = tuple(NUMBERS)
# An app's database, and the role that it comes with.
DATABASES = {"customers": "customers", "naive": "naive", "peer": "customers"}
# Those that hosts from an earlier run have to be given, where it has changed since.
SOURCES = {"customers": "app", "naive": "tests/load/naive", "peer": "tests/load/peer"}
NAIVE_CONNECTIONS = 40
PLAIN = "# bench"  # ends the line that lets an app in without TLS
CONTROL = "^(BEGIN|COMMIT|ROLLBACK|START|SET|RESET|SHOW|DISCARD|DEALLOCATE|SAVEPOINT|RELEASE|PREPARE|CLOSE)"


def run(command, **options):
    """Output of a command, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        name = " ".join(map(str, command))[:200]
        raise RuntimeError(f"{name} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def drop_in(app):
    """Where a variant of an app is described."""
    return f"/run/systemd/system/{app}@.service.d"


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
        for app in self.outdated():
            if app == "peer":  # no Django project, as deploys expect
                raise RuntimeError("the peer has changed since: lab/lab --lab bench destroy, and run this again")
            play("ansible/playbooks/deploy.yml", "-e", f"app={app}")

    def outdated(self):
        """Apps whose live release is not what the working tree has."""
        released = {app: self.ssh("app1", f"cat /opt/{app}/live").partition("-")[0] for app in SOURCES}
        return [
            app
            for app, path in SOURCES.items()
            if subprocess.run(["git", "diff", "--quiet", released[app], "--", path], cwd=ROOT).returncode
        ]

    def prepare(self):
        """What the benchmark needs besides. Nothing is measured but what the working tree has."""
        self.end_variants()
        if outdated := self.outdated():
            raise RuntimeError(f"{', '.join(outdated)} on the hosts is of another commit: run this without --as-is")
        self.sql(f"ALTER ROLE naive CONNECTION LIMIT {NAIVE_CONNECTIONS}", "postgres")
        self.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "postgres")

    @property
    def network(self):
        """The first three numbers of all hosts' addresses."""
        return dict(line.split("=", 1) for line in (STATE / "lab.env").read_text().splitlines())["LAB_NETWORK"]

    def target(self, app):
        """The front door, by an app's name: straight to the load balancer."""
        return Target(f"{self.network}.{NUMBERS['lb1']}", 443, f"{app}.localhost", self.trust)

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
        folder = drop_in(app)
        # A file: of those, the last one has its way, and the app's own settings stand in one.
        lines = "".join(f"{name}={value}\n" for name, value in environment.items())
        try:
            self.ssh("app1", f"mkdir -p {folder}; cat > {folder}/bench.env", lines)
            self.ssh("app1", f"cat > {folder}/bench.conf", f"[Service]\nEnvironmentFile={folder}/bench.env\n")
            self.restart(app)
            yield
        finally:
            self.end_variant(app)

    def end_variant(self, app):
        """The app as it is deployed."""
        self.ssh("app1", f"rm -rf {drop_in(app)}")
        self.restart(app)

    def end_variants(self):
        """Those that a run left which was killed."""
        for app in SOURCES:
            if self.ssh("app1", f"ls -d {drop_in(app)} || true"):
                self.end_variant(app)
        self.refuse_plain()

    @contextmanager
    def plain(self, app):
        """Lets an app come to the primary without TLS, until the block ends; the variables that make it do so, past
        HAProxy."""
        client, primary = (f"{self.network}.{NUMBERS[host]}" for host in ("app1", self.primary))
        try:
            self.change_access(self.primary, f"echo 'host {app} {app} {client}/32 scram-sha-256 {PLAIN}' >> $file")
            yield {"DATABASE_HOST": primary, "DATABASE_PORT": 5432, "DATABASE_SSLMODE": "disable"}
        finally:
            self.refuse_plain()

    def refuse_plain(self):
        """As hosts are: nobody comes without TLS."""
        for host in ("db1", "db2"):
            self.change_access(host, f"sed -i '/{PLAIN}$/d' $file")

    def change_access(self, host, command):
        """To PostgreSQL, by a command on $file: Patroni writes it anew where its own settings change."""
        psql = "runuser -u postgres -- psql -qXAt"
        self.ssh(host, f"set -e; file=$({psql} -c 'SHOW hba_file'); {command}; {psql} -c 'SELECT pg_reload_conf()'")

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
