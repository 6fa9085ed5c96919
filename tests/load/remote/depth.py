"""Runs in a shell of our app: the time of a page far down the list, by cursor and by OFFSET, on the same index (s)."""

import time

from customers.pagination import Cursor, Listing
from customers.selectors import LIST_FIELDS, LISTS, NEWEST_FIRST
from django.db import connection

depth = PARAMETERS["depth"]
listing = Listing(LISTS[NEWEST_FIRST], LIST_FIELDS)
first, _ = listing.statement(None, 20)
found = {"cursor": [], "offset": []}
with connection.cursor() as cursor:
    for step in range(PARAMETERS["times"]):
        cursor.execute(
            "SELECT created_at, id FROM customers_customer ORDER BY created_at DESC, id DESC OFFSET %s LIMIT 1",
            [depth - 1 - step],
        )
        place = cursor.fetchone()
        by_cursor = listing.statement(Cursor((place[0].isoformat(), place[1])), 20)
        for way, text, values in (
            ("cursor", *by_cursor),
            ("offset", f"{first} OFFSET %s", [depth - step]),
        ):
            started = time.perf_counter()
            cursor.execute(text, values)
            rows = cursor.fetchall()
            found[way].append(time.perf_counter() - started)
            assert len(rows) == 20
print(json.dumps(found))
