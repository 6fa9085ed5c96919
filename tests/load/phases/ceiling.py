"""What there is to reach: nginx with the same bytes as a file, and the database with the same SQL and no app."""

import re
import shlex

from load.figures import over_rounds, rounded
from load.lab import HERE
from load.lab import run as output_of
from load.traffic import words

PUBLIC = "/api/schema/"
CONNECTIONS = 32
# Few, as pgbench takes each for a statement of its own.
TERMS = 10
SERVER = """
server {
    listen 443 ssl;
    http2 on;
    server_name static.localhost;
    root /var/www/bench;
    access_log off;
    default_type application/vnd.oai.openapi;
}
"""


def run(bench):
    """Requests and queries per second."""
    return {"front": front(bench), "database": database(bench)}


def front(bench):
    """nginx: a public answer of the app from its cache, and the same bytes from a file."""
    stand = bench.stand
    address = stand.target("customers").address
    stand.ssh("lb1", "cat > /etc/nginx/conf.d/bench.conf", SERVER)
    try:
        stand.ssh(
            "lb1",
            "set -e; mkdir -p /var/www/bench; "
            f"curl -skf --resolve customers.localhost:443:{address} https://customers.localhost{PUBLIC} "
            "> /var/www/bench/schema; nginx -t -q; systemctl reload nginx; sleep 1",
        )
        rounds = {"file": [], "public": [], "health": []}
        for number in range(bench.options.rounds):
            for what, host, path in (
                ("file", "static.localhost", "/schema"),
                ("public", "customers.localhost", PUBLIC),
                ("health", "customers.localhost", "/healthz"),
            ):
                bench.step(f"nginx, {what}, round {number + 1} of {bench.options.rounds}")
                rounds[what].append(wrk(f"https://{address}{path}", host, bench.options.seconds))
    finally:
        stand.ssh("lb1", "rm -rf /etc/nginx/conf.d/bench.conf /var/www/bench; systemctl reload nginx")
    return {what: over_rounds(each) for what, each in rounds.items()}


def wrk(url, host, seconds):
    """What wrk measures."""
    command = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={max(1, round(seconds))}s"]
    return read(output_of([*command, "--latency", "--header", f"Host: {host}", url]))


def read(text):
    """What wrk has written."""
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = {
        "another status": int(failed[1]) if failed else 0,
        "socket errors": sum(map(int, broken.groups())) if broken else 0,
    }
    return {
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        "p50_ms": milliseconds(re.search(r"50%\s+([\d.]+\w+)", text)[1]),
        "errors": {error: count for error, count in errors.items() if count},
    }


def milliseconds(text):
    """wrk's 812.00us, 3.20ms, 1.10s."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return rounded(float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit])


def asked(statement, term):
    """A statement with its parameters, which are all the term, written into it."""
    value = "'" + term.replace("'", "''") + "'::text"
    return re.sub(r"\$\d+", lambda _: value, statement)


def database(bench):
    """pgbench on the primary, through its own socket: the SQL of a list and of searches. Each client plans it once."""
    stand, terms = bench.stand, words(bench.terms)
    sql = {name: (HERE / "peer" / "sql" / f"{name}.sql").read_text().strip() for name in ("list", "search")}
    scripts = {
        "list": [f"{sql['list']};"],
        "search": [f"{asked(sql['search'], term)};" for term in terms[:: len(terms) // TERMS]],
    }
    found = {}
    for name, texts in scripts.items():
        bench.step(f"pgbench, {name}")
        files = [f"/tmp/bench-{name}-{number}.sql" for number in range(len(texts))]
        flat = [" ".join(text.split()) for text in texts]
        write = "\n".join(
            f"printf '%s\\n' {shlex.quote(text)} > {file}" for file, text in zip(files, flat, strict=True)
        )
        options = " ".join(f"-f {file}" for file in files)
        text = stand.ssh(
            stand.primary,
            "sh -s",
            f"set -e\n{write}\nrunuser -u postgres -- /usr/lib/postgresql/17/bin/pgbench -n -M prepared "
            f"-c {bench.options.users} -T {max(2, round(bench.options.seconds))} {options} customers\n"
            f"rm {' '.join(files)}\n",
        )
        found[name] = {"tps": rounded(float(re.search(r"tps = ([\d.]+)", text)[1]))}
    return found
