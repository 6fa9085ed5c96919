from django.db import migrations, models

import customers.validators


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0002_tiered_search"),
    ]

    operations = [
        migrations.AlterField(
            model_name="customer",
            name="address",
            field=models.CharField(
                blank=True,
                default="",
                max_length=200,
                validators=[customers.validators.TidyLengthValidator(200)],
            ),
        ),
        migrations.AlterField(
            model_name="customer",
            name="city",
            field=models.CharField(
                blank=True,
                default="",
                max_length=100,
                validators=[customers.validators.TidyLengthValidator(100)],
            ),
        ),
        migrations.AlterField(
            model_name="customer",
            name="company",
            field=models.CharField(
                blank=True,
                default="",
                max_length=200,
                validators=[customers.validators.TidyLengthValidator(200)],
            ),
        ),
        migrations.AlterField(
            model_name="customer",
            name="first_name",
            field=models.CharField(
                max_length=100,
                validators=[
                    customers.validators.validate_name,
                    customers.validators.TidyLengthValidator(100),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="customer",
            name="last_name",
            field=models.CharField(
                max_length=100,
                validators=[
                    customers.validators.validate_name,
                    customers.validators.TidyLengthValidator(100),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="customer",
            name="phone",
            field=models.CharField(
                blank=True,
                default="",
                max_length=32,
                validators=[
                    customers.validators.validate_phone,
                    customers.validators.TidyLengthValidator(32),
                ],
            ),
        ),
    ]
