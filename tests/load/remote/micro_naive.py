"""Runs in a shell of the slow app: seconds for one name, one e-mail's worth of markup, and a page of 20 rows."""

import timeit
from datetime import UTC, datetime

from customers.models import Customer
from customers.serializers import CustomerSerializer, LeanSerializer
from customers.validators import validate_name
from rest_framework.renderers import JSONRenderer

now = datetime(2026, 1, 1, tzinfo=UTC)
rows = [
    Customer(
        id=number,
        first_name="Mary",
        last_name="Johnson",
        email=f"mary.johnson{number}@example.com",
        phone="+1 (212) 555-0143",
        company="Acme",
        city="Boston",
        created_at=now,
        updated_at=now,
    )
    for number in range(20)
]


def best(work, number):
    return min(timeit.repeat(work, number=number, repeat=PARAMETERS["repeats"])) / number


def page(serializer):
    return lambda: JSONRenderer().render(serializer(rows, many=True).data)


print(
    json.dumps(
        {
            "validation": best(lambda: validate_name("Mary-Jane"), 5000),
            "serialization": best(page(CustomerSerializer), 100),
            "serialization, lean": best(page(LeanSerializer), 100),
        }
    )
)
