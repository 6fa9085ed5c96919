"""Refuses rows that Python could not read: times outside of its years in some time zone, ids that are no cursor's.

Times out of bounds move to the nearest bound. Rows are checked while others read and write. If it is interrupted,
migrate again.
"""

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models
from django.db.models import CheckConstraint, Q

import customers.validators
from customers.models import EARLIEST, LATEST

CLAMP = """
UPDATE customers_customer SET
    created_at = least(greatest(created_at, '0001-01-02Z'), '9999-12-30Z'),
    updated_at = least(greatest(updated_at, '0001-01-02Z'), '9999-12-30Z')
WHERE NOT (created_at >= '0001-01-02Z' AND created_at < '9999-12-31Z')
    OR NOT (updated_at >= '0001-01-02Z' AND updated_at < '9999-12-31Z')
"""
CONSTRAINTS = [
    CheckConstraint(condition=Q(created_at__gte=EARLIEST, created_at__lt=LATEST), name="customers_created_at_readable"),
    CheckConstraint(condition=Q(updated_at__gte=EARLIEST, updated_at__lt=LATEST), name="customers_updated_at_readable"),
    CheckConstraint(condition=Q(id__gte=1), name="customers_id_readable"),
]
# What an interrupted run has added.
DROP = "ALTER TABLE customers_customer " + ", ".join(f"DROP CONSTRAINT IF EXISTS {each.name}" for each in CONSTRAINTS)


class Migration(migrations.Migration):
    # Rows are checked without the lock that adding a constraint takes.
    atomic = False

    dependencies = [("customers", "0005_groups")]

    operations = [
        migrations.AlterField(
            model_name="customer",
            name="email",
            field=models.EmailField(
                max_length=254, validators=[customers.validators.validate_visible], verbose_name="e-mail"
            ),
        ),
        migrations.RunSQL(DROP, migrations.RunSQL.noop),
        *(AddConstraintNotValid("customer", constraint) for constraint in CONSTRAINTS),
        # New rows are refused by now.
        migrations.RunSQL(CLAMP, migrations.RunSQL.noop),
        *(ValidateConstraint("customer", constraint.name) for constraint in CONSTRAINTS),
    ]
