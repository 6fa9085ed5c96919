"""Runs in a shell of the slow app: the time of each search's SQL, the page alone, without the count (s)."""

import time

from customers.views import CustomerViewSet
from django.db import connection

found = {}
view = CustomerViewSet()
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    for kind, terms in PARAMETERS["terms"].items():
        for term in terms:
            view.request = type("Request", (), {"query_params": {"search": term}})
            statement, values = view.get_queryset()[:20].query.sql_with_params()
            started = time.perf_counter()
            cursor.execute(statement, values)
            cursor.fetchall()
            found.setdefault(kind, []).append(time.perf_counter() - started)
print(json.dumps(found))
