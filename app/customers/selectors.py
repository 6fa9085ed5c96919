"""All reads."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError, router
from django.utils import timezone
from psycopg.errors import QueryCanceled

from customers import search
from customers.exceptions import TooSlowError
from customers.models import Customer
from customers.pagination import TABLE, Column, Cursor, Listing, Order, Page, Part
from customers.queries import fetch, fetch_prepared
from customers.sql import ANY, Sql, all_of, any_of, compose

LIST_FIELDS = (
    "id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "is_active",
    "company",
    "city",
    "created_at",
    "updated_at",
)
DETAIL_FIELDS = (*LIST_FIELDS, "address", "notes")
BIGGEST_ID = 2**63 - 1
RECENT = timedelta(days=30)

BY_CREATION = Order((Column("created_at", datetime, field="created_at"), search.ID))
# Each has an index, so that none has to sort the table.
ORDERINGS = {
    "-created_at": -BY_CREATION,
    "created_at": BY_CREATION,
    "name": search.BY_LAST_NAME,
    "-name": -search.BY_LAST_NAME,
    "email": search.BY_EMAIL,
    "-email": -search.BY_EMAIL,
}
NEWEST_FIRST = "-created_at"
COUNTED_AT_MOST = 10_000


@dataclass(frozen=True)
class Selection:
    """Which customers are meant."""

    term: str = ""
    is_active: bool | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None

    @property
    def filters(self) -> Sql:
        conditions = [
            ("is_active = %s", self.is_active),
            ("created_at >= %s", self.created_from),
            ("created_at < %s", self.created_before),
        ]
        return all_of(Sql(text, (value,)) for text, value in conditions if value is not None)

    @property
    def tiers(self) -> tuple[Part, ...]:
        return search.tiers(self.term)


def customer_page(
    *, selection: Selection, ordering: str = NEWEST_FIRST, cursor: Cursor | None = None, size: int = 50
) -> Page:
    """One query. Rows are dictionaries of LIST_FIELDS. What is searched for has an order of its own."""
    parts = selection.tiers or (Part(ANY, ORDERINGS[ordering]),)
    listing = Listing(parts, LIST_FIELDS, selection.filters)
    with slowness_reported():
        return listing.page(cursor=cursor, size=size)


def customer_count(*, selection: Selection, kind: str) -> dict[str, int | str]:
    """To count everything can take longer than to read any page of it, so there are cheaper answers too."""
    tiers, filters = selection.tiers, selection.filters
    if kind == "estimated":
        where = (tiers[-1].index if tiers else ANY) & filters
        [[[plan]]] = fetch(compose("EXPLAIN (FORMAT JSON) SELECT FROM {table}{where}", table=TABLE, where=where.where))
        return {"value": plan["Plan"]["Plan Rows"], "kind": "estimated"}

    where = any_of(part.candidates for part in tiers) & filters
    limit = f" LIMIT {COUNTED_AT_MOST + 1}" if kind == "capped" else ""
    counted = compose(
        "SELECT count(*) FROM (SELECT FROM {table}{where}{limit}) counted", table=TABLE, where=where.where, limit=limit
    )
    [[value]] = fetch(counted)
    if kind == "capped" and value > COUNTED_AT_MOST:
        return {"value": COUNTED_AT_MOST, "kind": "at_least"}
    return {"value": value, "kind": "exact"}


def customer_row(*, pk: int) -> dict:
    """DETAIL_FIELDS of one. Raises Customer.DoesNotExist."""
    if pk > BIGGEST_ID:  # PostgreSQL would compare numbers of another kind, row by row
        raise Customer.DoesNotExist
    statement = f"SELECT {', '.join(DETAIL_FIELDS)} FROM {TABLE} WHERE id = %s::bigint"
    for row in fetch_prepared(Sql(statement, (pk,))):
        return dict(zip(DETAIL_FIELDS, row, strict=True))
    raise Customer.DoesNotExist


def customer_to_change(*, pk: int) -> Customer:
    """Raises Customer.DoesNotExist. From where it will be written."""
    return Customer.objects.using(router.db_for_write(Customer)).only(*DETAIL_FIELDS).get(pk=pk)


def customers_by_id(*, fields: Sequence[str], batch: int = 2000) -> Iterator[tuple]:
    """All customers, a batch at a time; those who come or go meanwhile may be among them or not."""
    rows, last = Customer.objects.order_by("id").values_list("id", *fields), 0
    while found := list(rows.filter(id__gt=last)[:batch]):
        last = found[-1][0]
        yield from (row[1:] for row in found)


def customer_stats() -> dict[str, int]:
    counts = "count(*), count(*) FILTER (WHERE is_active), count(*) FILTER (WHERE created_at >= %s)"
    statement = Sql(f"SELECT {counts} FROM {TABLE}", (timezone.now() - RECENT,))
    [(total, active, recent)] = fetch_prepared(statement)
    return {
        "total": total,
        "active": active,
        "inactive": total - active,
        "created_in_the_last_30_days": recent,
    }


@contextmanager
def slowness_reported() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooSlowError from error.__cause__
        raise
