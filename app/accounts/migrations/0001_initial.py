"""Tokens of which only the digest is stored. Those of Django REST framework are copied and stay valid.

Their table is left to the release before this one, which reads and writes it until the deploy is over:
`customers-manage --owner api_token drop_plaintext` drops it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

COPY = """
DO $$
BEGIN
    IF to_regclass('authtoken_token') IS NOT NULL THEN
        INSERT INTO accounts_token (digest, token_key, created, name, user_id)
        SELECT encode(sha512(convert_to(key, 'UTF8')), 'hex'), left(key, 15), created, 'before 2026-12', user_id
        FROM authtoken_token;
    END IF;
END $$
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Token",
            fields=[
                ("digest", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("token_key", models.CharField(db_index=True, max_length=25)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("expiry", models.DateTimeField(blank=True, null=True)),
                (
                    "name",
                    models.CharField(help_text="What the token is for, such as the name of a program.", max_length=100),
                ),
                (
                    "last_used_on",
                    models.DateField(editable=False, help_text="The day of the latest use, in UTC.", null=True),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="auth_token_set",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["user_id", "created"]},
        ),
        migrations.RunSQL(COPY, migrations.RunSQL.noop),
    ]
