"""What a hand-written service makes of the same question: the same SQL, fields and authentication as the app's, and
nothing around them. No cache, no cursor but the next one, of searches those for one word of letters, and of changes
those of a first name and notes, which are one statement.
"""

import base64
import hashlib
import json
import os
import ssl
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

# What the app asks, as python -m load.peer_sql writes it.
HERE = Path(__file__).parent / "sql"
SQL = {path.stem: path.read_text() for path in HERE.glob("*.sql")}
# What the parts of a search are ordered by, which is what a cursor has of a row.
ORDERS = orjson.loads((HERE / "orders.json").read_bytes())
PAGE_SIZE = 20
TOKEN_SECONDS = 5
UPDATE = f"""
UPDATE customers_customer SET first_name = $2, notes = $3, updated_at = $4 WHERE id = $1
RETURNING {SQL["detail"].partition("SELECT ")[2].partition(" FROM")[0]}
"""


class Json(Response):
    media_type = "application/json"

    def render(self, content) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


class Connection(asyncpg.Connection):
    """Nobody changes a session here, so there is nothing to undo after each query."""

    def get_reset_query(self) -> str:
        return ""


def pool(port: str) -> asyncpg.Pool:
    trusted = os.environ.get("DATABASE_SSLROOTCERT")
    return asyncpg.create_pool(
        host=os.environ["DATABASE_HOST"],
        port=int(os.environ[port]),
        database=os.environ["DATABASE_NAME"],
        user=os.environ["DATABASE_USER"],
        password=os.environ["DATABASE_PASSWORD"],
        ssl=ssl.create_default_context(cafile=trusted) if trusted else False,
        connection_class=Connection,
        min_size=2,
        max_size=int(os.environ.get("PEER_POOL_MAX", "10")),
        server_settings={"application_name": "peer"},
    )


@asynccontextmanager
async def lifespan(app: Starlette):
    async with pool("DATABASE_PORT") as primary, pool("DATABASE_REPLICA_PORT") as replica:
        app.state.primary, app.state.replica = primary, replica
        yield


known: dict[str, float] = {}


def digest(token: str) -> str:
    """As the database has it."""
    return hashlib.sha512(token.encode()).hexdigest()


async def is_known(request: Request) -> bool:
    """Asked again after TOKEN_SECONDS."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    now = time.monotonic()
    if known.get(token, 0) > now:
        return True
    owner = await request.app.state.replica.fetchrow(SQL["token"], digest(token)) if scheme == "Token" else None
    if owner is None or not owner["is_active"]:
        return False
    if not owner["is_superuser"] and "customers.view_customer" not in owner["permissions"]:
        return False
    known[token] = now + TOKEN_SECONDS
    return True


def authenticated(endpoint):
    async def answer(request: Request) -> Response:
        if not await is_known(request):
            return Json({"detail": "Invalid token."}, status_code=401)
        return await endpoint(request)

    return answer


def page(request: Request, rows: list[dict], places: list[list]) -> Json:
    """The first 20 of up to 21, and where the next page begins."""
    link = None
    if len(rows) > PAGE_SIZE:
        text = json.dumps([False, *places[PAGE_SIZE - 1]], default=datetime.isoformat, ensure_ascii=False)
        cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        link = str(request.url.include_query_params(cursor=cursor))
    return Json({"results": rows[:PAGE_SIZE], "next": link, "previous": None, "count": None})


async def customers(request: Request) -> Json:
    if term := request.query_params.get("search", "").strip():
        rows = [dict(row) for row in await request.app.state.replica.fetch(SQL["search"], term)]
        parts = [row.pop("part") for row in rows]
        places = [[part, *(row[field] for field in ORDERS[part])] for part, row in zip(parts, rows, strict=True)]
    else:
        rows = [dict(row) for row in await request.app.state.replica.fetch(SQL["list"])]
        places = [[0, row["created_at"], row["id"]] for row in rows]
    return page(request, rows, places)


async def customer(request: Request) -> Json:
    pk = request.path_params["pk"]
    if request.method == "PATCH":
        changes = orjson.loads(await request.body())
        row = await request.app.state.primary.fetchrow(
            UPDATE, pk, changes["first_name"], changes["notes"], datetime.now(UTC)
        )
    else:
        row = await request.app.state.replica.fetchrow(SQL["detail"], pk)
    return Json(dict(row)) if row else Json({"detail": "Not found."}, status_code=404)


async def stats(request: Request) -> Json:
    recent = datetime.now(UTC) - timedelta(days=30)
    total, active, created = await request.app.state.replica.fetchrow(SQL["stats"], recent)
    return Json({"total": total, "active": active, "inactive": total - active, "created_in_the_last_30_days": created})


async def ready(request: Request) -> Json:
    for database in (request.app.state.primary, request.app.state.replica):
        await database.fetchval("SELECT 1")
    return Json({"status": "ready"})


application = Starlette(
    routes=[
        Route("/readyz", ready),
        Route("/api/customers/", authenticated(customers)),
        Route("/api/customers/stats/", authenticated(stats)),
        Route("/api/customers/{pk:int}/", authenticated(customer), methods=["GET", "PATCH"]),
    ],
    lifespan=lifespan,
)
