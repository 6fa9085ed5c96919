"""The customers: as many as are wanted, the same in our database and in the slow app's, and who may ask for them."""

import importlib.util
import random
import secrets
import sys
from pathlib import Path

from load.traffic import Row, draw_terms

APP = Path(__file__).parents[2] / "app"
USERS = 1000
DRAWN = 400
# With its index of trigrams the rows of the table that techniques are tried on take long: no more than so many.
INDEXED_AT_MOST = 10_000


def load_multiply():
    """The app's own way to make many customers of few."""
    sys.path.append(str(APP))
    path = APP / "tests" / "plans" / "multiply.py"
    spec = importlib.util.spec_from_file_location("multiply", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(value):
    """A value as COPY reads it."""
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def growth(first, last, *, anew):
    """The script that makes customers of these numbers. Indexes come after the rows, which takes half the time."""
    multiply = load_multiply()
    insert = multiply.MULTIPLY % (first, last)
    rows = "\n".join("\t".join(map(text_of, row)) for row in multiply.pool())
    return f"""
BEGIN;
SET LOCAL synchronous_commit = local;
{"TRUNCATE customers_customer RESTART IDENTITY;" if anew else ""}
{multiply.CREATE_POOL};
COPY pool ({multiply.COLUMNS}) FROM STDIN;
{rows}
\\.
ANALYZE pool;
CREATE TEMPORARY TABLE indexes AS
  SELECT indexname, indexdef FROM pg_indexes
  WHERE tablename = 'customers_customer' AND indexname <> 'customers_customer_pkey';
SELECT format('DROP INDEX %I', indexname) FROM indexes \\gexec
{insert};
SET LOCAL maintenance_work_mem = '256MB';
SELECT indexdef FROM indexes \\gexec
COMMIT;
VACUUM (ANALYZE) customers_customer;
"""


def ensure(stand, count):
    """Exactly so many customers in both databases; what is there is left alone."""
    ours, theirs = (
        int(stand.sql(f"SELECT count(*) FROM {table}", database))
        for database, table in (("customers", "customers_customer"), ("naive", "customers_customer"))
    )
    if ours == theirs == count:
        return
    anew = ours > count or theirs != ours
    if ours != count or anew:
        stand.sql(growth(1 if anew else ours + 1, count, anew=anew), "customers")
    if anew:
        stand.sql("TRUNCATE customers_customer, customers_indexed", "naive")
        theirs = 0
    stand.copy_rows(theirs, "customers_customer")
    if count <= INDEXED_AT_MOST:
        stand.copy_rows(theirs, "customers_indexed")
    stand.sql(
        "SELECT setval('customers_customer_id_seq', max(id)) FROM customers_customer; "
        "VACUUM (ANALYZE) customers_customer; VACUUM (ANALYZE) customers_indexed",
        "naive",
    )
    stand.wait_for_replica()


# Ours stores a token's digest, and asks for permissions; the slow app does neither.
TOKENS = {
    "customers": """
        DELETE FROM accounts_token USING auth_user WHERE user_id = auth_user.id AND username LIKE 'bench-%';
        INSERT INTO accounts_token (digest, token_key, name, created, user_id)
          SELECT encode(sha512(convert_to(key, 'UTF8')), 'hex'), left(key, 15), 'benchmark', now(), auth_user.id
          FROM given JOIN auth_user ON username = given.name;
        INSERT INTO auth_user_groups (user_id, group_id)
          SELECT auth_user.id, auth_group.id FROM auth_user, auth_group
          WHERE username LIKE 'bench-%' AND auth_group.name = 'Customer writers'
          ON CONFLICT DO NOTHING;
    """,
    "naive": """
        DELETE FROM authtoken_token USING auth_user WHERE user_id = auth_user.id AND username LIKE 'bench-%';
        INSERT INTO authtoken_token (key, created, user_id)
          SELECT key, now(), auth_user.id FROM given JOIN auth_user ON username = name;
    """,
}


def tokens(stand):
    """One for each user, by app; those of an earlier run are void."""
    made = {}
    for database, statements in TOKENS.items():
        keys = [secrets.token_hex(20) for _ in range(USERS)]
        values = ", ".join(f"('bench-{number}', '{key}')" for number, key in enumerate(keys))
        stand.sql(
            f"""
            CREATE TEMPORARY TABLE given (name, key) AS VALUES {values};
            INSERT INTO auth_user (username, password, is_active, is_staff, is_superuser, first_name, last_name, email,
                                   date_joined)
              SELECT name, '!', true, false, false, '', '', '', now() FROM given
              WHERE name NOT IN (SELECT username FROM auth_user);
            {statements}
            """,
            database,
        )
        made[database] = keys
    return made


def drawn(stand, seed):
    """Rows that requests are made of, and terms, as the seed has it."""
    generator = random.Random(seed)
    highest = int(stand.sql("SELECT max(id) FROM customers_customer", "customers"))
    numbers = ", ".join(str(generator.randint(1, highest)) for _ in range(DRAWN))
    found = stand.sql(
        "SELECT id, first_name, last_name, email, phone FROM customers_customer "
        f"WHERE id = ANY (ARRAY[{numbers}]) ORDER BY id",
        "customers",
        settings="-At -F $'\\t'",
    )
    rows = [Row(int(number), *fields) for number, *fields in (line.split("\t") for line in found.splitlines())]
    generator.shuffle(rows)
    return rows, draw_terms(rows, generator)
