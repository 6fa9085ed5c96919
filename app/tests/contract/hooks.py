"""What the schema cannot say of valid data, for schemathesis."""

import base64
import json
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st


def unused_email() -> str:
    """Another one in each request of each run: the database refuses an address twice."""
    return f"{uuid4().hex}@contract.example"


NAMES = st.sampled_from(["Ann", "O’Brien", "Jean-Luc", "de la Cruz", "王", "Соловьёв", "प्रिया", "N" * 100])
PHONES = st.sampled_from(["", "+49 30 1234567", "+1 (212) 555-0162", "+353 1 555 1234"])
CURSOR = base64.urlsafe_b64encode(json.dumps([False, 0, "2026-01-31T09:30:00+00:00", 1]).encode()).decode().rstrip("=")
FORMATS = {"email": st.builds(unused_email), "x-name": NAMES, "x-phone": PHONES, "x-cursor": st.just(CURSOR)}
MAX_ID = 2**63 - 1
# Of a user that exists. Without one, leave out /api/token/.
login = {"username": "ada", "password": "a passphrase of some length"}
# What is valid depends on what is stored, and on the time.
STATEFUL = {
    "email": unused_email,
    "username": lambda: login["username"],
    "password": lambda: login["password"],
    "expiry": lambda: None,
}
# Customers that these requests created. Others are neither changed nor deleted.
created: list[int] = []

for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)


@schemathesis.hook
def before_load_schema(context, schema: dict) -> None:
    """Names what is checked by a program, not by a pattern."""
    for component in ("Customer", "PatchedCustomer"):
        properties = schema["components"]["schemas"][component]["properties"]
        for name, kind in [("first_name", "x-name"), ("last_name", "x-name"), ("phone", "x-phone")]:
            properties[name]["format"] = kind
            properties[name].pop("pattern", None)
    for parameter in schema["paths"]["/api/customers/"]["get"]["parameters"]:
        if parameter["name"] == "cursor":
            parameter["schema"] = {"type": "string", "format": "x-cursor"}


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    if case.meta and case.meta.generation.mode.is_positive:
        if case.query:
            case.query = consistent(case.query)
        if isinstance(case.body, dict):
            case.body |= {name: value() for name, value in STATEFUL.items() if name in case.body}
    if "id" in (case.path_parameters or {}):
        case.path_parameters["id"] = harmless(case.path_parameters["id"])


@schemathesis.hook
def after_call(context, case, response) -> None:
    if case.method == "POST" and response.status_code == 201:
        created.append(response.json()["id"])


def consistent(query: dict) -> dict:
    """A cursor belongs to an order and a search, and a search has an order of its own."""
    without = {"ordering", "search"} if "cursor" in query else {"ordering"} if query.get("search") else set()
    return {name: value for name, value in query.items() if name not in without}


def harmless(pk: object) -> object:
    """For each number that another customer may have, that of one who was created here, or of none."""
    number = int(pk) if str(pk).isascii() and str(pk).isdigit() and len(str(pk)) < 20 else 0
    if number in created or not 0 < number < MAX_ID // 2:
        return pk
    return created[number % len(created)] if created else MAX_ID - number
