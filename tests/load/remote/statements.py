"""Runs in a shell of the app: the SQL of its hot requests, with $1 for what is asked for.

The order of parameters is that of tests/load/peer/app.py.
"""

import json
import re

from customers import selectors
from customers.pagination import ANY, Listing, Part
from customers.selectors import DETAIL_FIELDS, LIST_FIELDS, ORDERINGS, Selection

PAGE_SIZE = 20
DETAIL = ", ".join(DETAIL_FIELDS)


def search(term="mark"):
    selection = Selection(term=term)
    statement = Listing(selection.tiers, LIST_FIELDS, selection.filters).statement(None, PAGE_SIZE + 1).for_any_params
    assert set(statement.params) == {term}
    return re.sub("%s", "$1::text", statement.text).replace("%%", "%")


def listing():
    return Listing((Part(ANY, ORDERINGS[selectors.NEWEST_FIRST]),), LIST_FIELDS).statement(None, PAGE_SIZE + 1).text


print(
    json.dumps(
        {
            "search": search(),
            "list": listing(),
            "detail": f"SELECT {DETAIL} FROM customers_customer WHERE id = $1",
            "update": "UPDATE customers_customer SET first_name = $2, notes = $3, updated_at = $4 "
            f"WHERE id = $1 RETURNING {DETAIL}",
            "stats": "SELECT count(id) AS total, count(id) FILTER (WHERE is_active) AS active, "
            "count(id) FILTER (WHERE NOT is_active) AS inactive, "
            "count(id) FILTER (WHERE created_at >= $1) AS created_in_the_last_30_days FROM customers_customer",
            "token": "SELECT is_active FROM authtoken_token JOIN auth_user ON auth_user.id = user_id WHERE key = $1",
        }
    )
)
