"""Runs in a shell of the slow app: the time of each search's SQL, the page alone, without the count (s)."""

import time

from customers.views import CustomerViewSet
from django.db import connection

view = CustomerViewSet()


def search(term):
    view.request = type("Request", (), {"query_params": {"search": term}})
    statement, values = view.get_queryset()[:20].query.sql_with_params()
    started = time.perf_counter()
    cursor.execute(statement, values)
    cursor.fetchall()
    return time.perf_counter() - started


with connection.cursor() as cursor:
    for terms in PARAMETERS["first"].values():
        for term in terms:
            search(term)
    print(json.dumps({kind: [search(term) for term in terms] for kind, terms in PARAMETERS["terms"].items()}))
