"""Runs in a shell of our app: the time of each search's SQL on the primary, as the app composes it (s)."""

import time

from customers.pagination import Listing
from customers.selectors import LIST_FIELDS, Selection
from django.db import connection

found, planning = {}, []
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    for kind, terms in PARAMETERS["terms"].items():
        for term in terms:
            statement = Listing(Selection(term=term).tiers, LIST_FIELDS).statement(None, 21)
            started = time.perf_counter()
            cursor.execute(statement.text, statement.params)
            cursor.fetchall()
            found.setdefault(kind, []).append(time.perf_counter() - started)
        cursor.execute("EXPLAIN (SUMMARY, FORMAT JSON) " + statement.text, statement.params)
        planning.append(cursor.fetchone()[0][0]["Planning Time"])
print(json.dumps({"times": found, "planning_ms": planning}))
