"""No log of any host holds a value of a row: a marker goes through whatever can fail, and is in no log afterwards.

What is run on a host is passed in an encoded form, since sudo logs the command lines that it runs.
"""

import base64
import http.client
import ssl
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from toolbox import eventually, name_of

testinfra_hosts = ["cluster"]

URL = "/api/customers/"
POOL = "runuser -u customers -- psql -X -h /run/pgbouncer -p 6432 -d customers"
CONSOLE = "psql -X -h /run/pgbouncer -p 6432 -U root -d pgbouncer"
SUPERUSER = "runuser -u postgres -- psql -X -d customers"
IDS, LOCKED_SECONDS = "x-request-id", 15


def run(host, script):
    """Run a shell script on a host that no log there has in clear."""
    text = base64.b64encode(f"cd /\n{script}".encode()).decode()
    return host.run(f'sh -c "$(echo {text} | base64 --decode)"')


def fails(host, command, *statements):
    """SQL statements that must fail."""
    for statement in statements:
        result = run(host, f"{command} -v ON_ERROR_STOP=1 <<'END'\n{statement}\nEND")
        assert result.failed, f"{name_of(host)} ran {statement}"
        assert "ERROR" in result.stderr, result.stderr


@pytest.fixture(scope="module")
def marker():
    """Letters alone, as a name may have no digits."""
    return "mx" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex)


@pytest.fixture(scope="module")
def person(marker):
    return {"first_name": marker, "last_name": marker, "email": f"{marker}@tests-infra.example", "city": marker}


@pytest.fixture(scope="module")
def customer(front, authorization, person):
    """A customer whose fields are the marker; gone afterwards."""
    answer = front.post(URL, json=person, headers=authorization)
    assert answer.status_code == 201, answer.text
    path = f"{URL}{answer.json()['id']}/"
    yield path
    assert front.delete(path, headers=authorization).status_code == 204


@pytest.fixture(scope="module")
def new_sessions(hosts):
    """PgBouncer's sessions are as old as an hour, and have the roles' settings of that time."""
    for host in hosts("app"):
        assert run(host, f"{CONSOLE} -c RECONNECT").succeeded


@pytest.fixture(scope="module")
def refused(new_sessions, browse, names, authorization, customer, person, marker):
    """Requests that are refused by the app: their ids."""
    ids = []
    for name in names("loadbalancer"):
        door = browse(name)
        for body in (
            person,  # a duplicate
            person | {"email": marker},
            person | {"email": f"x{marker}@tests-infra.example", "city": marker * 100},
            person | {"email": f"x{marker}@tests-infra.example", "phone": marker},
            {marker: marker},
        ):
            answer = door.post(URL, json=body, headers=authorization)
            assert answer.status_code == 400, answer.text
            ids.append(answer.headers[IDS])
        headers = authorization | {"Content-Type": "application/json", "Referer": f"{door.base_url}/?q={marker}"}
        for request in (
            door.build_request("POST", URL, content=f'{{"first_name": "{marker}', headers=headers),
            door.build_request("GET", URL, params={"created_from": marker}, headers=headers),
            door.build_request("GET", URL, params={"search": marker, "cursor": marker}, headers=headers),
        ):
            answer = door.send(request)
            assert answer.status_code in (400, 404), answer.text
            ids.append(answer.headers[IDS])
        assert door.get(URL, params={"search": marker}, headers=authorization).status_code == 200
    return ids


@pytest.fixture(scope="module")
def wrong_logins(browse, names, marker):
    """By the API and by the admin's form."""
    for name in names("loadbalancer"):
        door = browse(name)
        credentials = {"username": marker, "password": marker}
        assert door.post("/api/token/", json=credentials).status_code in (400, 401, 403, 429)
        try:
            door.get("/admin/login/")
            form = credentials | {"csrfmiddlewaretoken": door.cookies.get("csrftoken", ""), "next": "/admin/"}
            headers = {"Origin": f"https://{door.headers['Host']}", "Referer": f"https://{door.headers['Host']}/"}
            assert door.post("/admin/login/", data=form, headers=headers).status_code in (200, 403, 429)
        finally:
            door.cookies.clear()


@pytest.fixture(scope="module")
def too_large(names, variables, cluster, marker):
    """Requests that nginx itself refuses, with a query: their ids. Its error log would quote the request's line."""
    ids = []
    # Of its own: httpx has set up the shared one for HTTP/2.
    trust = ssl.create_default_context(cadata=cluster.secrets_authorities["services"]["certificate"])
    for name in names("loadbalancer"):
        door = http.client.HTTPSConnection(variables(name).host_address, context=trust, timeout=30)
        door.putrequest("POST", f"{URL}?{urlencode({'search': marker})}", skip_host=True)
        door.putheader("Host", f"{cluster.cluster_public_names[0]}:{cluster.cluster_public_port}")
        door.putheader("Referer", f"https://{cluster.cluster_public_names[0]}/admin/customers/customer/?q={marker}")
        door.putheader("Content-Length", str(1 << 30))
        door.endheaders()
        answer = door.getresponse()
        assert answer.status == 413
        ids.append(answer.headers[IDS])
        door.close()
    return ids


