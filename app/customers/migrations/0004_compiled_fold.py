"""Makes customers_fold cheaper, in place: what it returns stays the same, and so do the indexes.

Declared immutable, it calls unaccent(), which is not. So PostgreSQL 17 cannot inline it as a function in SQL, and plans
it anew for each place in a statement that calls it, which takes 0.03 ms. What is compiled of PL/pgSQL is kept for the
session.
"""

from django.db import migrations

FOLD = """
CREATE OR REPLACE FUNCTION customers_fold(value text) RETURNS text IMMUTABLE STRICT PARALLEL SAFE LANGUAGE {}
"""
# PL/pgSQL would take the collation of whoever calls.
FOLDED = """lower(public.unaccent('public.unaccent'::regdictionary, upper(value COLLATE "default")))"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0003_tidy_lengths")]

    operations = [
        migrations.RunSQL(
            FOLD.format(f"plpgsql AS $$ BEGIN RETURN {FOLDED}; END $$"), FOLD.format(f"sql RETURN {FOLDED}")
        )
    ]
