"""Adds to the OpenAPI schema what an operation answers besides success. It follows from what the operation takes, so
that no view has to list it."""

DETAIL = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
BY_FIELD = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
SCHEMAS = {"Detail": DETAIL, "Refusal": {"oneOf": [{"$ref": "#/components/schemas/Detail"}, BY_FIELD]}}


def header(description: str, schema: str = "string") -> dict:
    return {"description": description, "schema": {"type": schema}}


ETAG = header("The version of what was answered.")
RETRY_AFTER = header("Seconds until it makes sense to try again.", "integer")
AUTHENTICATE = header("How to say who asks.")

NO_NUL = r"^[^\u0000]*$"
# Spaces at the ends are cut off first.
NOT_BLANK = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"

# Name, description, schema, headers.
ANSWERS = {
    "304": ("NotModified", "Still the version that `If-None-Match` names.", None, {"ETag": ETAG}),
    "400": ("Invalid", "What is wrong, by field; `detail` where it can't be read at all.", "Refusal", {}),
    "401": ("Unauthenticated", "Nobody known asks.", "Detail", {"WWW-Authenticate": AUTHENTICATE}),
    "403": ("Forbidden", "The account lacks a permission, or a session wrote without its CSRF token.", "Detail", {}),
    "404": ("NotFound", "There is none.", "Detail", {}),
    "406": ("NotAcceptable", "`Accept` leaves out JSON.", "Detail", {}),
    "409": (
        "UnderWay",
        "The request that came first with this key is not done yet.",
        "Detail",
        {"Retry-After": RETRY_AFTER},
    ),
    "412": ("ChangedMeanwhile", "No longer the version that `If-Match` names.", "Detail", {}),
    "413": ("TooLarge", "The body is larger than load balancers let pass.", "Detail", {}),
    "414": ("AddressTooLong", "The address is longer than load balancers let pass.", "Detail", {}),
    "415": ("UnsupportedMediaType", "The body is of a type that is not read here.", "Detail", {}),
    "422": ("OtherRequest", "The key belongs to a request with another body.", "Detail", {}),
    "429": ("TooMany", "Too many requests of the user or from this address.", "Detail", {"Retry-After": RETRY_AFTER}),
    "431": ("HeaderTooLarge", "The header is larger than load balancers let pass.", "Detail", {}),
    "502": ("BadGateway", "The app could not be reached. A write may have been done.", "Detail", {}),
    "503": (
        "Unavailable",
        "The database is away, the app is in maintenance, or, without `Retry-After`, this took too long.",
        "Detail",
        {"Retry-After": RETRY_AFTER},
    ),
    "504": ("GatewayTimeout", "The app did not answer in time. A write may have been done.", "Detail", {}),
}


def describe_answers(result: dict, **_) -> dict:
    """A hook of drf-spectacular."""
    components = result["components"]
    components["schemas"] |= SCHEMAS
    components["responses"] = {name: response(*details) for name, *details in ANSWERS.values()}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for body in operation.get("requestBody", {}).get("content", {}).values():
                bound(components["schemas"][body["schema"]["$ref"].rpartition("/")[2]])
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    bound_text(parameter["schema"])
            for status in possible(path, method, operation):
                operation["responses"][status] = {"$ref": f"#/components/responses/{ANSWERS[status][0]}"}
    return result


def bound(schema: dict) -> None:
    """Says that a body has no other fields, and what its texts can not have."""
    schema["additionalProperties"] = False
    for each in schema["properties"].values():
        if not each.get("readOnly"):
            bound_text(each)


def bound_text(schema: dict) -> None:
    if schema.get("type") == "string" and not schema.keys() & {"format", "enum"}:
        schema.setdefault("pattern", NOT_BLANK if schema.get("minLength") else NO_NUL)


def response(description: str, schema: str | None, headers: dict) -> dict:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "headers": headers} | ({"content": content} if schema else {})


def possible(path: str, method: str, operation: dict) -> list[str]:
    taken = {(each["in"], each["name"]) for each in operation.get("parameters", [])}
    places = {place for place, _ in taken}
    private = any(operation.get("security", []))
    when = {
        "304": ("header", "If-None-Match") in taken,
        "400": True,
        "401": private,
        "403": private,
        "404": "path" in places,
        "406": True,
        "409": ("header", "Idempotency-Key") in taken,
        "412": ("header", "If-Match") in taken,
        "413": True,
        "414": True,
        "415": "requestBody" in operation,
        "422": ("header", "Idempotency-Key") in taken,
        "429": True,
        "431": True,
        "502": True,
        "503": True,
        "504": True,
    }
    return [status for status, it_is in when.items() if it_is]
