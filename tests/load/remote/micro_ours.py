"""Runs in a shell of our app: seconds for one name, and for a page of 20 rows."""

import timeit
from datetime import UTC, datetime

from config.renderers import JsonRenderer
from customers.pagination import Page
from customers.selectors import LIST_FIELDS
from customers.validators import validate_name

now = datetime(2026, 1, 1, tzinfo=UTC)
values = ("Mary", "Johnson", "mary.johnson1@example.com", "+1 (212) 555-0143", True, "Acme", "Boston", now, now)
tuples = [(number, *values) for number in range(20)]


def best(work, number):
    return min(timeit.repeat(work, number=number, repeat=PARAMETERS["repeats"])) / number


def page():
    rows = [dict(zip(LIST_FIELDS, row, strict=True)) for row in tuples]
    found = Page(rows=rows, next=None, previous=None)
    return JsonRenderer().render({"results": found.rows, "next": None, "previous": None, "count": None})


serialization = best(page, 1000)
print(
    json.dumps(
        {
            "validation": best(lambda: validate_name("Mary-Jane"), 5000),
            "serialization": serialization,
            "serialization, lean": serialization,
        }
    )
)
