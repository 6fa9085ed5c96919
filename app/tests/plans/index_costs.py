"""What each index costs whoever writes: inserts with all of them, without each one, and without any, in turns."""

from statistics import median
from time import perf_counter

from django.db import connection, transaction

from customers.models import Customer

ROUNDS = 7
INSERT = """
INSERT INTO customers_customer
  (first_name, last_name, email, phone, is_active, company, address, city, notes, created_at, updated_at)
SELECT first_name, last_name, 'another.' || email, phone, is_active, company, address, city, notes, now(), now()
FROM customers_customer WHERE id % 200 = 1
"""
NAMES = [index.name for index in Customer._meta.indexes]


def insert(without: list[str]) -> tuple[float, float]:
    """Rows per second, and bytes of WAL per row. All is undone."""
    with connection.cursor() as cursor:
        # What earlier rounds left in the indexes is not for this one to sort in.
        cursor.execute("VACUUM customers_customer")
        with transaction.atomic():
            for name in without:
                cursor.execute(f"DROP INDEX {name}")
            cursor.execute("SELECT pg_current_wal_insert_lsn()")
            [before], started = cursor.fetchone(), perf_counter()
            cursor.execute(INSERT)
            rows, seconds = cursor.rowcount, perf_counter() - started
            cursor.execute("SELECT pg_current_wal_insert_lsn() - %s", [before])
            [written] = cursor.fetchone()
            transaction.set_rollback(True)
    return rows / seconds, float(written) / rows


def main() -> None:
    cases = {"(all indexes)": [], **{name: [name] for name in NAMES}, "(none of these)": NAMES}
    found = {case: [] for case in cases}
    for _ in range(ROUNDS):
        for case, without in cases.items():
            found[case].append(insert(without))
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, pg_relation_size(oid) / 1048576 FROM pg_class WHERE relname = ANY(%s)", [NAMES])
        sizes = dict(cursor.fetchall())
    print("| without | inserts per second | WAL per insert (bytes) | size of the index (MB) |\n|---|---|---|---|")
    for case, results in found.items():
        rates, written = zip(*results, strict=True)
        print(f"| {case} | {median(rates):,.0f} | {median(written):,.0f} | {sizes.get(case, '')} |")
