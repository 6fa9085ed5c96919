"""At a million rows no search reads the table, or more of its pages than a stated number, whatever is searched for."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection

from customers.models import Customer
from customers.pagination import Page
from customers.selectors import ORDERINGS, Selection, customer_page
from tests.test_search import AWKWARD_TERMS, FIELDS, generated_terms

# Pages of 8 KB, from memory or from disk. Some are of rows that search.Anywhere reads one by one, the rest of those
# that the index of trigrams names: a term of which it sees too few by chance has the most of them.
BOUND = 8_000
# There is no bound where few of many matches pass a filter; statement_timeout ends that.
FILTERS = {
    "none": {},
    "active": {"is_active": True},
    "since 2024": {"created_from": datetime(2024, 1, 1, tzinfo=UTC)},
}


def nodes(plan: dict) -> Iterator[dict]:
    """Those that were run: the last of what a search could read is never needed for a frequent term."""
    if plan["Actual Loops"]:
        yield plan
        for inner in plan.get("Plans", []):
            yield from nodes(inner)


def explained(sql: str, params: Sequence | Mapping) -> dict:
    """What EXPLAIN tells of a statement: of its plan for its values by name, or one that is prepared for any, and what
    it does with these."""
    if isinstance(params, Mapping):
        with psycopg.ClientCursor(connection.connection) as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
            [[[plan]]] = cursor.fetchall()
        return plan
    values = f"({', '.join(['%s'] * len(params))})" if params else ""
    with connection.connection.cursor() as cursor:
        cursor.execute(f"PREPARE page AS {sql}")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page{values}", params)
        [[[plan]]] = cursor.fetchall()
        cursor.execute("DEALLOCATE page")
    return plan


@pytest.fixture
def page(as_deployed, worst):
    """customer_page, of which the plan is looked at before it is run."""

    def explain(execute, sql, params, many, context):
        plans.append(explained(sql, params))
        return execute(sql, params, many, context)

    def read(**wanted) -> Page:
        plans.clear()
        with connection.execute_wrapper(explain):
            result = customer_page(**wanted)
        [explanation] = plans
        assert "JIT" not in explanation, wanted
        plan = explanation["Plan"]
        assert "Seq Scan" not in [node["Node Type"] for node in nodes(plan)], wanted
        buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        worst.note(buffers, wanted)
        assert buffers <= BOUND, wanted
        return result

    plans: list[dict] = []
    return read


@pytest.fixture(scope="module")
def terms(people, django_db_blocker) -> list[str]:
    with django_db_blocker.unblock():
        rows = list(Customer.objects.filter(pk__in=range(0, 1_000_000, 487)).values_list(*FIELDS))
    return AWKWARD_TERMS + generated_terms(1500, rows)


@pytest.mark.parametrize("filters", FILTERS)
def test_first_pages(page, terms, filters):
    for term in terms:
        page(selection=Selection(term=term, **FILTERS[filters]))


def test_further_pages_and_back(page, terms):
    for term in ["xample", "example com", *terms[::10]]:
        selection, cursor = Selection(term=term), None
        for _ in range(4):
            found = page(selection=selection, cursor=cursor, size=20)
            if not (cursor := found.next):
                break
        while found.previous:
            found = page(selection=selection, cursor=found.previous, size=20)


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_lists(page, ordering):
    cursor = None
    for _ in range(3):
        found = page(selection=Selection(), ordering=ordering, cursor=cursor)
        cursor = found.next
    page(selection=Selection(), ordering=ordering, cursor=found.previous)


@pytest.mark.parametrize("filters", FILTERS)
def test_frequent_terms_that_the_latest_lack(page, filters):
    """As after an import. The index would name the others, each on a page of its own."""
    Customer.objects.bulk_create(
        Customer(first_name="Qqq", last_name="Zzz", email=f"{number}@qqq.test") for number in range(3000)
    )
    for term in ("xample", "example com", "mith", "nna"):
        assert page(selection=Selection(term=term, **FILTERS[filters])).rows
