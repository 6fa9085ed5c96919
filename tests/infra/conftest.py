"""What the tests of a running cluster share: its inventory, its hosts and the front door.

    .venv/bin/pytest tests/infra                                             the lab of `make up`
    .venv/bin/pytest tests/infra --ansible-inventory=inventories/production  any other cluster

A module names the inventory group that it tests in `testinfra_hosts`; its tests then run once per host of the group.
What differs from inventory to inventory is derived from it: how many hosts there are, their sizes, public names.
"""

import os
import ssl
import sys
import types
from pathlib import Path

import httpx
import jinja2
import pytest
import testinfra
from probe import Target
from testinfra.utils.ansible_runner import AnsibleRunner
from toolbox import name_of, patroni_cluster

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "ansible" / "filter_plugins"))


def pytest_configure(config):
    """Without options it is the lab's hosts, over Ansible's ssh connection."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where ansible-inventory is
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
    option = config.option
    option.tbstyle = "short" if option.tbstyle == "auto" else option.tbstyle
    option.connection = option.connection or "ansible"
    option.ansible_inventory = option.ansible_inventory or str(ROOT / "inventories" / "lab")
    if option.connection != "ansible":
        raise pytest.UsageError("tests/infra finds its hosts in the inventory: use --connection=ansible")


def pytest_collection_finish(session):
    """Fail, rather than pass with less, when a group that is tested has no host or nothing is collected at all."""
    if session.testsfailed:
        return
    without_hosts = sorted(
        {
            item.path.name
            for item in session.items
            for mark in item.iter_markers("skip")
            if mark.kwargs.get("reason", "").startswith("got empty parameter set")
        }
    )
    if without_hosts:
        raise pytest.UsageError(
            f"{session.config.option.ansible_inventory} has no host for the tests in {', '.join(without_hosts)}"
        )
    if not session.items:
        raise pytest.UsageError("no test was collected: a run that proves nothing does not pass")


@pytest.fixture(scope="session")
def runner(pytestconfig):
    """Testinfra's view of the inventory."""
    return AnsibleRunner.get_runner(pytestconfig.option.ansible_inventory)


@pytest.fixture(scope="session")
def variables(runner):
    """Variables of one host, cluster-wide ones included: variables("db1")["host_address"]."""

    def render(value, known):
        if isinstance(value, str) and "{{" in value:
            return render(jinja2.Template(value, undefined=jinja2.StrictUndefined).render(known), known)
        if isinstance(value, list):
            return [render(item, known) for item in value]
        return value

    def get(name):
        known = runner.inventory["_meta"]["hostvars"][name]
        return types.SimpleNamespace(**{key: render(value, known) for key, value in known.items()})

    return get


@pytest.fixture(scope="session")
def cluster(runner, variables):
    """The variables that all hosts share."""
    return variables(runner.get_hosts("cluster")[0])


@pytest.fixture(scope="session")
def hosts(pytestconfig):
    """Hosts of a group, sorted by name, or of that name: hosts("postgres")."""

    def get(pattern):
        found = testinfra.get_hosts(
            [pattern],
            connection="ansible",
            ansible_inventory=pytestconfig.option.ansible_inventory,
            ssh_config=pytestconfig.option.ssh_config,
        )
        assert found, f"the inventory has no {pattern}"
        return sorted(found, key=name_of)

    return get


@pytest.fixture(scope="session")
def names(runner):
    """Names of the hosts of a group: names("postgres")."""
    return runner.get_hosts


@pytest.fixture(scope="module")
def name(host):
    """The inventory's name of the host under test."""
    return name_of(host)


@pytest.fixture(scope="module")
def groups(runner, name, routed, cluster):
    """The inventory groups of the host under test, and what is there in some inventories only.

    `router` leads an app to one of several databases, `keepalived` shares an address among load balancers.
    """
    found = set(runner.get_variables(name)["group_names"])
    if routed and "app" in found:
        found.add("router")
    if getattr(cluster, "cluster_virtual_address", "") and "loadbalancer" in found:
        found.add("keepalived")
    return found


@pytest.fixture(scope="session")
def routed(names):
    """Whether there is more than one database to find the primary of."""
    return len(names("postgres")) > 1


