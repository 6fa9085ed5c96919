"""Bad inventories and bad hosts: one line about each."""

import pytest
from bad_inventories import (
    ANSWERS,
    APPS,
    BAD,
    BARE,
    GONE,
    GROUPS,
    MAKE,
    NO_SECRETS,
    RESTORE,
    SECRETS,
    SIZES,
    VARIABLES,
    Inventory,
    other_app,
)
from preflight import CHECKS, inventory_faults
from preflight.apps import RESERVED_NAMES
from preflight.inventory import Inventory as Seen


@pytest.fixture
def inventory():
    return Inventory()


def changed(inventory, changes):
    """The inventory after some changes."""
    for where, value in changes.items():
        inventory.change(where, value)
    return inventory


def test_no_two_cases_have_one_name():
    assert len(BAD) == sum(map(len, (GROUPS, VARIABLES, APPS, SIZES, ANSWERS, SECRETS)))


@pytest.mark.parametrize("name", BAD)
def test_one_bad_thing_is_named_once(inventory, name):
    changes, expected = BAD[name]
    assert changed(inventory, changes).faults() == [expected]


def test_a_good_inventory_has_no_fault(inventory):
    assert inventory.faults() == []


def test_all_faults_are_listed_at_once(inventory):
    for changes, _ in (BAD["a typo of a secret"], BAD["connections"], BAD["away"], BAD["two caches"]):
        changed(inventory, changes)
    assert len(inventory.faults()) == 4


def test_an_empty_inventory():
    assert inventory_faults({"all": []}, {}) == ["group cluster has no host: fill in hosts.yml"]


@pytest.mark.parametrize(
    ("changes"),
    [
        {"*|host_memory_mb": GONE, "*|host_cpus": GONE},
        {"*|__preflight_host": {"skipped": True}, "*|__preflight_facts": {"skipped": True}, "*|ansible_facts": GONE},
        {"*|__preflight_host": GONE, "*|__preflight_facts": GONE, "*|ansible_facts": GONE},
        {"*|ansible_user": "deploy", "*|lab_network": "10.9.8", "*|datacentre": "here", "*|colour_of_nginx": "red"},
        {"*|cluster_public_port": "443", "*|nginx_https_port": "8443", "*|postgresql_synchronous_mode": "no"},
        {"*|nginx_hsts_max_age": 0, "*|app_cpus": 1.5, "*|nginx_read_timeout": 65, "*|app_worker_class": "gthread"},
        {"*|cluster_apps": other_app()},
        {"*|cluster_machine_memory_mb": 4864},
        {"app1|__preflight_host|authority": "", "app2|__preflight_host|authority": "0" * 64},
        {"db1|__preflight_host|free_mb": {"/": 300}},
        {"*|secrets_rotated": "2026-02-01T00:00:00Z", "db1|__preflight_host|rotated": "2026-01-31T12:00:00Z"},
        {"*|secrets_rotating": True, "*|__preflight_host|rotated": "2026-02-01T00:00:00Z"},
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_what_is_no_fault(inventory, changes):
    assert changed(inventory, changes).faults() == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("db-1.example.com", None),
        ("DB1", None),
        ("my_db", "my_db is no host name: use letters, digits and hyphens, at most 63"),
        ("-db", "-db is no host name: use letters, digits and hyphens, at most 63"),
        ("d" * 64, f"{'d' * 64} is no host name: use letters, digits and hyphens, at most 63"),
        (
            "10.0.0.7",
            "10.0.0.7 is an address, and hosts go by names: write a name with host_address: 10.0.0.7 beside it",
        ),
    ],
)
def test_host_names(inventory, name, fault):
    for group in ("cluster", "postgres"):
        inventory.groups[group].append(name)
    inventory.hostvars[name] = inventory.hostvars["db2"] | {"host_address": "10.0.0.7"}
    assert inventory.faults() == ([fault] if fault else [])


def test_secrets_that_may_be_somewhere_are_not_made_anew(inventory):
    """As long as a host can't say whether it has been set up."""
    for changes in (NO_SECRETS, BARE, BAD["away"][0], {"db2|__preflight_host": GONE}):
        changed(inventory, changes)
    assert inventory.faults()[1] == (
        "this inventory has no secrets, and db2 have not said whether they were set up before: "
        f"{RESTORE} if they were; only else {MAKE}"
    )


def test_no_message_holds_a_secret(inventory):
    inventory.change("*|secrets_authorities", {"control": {"key": "hunter2"}})
    inventory.change("*|secrets_apps", ["hunter2"])
    inventory.change("*|certificate_authorities", "hunter2")
    said = "\n".join(inventory.faults())
    assert said
    assert "hunter2" not in said


def test_every_check_finds_something():
    idle = set(CHECKS)
    for changes, _ in BAD.values():
        bad = changed(Inventory(), changes)
        idle -= {check for check in idle if list(check(Seen(bad.groups, bad.hostvars)))}
    assert {check.__name__ for check in idle} == {"names", "of_visitors"}  # which have tests of their own


def test_names_that_the_app_role_refuses_are_refused_before_it_runs(stack):
    assert set(stack.evaluate("__app_reserved_names", "app")) <= RESERVED_NAMES
