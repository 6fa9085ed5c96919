"""What there is to set: the roles' argument_specs and the inventory's own variables, and what a value must be."""

import re
from functools import cache

import yaml
from credentials import CLUSTER_PASSWORDS

from .inventory import PROJECT, integer

SECRETS = (*CLUSTER_PASSWORDS, "secrets_authorities", "secrets_apps")
KINDS = {
    "str": "text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "raw": "anything",
}
# Where another number would fail late or do harm. All others are at least 0.
RANGES = (
    (r".*_port", 1, 65535),
    (r".*_(mb|days|instances|workers|threads|maxclients|maxconn|max_client_conn|max_connections|tries)", 1, None),
    (r"(app|nginx)_worker_connections", 1, None),
    (r"pgbouncer_max_prepared_statements", 1, None),  # the app prepares its searches
    (r"etcd_election_ms", 1, 50_000),  # etcd accepts no more
    (r"postgresql_ttl", 20, None),  # Patroni accepts no less
    (r"postgresql_loop_wait", 1, None),
    (r"postgresql_retry_timeout", 3, None),
)


@cache
def inventory_variables():
    """{name: option} of cluster_* and host_*."""
    return yaml.safe_load((PROJECT / "ansible" / "inventory_variables.yml").read_text())


@cache
def role_variables():
    """{name: option} of all roles."""
    options = {}
    for path in sorted(PROJECT.glob("ansible/roles/*/meta/argument_specs.yml")):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            options.update(entry.get("options") or {})
    return options


@cache
def prefixes():
    """How our variables begin."""
    roles = [path.name for path in (PROJECT / "ansible" / "roles").iterdir()]
    return tuple(f"{name}_" for name in sorted([*roles, "cluster", "host", "secrets"]))


def complaint(name, option, value):
    """What is wrong with a value, or None."""
    kind = option.get("type", "str")
    shown = "that" if option.get("no_log") else repr(value)
    if not fits(kind, value):
        such = f", such as {name}: {option['example']}" if kind in ("list", "dict") and "example" in option else ""
        return f"{name} must be {KINDS[kind]}{such or f', not {shown}'}"
    if option.get("choices") and value not in option["choices"]:
        return f"{name} must be {' or '.join(map(str, option['choices']))}, not {shown}"
    if kind in ("int", "float"):
        low, high = limits(name, option)
        if float(value) < low or (high and float(value) > high):
            return f"{name} must be {f'from {low} to {high}' if high else f'at least {low}'}, not {shown}"
    if kind == "list":
        return element_complaint(name, option, value)
    return None


def element_complaint(name, option, values):
    """What is wrong with the first bad element of a list, or None."""
    element = {"type": option.get("elements", "raw"), "no_log": option.get("no_log", False)}
    for position, value in enumerate(values):
        label = f"{name}[{position}]"
        fault = complaint(label, element, value)
        if not fault and isinstance(value, dict) and option.get("options"):
            fault = next(field_complaints(label, option["options"], value), None)
        if fault:
            return fault
    return None


def field_complaints(label, fields, value):
    """What is wrong with the fields of a mapping."""
    for key in sorted(value.keys() - fields.keys()):
        yield f"{label}: {key} is unknown, known are {', '.join(fields)}"
    for key, field in fields.items():
        if key not in value and field.get("required"):
            yield f"{label}: {key} is missing"
        elif key in value and (fault := complaint(f"{label}.{key}", field, value[key])):
            yield fault


def fits(kind, value):
    """Whether a value is of a type, or reads as one: `-e` makes text of everything."""
    if kind == "int":
        return integer(value) is not None and str(value).strip().lstrip("-").isdigit()
    if kind == "float":
        return isinstance(value, int | float | str) and bool(re.fullmatch(r"-?\d+(\.\d+)?", str(value)))
    if kind == "bool":
        return isinstance(value, bool) or str(value).lower() in ("true", "false", "yes", "no", "on", "off")
    types = {"list": list, "dict": dict, "str": str | int | float, "path": str}
    return isinstance(value, types.get(kind, object))


def limits(name, option):
    """The least and the most that a number may be."""
    low, high = next(((low, high) for pattern, low, high in RANGES if re.fullmatch(pattern, name)), (0, None))
    return option.get("minimum", low), option.get("maximum", high)