@pytest.fixture(scope="module")
def tier_memory(host, name, groups, variables):
    """Memory (MB) of a tier on the host under test: tier_memory("redis")."""
    from sizing import tier_memory_mb

    own = getattr(variables(name), "host_memory_mb", None) or int(host.check_output("free -m").split()[7])
    return lambda tier: tier_memory_mb(own, groups, tier)


@pytest.fixture(scope="module")
def address(variables, name):
    """The address of the host under test."""
    return variables(name).host_address


@pytest.fixture(scope="session")
def primary(hosts):
    """The host whose PostgreSQL takes writes now, as Patroni sees it."""
    leader = next(member["name"] for member in patroni_cluster(hosts("postgres")[0]) if member["role"] == "leader")
    return hosts(leader)[0]


@pytest.fixture(scope="session")
def replicas(hosts, primary, routed):
    """Every other PostgreSQL host."""
    if not routed:
        pytest.skip("there is one PostgreSQL host, and so no replica")
    return [host for host in hosts("postgres") if name_of(host) != name_of(primary)]


@pytest.fixture(scope="session")
def secrets(cluster):
    """Every secret value by its dotted name; of keys the first line that is no one else's."""

    def flatten(value, name):
        if isinstance(value, dict):
            return {
                key: leaf for part, child in value.items() for key, leaf in flatten(child, f"{name}.{part}").items()
            }
        if "PRIVATE KEY" in value:
            value = value.splitlines()[2]
        return {} if "BEGIN CERTIFICATE" in value else {name: value}

    found = {}
    for name, value in vars(cluster).items():
        if name.startswith("secrets_"):
            found |= flatten(value, name)
    assert found, "the inventory has no secrets: run make secrets"
    return found


@pytest.fixture(scope="session")
def trust(cluster):
    """A TLS client that believes only the services authority."""
    return ssl.create_default_context(cadata=cluster.secrets_authorities["services"]["certificate"])


@pytest.fixture(scope="session")
def public_url(cluster):
    """What users type."""
    return f"https://{cluster.cluster_public_names[0]}:{cluster.cluster_public_port}"


@pytest.fixture(scope="session")
def browse(cluster, trust, variables):
    """A client of one load balancer, asking it for the public name: browse("lb1").get("/healthz")."""
    host_header = f"{cluster.cluster_public_names[0]}:{cluster.cluster_public_port}"
    clients = {}

    def get(name, scheme="https"):
        if (name, scheme) not in clients:
            clients[name, scheme] = httpx.Client(
                base_url=f"{scheme}://{variables(name).host_address}",
                headers={"Host": host_header},
                verify=trust,
                http2=True,
                trust_env=False,
                timeout=30,
            )
        return clients[name, scheme]

    yield get
    for client in clients.values():
        client.close()


@pytest.fixture(scope="session")
def front(browse, names):
    """A client of the first load balancer."""
    return browse(names("loadbalancer")[0])


@pytest.fixture(scope="session")
def manage(hosts):
    """Django's shell on a host that has the app: manage("print(1)")."""

    def run(code):
        host = next(host for host in hosts("cluster") if host.run("command -v customers-manage").succeeded)
        return host.check_output("customers-manage shell --no-imports --verbosity 0 --command %s", code)

    return run


@pytest.fixture(scope="session")
def authorization(manage):
    """Headers of a request by an administrator who exists for these tests alone."""
    people = "from django.contrib.auth.models import User as users; name = 'tests-infra'"
    make = (
        "from accounts.models import Token; "
        "user, _ = users.objects.get_or_create(username=name, is_superuser=True, is_staff=True); "
        "print(Token.objects.create(user, expiry=None, name=name)[1])"
    )
    yield {"Authorization": f"Token {manage(f'{people}; {make}').split()[-1]}"}
    manage(f"{people}; users.objects.filter(username=name).delete()")


@pytest.fixture(scope="session")
def visitors(public_url, trust, authorization):
    """Where the probe's visitors go, and as whom: `with Probe(visitors) as probe`."""
    return Target(url=public_url, trust=trust, headers=authorization)
