"""How the tests ask services: one small function per protocol, each run on a host of the cluster."""

import json
import os
import re
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TLS = "/etc/pergola/tls"
PROBES = Path(__file__).parent / "probes"
PROJECT = Path(__file__).parents[2]
RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


@dataclass
class Answer:
    """An HTTP response, or why there was none."""

    status: int  # 0: no response
    version: str
    headers: dict
    body: str
    error: str

    @property
    def json(self):
        """The body, decoded."""
        return json.loads(self.body)


def name_of(host):
    """The inventory's name of a host."""
    return host.backend.get_hostname()


def site(inventory, *options):
    """Run site.yml: all that it said, and (host, changed, unreachable, failed) of each host."""
    run = subprocess.run(
        ["ansible-playbook", "-i", Path(inventory).absolute(), "site.yml", *options],
        cwd=PROJECT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return run.stdout + run.stderr, RECAP.findall(run.stdout)


def curl(host, url, *options, authority="services", certificate=None):
    """Ask for `url` from `host`, trusting one of the two authorities, as the owner of a certificate or as nobody."""
    arguments = ["--cacert", f"{TLS}/{authority}-ca.crt", *options, url]
    if certificate:
        arguments = ["--cert", f"{TLS}/{certificate}.crt", "--key", f"{TLS}/{certificate}.key", *arguments]
    shape = r"\n%{json}\n@headers@%{header_json}"
    command = f"curl -sS --noproxy '*' --max-time 15 --write-out {shlex.quote(shape)} {shlex.join(arguments)}"
    text = host.run(command).stdout
    rest, headers = text.rsplit("\n@headers@", 1)
    body, _, facts = rest.rpartition("\n")
    facts = json.loads(facts)
    return Answer(
        status=facts["response_code"],
        version=facts["http_version"],
        headers={key.lower(): ", ".join(values) for key, values in json.loads(headers or "{}").items()},
        body=body,
        error=facts["errormsg"] or "",
    )


# Why a TLS server turns a client away: it has no certificate, one of another authority, or one for servers only.
NO_CERTIFICATE = "refused: TLSV13_ALERT_CERTIFICATE_REQUIRED"
FOREIGN_CERTIFICATE = "refused: TLSV1_ALERT_UNKNOWN_CA"
SERVER_CERTIFICATE = "refused: SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"


def handshake(host, server, port, authority="services", certificate=None):
    """Whether a server accepts `host`, as the owner of a certificate or as nobody: "accepted", or why not."""
    return probe(host, "tls_handshake.py", server, port, authority, *[certificate] if certificate else [])


def probe(host, script, *arguments, user=None, python="python3"):
    """The output of a script of probes/, run on `host`, as `user` where one is named."""
    command = f"{python} -c {shlex.quote((PROBES / script).read_text())} {shlex.join(map(str, arguments))}"
    if user:
        command = f"cd / && runuser -u {user} -- {command}"
    return host.check_output(command)


def sql(host, query, database="postgres"):
    """Rows of a query that the database superuser runs on `host`, as text with | between columns."""
    return host.check_output("cd / && runuser -u postgres -- psql -XAtqd %s -c %s", database, query).splitlines()


def sql_error(host, query, database="postgres"):
    """What PostgreSQL says to a query that it must refuse."""
    result = host.run("cd / && runuser -u postgres -- psql -XAtqd %s -c %s", database, query)
    assert result.failed, f"PostgreSQL ran: {query}"
    return result.stderr


def patroni_cluster(host):
    """The members of the database cluster, as Patroni on `host` sees them."""
    answer = curl(host, f"https://{name_of(host)}:8008/cluster", authority="control")
    assert answer.status == 200, answer
    return answer.json["members"]


def eventually(check, seconds=15):
    """The first true answer of `check`, asked again and again for so long; else the last one."""
    deadline = time.monotonic() + seconds
    while not (answer := check()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return answer
