"""All reads."""

from collections.abc import Iterable, Iterator, Sequence
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
from customers.sql import ANY, all_of, any_of, where
from serving.queries import fetch, fetch_prepared

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

BY_CREATION = Order((Column("created_at", datetime), search.ID))
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
LISTS = {ordering: (Part(ANY, order),) for ordering, order in ORDERINGS.items()}
FILTERS = {
    "is_active": "is_active = %(is_active)s",
    "created_from": "created_at >= %(created_from)s",
    "created_before": "created_at < %(created_before)s",
}
COUNTED_AT_MOST = 10_000


@dataclass(frozen=True)
class Selection:
    """Which customers are meant."""

    term: str = ""
    is_active: bool | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None

    @property
    def filters(self) -> dict[str, object]:
        """The values of those that are given."""
        return {name: value for name in FILTERS if (value := getattr(self, name)) is not None}


def filtered(filters: Iterable[str]) -> str:
    return all_of(*(FILTERS[name] for name in filters))


def customer_page(
    *, selection: Selection, ordering: str = NEWEST_FIRST, cursor: Cursor | None = None, size: int = 50
) -> Page:
    """One query. Rows are dictionaries of LIST_FIELDS. What is searched for has an order of its own."""
    tiers, values = search.looked_up(selection.term)
    filters = selection.filters
    listing = Listing(tiers or LISTS[ordering], LIST_FIELDS, filtered(filters))
    with slowness_reported():
        return listing.page(values | filters, cursor=cursor, size=size)


def customer_count(*, selection: Selection, kind: str) -> dict[str, int | str]:
    """To count everything can take longer than to read any page of it, so there are cheaper answers too."""
    tiers, values = search.looked_up(selection.term)
    filters = selection.filters
    values |= filters
    if kind == "estimated":
        condition = where(all_of(tiers[-1].index if tiers else ANY, filtered(filters)))
        [[[plan]]] = fetch(f"EXPLAIN (FORMAT JSON) SELECT FROM {TABLE}{condition}", values)
        return {"value": plan["Plan"]["Plan Rows"], "kind": "estimated"}

    condition = where(all_of(any_of(*(part.candidates for part in tiers)), filtered(filters)))
    limit = f" LIMIT {COUNTED_AT_MOST + 1}" if kind == "capped" else ""
    [[value]] = fetch(f"SELECT count(*) FROM (SELECT FROM {TABLE}{condition}{limit}) counted", values)
    if kind == "capped" and value > COUNTED_AT_MOST:
        return {"value": COUNTED_AT_MOST, "kind": "at_least"}
    return {"value": value, "kind": "exact"}


def customer_row(*, pk: int) -> dict:
    """DETAIL_FIELDS of one. Raises Customer.DoesNotExist."""
    if pk > BIGGEST_ID:  # PostgreSQL would compare numbers of another kind, row by row
        raise Customer.DoesNotExist
    statement = f"SELECT {', '.join(DETAIL_FIELDS)} FROM {TABLE} WHERE id = %(id)s::bigint"
    for row in fetch_prepared(statement, {"id": pk}):
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
    counts = "count(*), count(*) FILTER (WHERE is_active), count(*) FILTER (WHERE created_at >= %(since)s)"
    [(total, active, recent)] = fetch_prepared(f"SELECT {counts} FROM {TABLE}", {"since": timezone.now() - RECENT})
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
