"""Tokens of which only the digest is stored. Those of Django REST framework are copied and stay valid.

Their table is left to the release before this one, which reads and writes it until the deploy is over, or again after a
rollback: a trigger copies what it adds and deletes there. `customers-manage --owner api_token drop_plaintext` drops
both.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

COPY = """
DO $do$
DECLARE foreign_key name;
BEGIN
    IF to_regclass('authtoken_token') IS NOT NULL THEN
        CREATE FUNCTION accounts_copy_token() RETURNS trigger LANGUAGE plpgsql AS $function$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                DELETE FROM accounts_token WHERE digest = encode(sha512(convert_to(OLD.key, 'UTF8')), 'hex');
            ELSE
                INSERT INTO accounts_token (digest, token_key, created, name, user_id) VALUES (
                    encode(sha512(convert_to(NEW.key, 'UTF8')), 'hex'),
                    left(NEW.key, 15), NEW.created, 'before 2026-12', NEW.user_id
                );
            END IF;
            RETURN NULL;
        END $function$;
        CREATE TRIGGER accounts_copy_token AFTER INSERT OR DELETE ON authtoken_token
            FOR EACH ROW EXECUTE FUNCTION accounts_copy_token();
        INSERT INTO accounts_token (digest, token_key, created, name, user_id)
        SELECT encode(sha512(convert_to(key, 'UTF8')), 'hex'), left(key, 15), created, 'before 2026-12', user_id
        FROM authtoken_token;
        -- Django does not know the table any more, and would not delete its rows with their user.
        FOR foreign_key IN
            SELECT conname FROM pg_constraint WHERE conrelid = 'authtoken_token'::regclass AND contype = 'f'
        LOOP
            EXECUTE format('ALTER TABLE authtoken_token DROP CONSTRAINT %I', foreign_key);
            EXECUTE format(
                'ALTER TABLE authtoken_token ADD CONSTRAINT %I FOREIGN KEY (user_id) REFERENCES auth_user (id) '
                'ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED', foreign_key
            );
        END LOOP;
    END IF;
END $do$
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