@pytest.fixture(scope="module")
def locked_out(new_sessions, front, primary, authorization, customer, marker):
    """A change that waits for a lock until it is given up: its id."""
    number = int(customer.rstrip("/").rsplit("/", 1)[1])
    lock = (
        f"BEGIN; SELECT city FROM customers_customer WHERE id = {number} FOR UPDATE; "
        f"SELECT pg_sleep({LOCKED_SECONDS}), '{marker}'; COMMIT"
    )
    with ThreadPoolExecutor(1) as threads:
        holder = threads.submit(run, primary, f"{SUPERUSER} <<'END'\n{lock};\nEND")
        time.sleep(5)
        answer = front.patch(customer, json={"city": f"{marker} {marker}"}, headers=authorization)
        assert holder.result().succeeded, holder.result().stderr
    assert answer.status_code == 503, answer.text
    return [answer.headers[IDS]]


@pytest.fixture(scope="module")
def failed_statements(new_sessions, hosts, primary, marker):
    """SQL that fails, of the app's role through PgBouncer and of the superuser."""
    table = "CREATE TEMPORARY TABLE t (v text UNIQUE CHECK (length(v) < 100));"
    rows = (
        f"BEGIN; {table} INSERT INTO t VALUES ('{marker}'); INSERT INTO t VALUES ('{marker}');",
        f"BEGIN; {table} INSERT INTO t VALUES (repeat('{marker}', 9));",
        f"BEGIN; SET LOCAL statement_timeout = '100ms'; SELECT pg_sleep(1), '{marker}';",
    )
    insert = (
        "INSERT INTO customers_customer (id, first_name) "
        f"SELECT id, '{marker}' FROM customers_customer WHERE first_name = '{marker}';"
    )
    quoted = (f"SELECT '{marker}'::integer;", f"SELECT 1 AS {marker} {marker};", f"SELECT {marker};")
    for host in hosts("app"):
        # Temporary tables are not for the app's role.
        fails(host, POOL, insert, rows[2], *quoted)
    fails(primary, SUPERUSER, *rows, insert)


@pytest.fixture(scope="module")
def commands(hosts, customer, person, marker):
    """Management commands: a CSV file with faults, and an expression that fails."""
    lines = [
        "first_name,last_name,email,city",
        f"{marker},{marker},{marker},{marker}",
        f"{marker},,x{marker}@tests-infra.example,{marker}",
        f"{marker},{marker},{person['email']},elsewhere",
    ]
    for host in hosts("app"):
        text = "\n".join(lines)
        result = run(host, f"customers-manage import_customers - <<'END'\n{text}\nEND")
        assert result.failed
        assert "3 rejected" in result.stderr, result.stderr
        assert run(host, f"customers-manage shell --no-imports --command 'int(\"{marker}\")'").failed


@pytest.fixture(scope="module")
def written(refused, wrong_logins, too_large, locked_out, failed_statements, commands):
    """Once all has failed, and the logs of it are written."""
    time.sleep(3)


def journal(host):
    """All fields of the entries of the last hour."""
    return host.run("journalctl --no-pager --output=export --since=-1h").stdout_bytes.decode(errors="replace")


def files(host):
    text = host.run("find /var/log -type f -mmin -60 -not -path '*/journal/*' -exec cat {} +")
    return text.stdout_bytes.decode(errors="replace")


def lines_with(marker, text):
    return [line for line in text.splitlines() if marker in line.lower()]


def test_no_journal_holds_the_marker(host, written, marker):
    text = journal(host)
    assert "MESSAGE=" in text
    assert lines_with(marker, text) == []


def test_no_log_file_holds_the_marker(host, written, marker):
    assert lines_with(marker, files(host)) == []


def test_load_balancers_log_each_of_these_requests(hosts, written, refused, too_large, locked_out):
    """As the tests above would prove nothing if nothing was logged."""
    ids = [*refused, *too_large, *locked_out]

    def missing():
        text = "".join(files(host) for host in hosts("loadbalancer"))
        return [each for each in ids if each not in text]

    assert eventually(lambda: not missing()), missing()


def test_the_app_logs_why_it_gave_up(hosts, written, locked_out):
    lines = [line for host in hosts("app") for line in journal(host).splitlines() if locked_out[0] in line]
    assert any("canceling statement due to lock timeout" in line for line in lines), lines


def test_postgresql_logs_that_a_statement_waits(primary, written):
    assert "still waiting for" in journal(primary)


def test_postgresql_logs_errors_of_a_superuser(primary, written):
    assert "duplicate key value violates unique constraint" in journal(primary)
