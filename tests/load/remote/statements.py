"""Runs in a shell of the app: the SQL of its hot requests, with $1 for what is asked for, and the fields that the parts
of a search are ordered by. By the name of the file that the peer has it in.

The order of parameters is that of tests/load/peer/app.py.
"""

import json
import re

from customers import search
from customers.pagination import Listing
from customers.selectors import DETAIL_FIELDS, LIST_FIELDS, LISTS, NEWEST_FIRST
from serving.queries import for_any_values

PAGE_SIZE = 20
DETAIL = ", ".join(DETAIL_FIELDS)


TERM = "mark"
TIERS, VALUES = search.looked_up(TERM)


def searched():
    statement, _ = Listing(TIERS, LIST_FIELDS).statement(None, PAGE_SIZE + 1)
    text, names = for_any_values(statement)
    assert {VALUES[name] for name in names} == {TERM}
    return re.sub(r"\$\d+", "$1::text", text)


def listing():
    return Listing(LISTS[NEWEST_FIRST], LIST_FIELDS).statement(None, PAGE_SIZE + 1)[0]


print(
    json.dumps(
        {
            "search.sql": searched(),
            "orders.json": json.dumps([[column.field for column in tier.order.columns] for tier in TIERS]),
            "list.sql": listing(),
            "detail.sql": f"SELECT {DETAIL} FROM customers_customer WHERE id = $1",
            "update.sql": "UPDATE customers_customer SET first_name = $2, notes = $3, updated_at = $4 "
            f"WHERE id = $1 RETURNING {DETAIL}",
            "stats.sql": "SELECT count(id) AS total, count(id) FILTER (WHERE is_active) AS active, "
            "count(id) FILTER (WHERE NOT is_active) AS inactive, "
            "count(id) FILTER (WHERE created_at >= $1) AS created_in_the_last_30_days FROM customers_customer",
            "token.sql": "SELECT is_active FROM authtoken_token "
            "JOIN auth_user ON auth_user.id = user_id WHERE key = $1",
        }
    )
)
