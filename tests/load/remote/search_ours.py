"""Runs in a shell of our app: the time of each search's SQL on the primary, as the app asks it (s)."""

import time

from customers.pagination import Listing
from customers.queries import fetch_prepared
from customers.selectors import LIST_FIELDS, Selection
from django.db import connection

connection.ensure_connection()
found = {}
for kind, terms in PARAMETERS["terms"].items():
    for term in terms:
        statement = Listing(Selection(term=term).tiers, LIST_FIELDS).statement(None, 21)
        started = time.perf_counter()
        fetch_prepared(statement)
        found.setdefault(kind, []).append(time.perf_counter() - started)
print(json.dumps(found))
