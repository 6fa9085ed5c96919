"""Runs in a shell of our app: the time of each search's SQL on the primary, as the app asks it (s)."""

import time

from customers.pagination import Listing
from customers.search import looked_up
from customers.selectors import LIST_FIELDS
from django.db import connection
from serving.queries import fetch_prepared


def search(term):
    tiers, values = looked_up(term)
    statement, _ = Listing(tiers, LIST_FIELDS).statement(None, 21)
    started = time.perf_counter()
    fetch_prepared(statement, values)
    return time.perf_counter() - started


connection.ensure_connection()
for terms in PARAMETERS["first"].values():
    for term in terms:
        search(term)
print(json.dumps({kind: [search(term) for term in terms] for kind, terms in PARAMETERS["terms"].items()}))
