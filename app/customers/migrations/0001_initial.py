import django.utils.timezone
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations, models
from django.db.models.functions import Lower

import customers.validators

# unaccent() alone is not immutable, as its dictionary could be exchanged. upper() comes first and lower() last because
# neither alone unites all forms of a letter (ς and Σ, ſ and S): what is equal to `icontains` has to be equal here.
FOLD = """
CREATE FUNCTION customers_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(public.unaccent('public.unaccent'::regdictionary, upper(value)))
"""
# Each field is preceded by a space, so that a term preceded by a space finds the beginnings of words.
SEARCH_TEXT = """
CREATE FUNCTION customers_search_text(first_name text, last_name text, email text, phone text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN customers_fold(' ' || first_name || ' ' || last_name || ' ' || email || ' ' || phone)
    || ' ' || regexp_replace(phone, '[^0-9]', '', 'g')
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        TrigramExtension(),
        UnaccentExtension(),
        migrations.RunSQL(FOLD, "DROP FUNCTION customers_fold"),
        migrations.RunSQL(SEARCH_TEXT, "DROP FUNCTION customers_search_text"),
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_name", models.CharField(max_length=100, validators=[customers.validators.validate_name])),
                ("last_name", models.CharField(max_length=100, validators=[customers.validators.validate_name])),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail")),
                (
                    "phone",
                    models.CharField(
                        blank=True, default="", max_length=32, validators=[customers.validators.validate_phone]
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("company", models.CharField(blank=True, default="", max_length=200)),
                ("address", models.CharField(blank=True, default="", max_length=200)),
                ("city", models.CharField(blank=True, default="", max_length=100)),
                ("notes", models.TextField(blank=True, default="", max_length=10_000)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "search_text",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Func(
                            "first_name",
                            "last_name",
                            "email",
                            "phone",
                            function="customers_search_text",
                            output_field=models.TextField(),
                        ),
                        output_field=models.TextField(),
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(fields=["-created_at", "-id"], name="customers_newest"),
                    GinIndex(fields=["search_text"], name="customers_search", opclasses=["gin_trgm_ops"]),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        OpClass(Lower("email"), name="text_pattern_ops"),
                        name="customers_email_unique",
                        violation_error_message="A customer with this e-mail address exists already.",
                    ),
                ],
            },
        ),
    ]
