"""What it costs to plan searches: each planned for its term, and prepared, in turns on one connection."""

from statistics import median, quantiles
from time import perf_counter

from django.db import transaction

from customers.models import Customer
from customers.pagination import Listing
from customers.search import looked_up
from customers.selectors import LIST_FIELDS
from serving.queries import fetch, fetch_prepared
from tests.plans.conftest import deployed_settings, set_settings
from tests.test_search import FIELDS, generated_terms

TERMS = 400
WAYS = {"planned for its term": fetch, "prepared": fetch_prepared}


def seconds(way, term: str) -> float:
    tiers, values = looked_up(term)
    statement, _ = Listing(tiers, LIST_FIELDS).statement(None, 51)
    started = perf_counter()
    way(statement, values)
    return perf_counter() - started


def main() -> None:
    rows = list(Customer.objects.filter(pk__in=range(0, 1_000_000, 2_003)).values_list(*FIELDS))
    terms = generated_terms(TERMS, rows)
    found = {way: [] for way in WAYS}
    with transaction.atomic():
        set_settings(deployed_settings())
        for round_ in ("to warm up", "to count"):
            for term in terms:
                for name, way in WAYS.items():
                    took = seconds(way, term)
                    if round_ == "to count":
                        found[name].append(took * 1000)
    print(f"{len(terms)} searches\n\n| | p50 (ms) | p95 (ms) | sum (ms) |\n|---|---|---|---|")
    for name, times in found.items():
        print(f"| {name} | {median(times):.2f} | {quantiles(times, n=20)[-1]:.1f} | {sum(times):,.0f} |")
