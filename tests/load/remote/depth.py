"""Runs in a shell of our app: the time of a page far down the list, by cursor and by OFFSET, on the same index (s)."""

import time

from customers.pagination import Cursor, Listing
from customers.selectors import LIST_FIELDS, LISTS, NEWEST_FIRST
from django.db import connection, transaction

depth, times = PARAMETERS["depth"], PARAMETERS["times"]
listing = Listing(LISTS[NEWEST_FIRST], LIST_FIELDS)
first, _ = listing.statement(None, 20)
found = {"cursor": [], "offset": []}
with transaction.atomic(), connection.cursor() as cursor:
    # An OFFSET of millions may take longer than the app would wait.
    cursor.execute("SET LOCAL statement_timeout = 0")
    cursor.execute(
        "SELECT created_at, id FROM customers_customer ORDER BY created_at DESC, id DESC OFFSET %s LIMIT %s",
        [depth - times, times],
    )
    for skipped, (created_at, number) in enumerate(cursor.fetchall(), start=depth - times + 1):
        by_cursor = listing.statement(Cursor((created_at.isoformat(), number)), 20)
        for way, text, values in (("cursor", *by_cursor), ("offset", f"{first} OFFSET %s", [skipped])):
            started = time.perf_counter()
            cursor.execute(text, values)
            rows = cursor.fetchall()
            found[way].append(time.perf_counter() - started)
            assert len(rows) == 20
print(json.dumps(found))
