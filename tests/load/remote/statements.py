"""Runs in a shell of the app: the SQL that it sends for its hot requests, with $1 for what is asked for, and the fields
that the parts of a search are ordered by. By the name of the file that the peer has it in.
"""

import json
import re
from unittest import mock

from customers import search, selectors
from customers.pagination import Listing
from customers.selectors import DETAIL_FIELDS, LIST_FIELDS, LISTS, NEWEST_FIRST
from serving import authentication
from serving.queries import for_any_values

PAGE_SIZE = 20

TERM = "mark"
TIERS, VALUES = search.looked_up(TERM)


def searched():
    statement, _ = Listing(TIERS, LIST_FIELDS).statement(None, PAGE_SIZE + 1)
    text, names = for_any_values(statement)
    assert {VALUES[name] for name in names} == {TERM}
    return re.sub(r"\$\d+", "$1::text", text)


def listing():
    return Listing(LISTS[NEWEST_FIRST], LIST_FIELDS).statement(None, PAGE_SIZE + 1)[0]


def sent(module, ask, rows):
    """What a function of a module sends, which is answered by these rows."""
    with mock.patch.object(module, "fetch_prepared", return_value=rows) as fetch:
        ask()
    return for_any_values(fetch.call_args.args[0])[0]


print(
    json.dumps(
        {
            "search.sql": searched(),
            "orders.json": json.dumps([[column.field for column in tier.order.columns] for tier in TIERS]),
            "list.sql": listing(),
            "detail.sql": sent(selectors, lambda: selectors.customer_row(pk=1), [DETAIL_FIELDS]),
            "stats.sql": sent(selectors, selectors.customer_stats, [(0, 0, 0)]),
            "token.sql": sent(authentication, lambda: authentication.owner("token"), []),
        }
    )
)
