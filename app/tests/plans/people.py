"""A million customers, the same ones in every run."""

from django.db import connection

from customers.models import Customer
from tests.plans.multiply import COLUMNS, CREATE_POOL, MULTIPLY, pool

COUNT = 1_000_000


def ensure_people() -> None:
    if Customer.objects.count() != COUNT:  # else they are kept from an earlier run
        make_people()
    with connection.cursor() as cursor:
        # What tests have added and rolled back is still there to be read, and its ids are taken.
        cursor.execute("VACUUM (ANALYZE) customers_customer")
        cursor.execute("SELECT setval(pg_get_serial_sequence('customers_customer', 'id'), %s)", [COUNT])


def make_people() -> None:
    indexes = Customer._meta.indexes
    with connection.cursor() as cursor, connection.schema_editor() as schema:
        cursor.execute("TRUNCATE customers_customer RESTART IDENTITY")
        fill_pool(cursor)
        for index in indexes:
            schema.remove_index(Customer, index)
        cursor.execute(MULTIPLY, [1, COUNT])
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        for index in indexes:
            schema.add_index(Customer, index)


def fill_pool(cursor) -> None:
    cursor.execute(CREATE_POOL)
    with cursor.copy(f"COPY pool ({COLUMNS}) FROM STDIN") as copy:
        for row in pool():
            copy.write_row(row)
    cursor.execute("ANALYZE pool")
