"""Any number of customers, the same ones in every run: parts of sample customers, put together anew in SQL."""

from collections.abc import Iterator
from datetime import UTC, datetime

from customers.samples import sample_customer

POOL = 5_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = "number, first_name, last_name, first_latin, last_latin, domain, phone, company, address, city, notes"
CREATE_POOL = (
    "CREATE TEMPORARY TABLE pool ON COMMIT DROP AS SELECT 0::bigint AS number, "
    "first_name, last_name, email AS first_latin, email AS last_latin, email AS domain, phone, company, address, "
    "city, notes FROM customers_customer LIMIT 0"
)

# From one number to another. hashint8extended(n, seed) chooses. Phones get digits of their own, but for the country's
# code, and every seventh customer a double name, which makes thousands of rare ones.
MULTIPLY = f"""
INSERT INTO customers_customer
  (first_name, last_name, email, phone, is_active, company, address, city, notes, created_at, updated_at)
SELECT a.first_name,
       CASE WHEN n %% 7 = 0 THEN b.last_name || '-' || c.last_name ELSE b.last_name END,
       a.first_latin || '.' || b.last_latin || n || c.domain,
       (
         SELECT string_agg(
           CASE WHEN i > 3 AND old BETWEEN '0' AND '9' THEN ((hashint8extended(n, i) & 65535) %% 10)::text ELSE old END,
           '' ORDER BY i
         )
         FROM regexp_split_to_table(c.phone, '') WITH ORDINALITY phone (old, i)
       ),
       (hashint8extended(n, 5) & 65535) %% 10 > 0, c.company, c.address, c.city, c.notes, created_at, created_at
FROM generate_series(%s::bigint, %s) n
  CROSS JOIN LATERAL (SELECT timestamptz '2022-01-01Z' + (n * 7919 %% 2000000) * interval '1 minute' AS created_at)
  JOIN pool a ON a.number = (hashint8extended(n, 1) & 2147483647) %% {POOL}
  JOIN pool b ON b.number = (hashint8extended(n, 2) & 2147483647) %% {POOL}
  JOIN pool c ON c.number = (hashint8extended(n, 3) & 2147483647) %% {POOL}
ORDER BY n
"""


def pool() -> Iterator[list]:
    """Rows of COLUMNS."""
    for number in range(POOL):
        person = sample_customer(number, now=NOW)
        local, _, domain = person["email"].partition("@")
        first, _, last = local.removesuffix(str(number)).partition(".")
        person |= {"number": number, "first_latin": first, "last_latin": last, "domain": f"@{domain}"}
        yield [person[column] for column in COLUMNS.split(", ")]
