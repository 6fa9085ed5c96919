import django.utils.timezone
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import TrigramExtension
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import migrations, models
from django.db.models.functions import Upper

from customers.validators import validate_name, validate_no_markup, validate_phone


def columns() -> list:
    def line(length: int, *validators, **options) -> models.CharField:
        return models.CharField(max_length=length, validators=[*validators], **options)

    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("first_name", line(100, validate_name)),
        ("last_name", line(100, validate_name)),
        ("email", models.EmailField(max_length=254, unique=True, validators=[validate_no_markup])),
        ("phone", line(32, validate_phone, blank=True, default="")),
        ("is_active", models.BooleanField(default=True)),
        ("company", line(200, validate_no_markup, blank=True, default="")),
        ("address", line(200, validate_no_markup, blank=True, default="")),
        ("city", line(100, validate_no_markup, blank=True, default="")),
        ("notes", models.TextField(blank=True, default="", validators=[validate_no_markup])),
        ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
        ("updated_at", models.DateTimeField(auto_now=True)),
    ]


WORDS = SearchVector("first_name", "last_name", "email", "phone", config="simple")
EVERYTHING = models.Func(
    "first_name", "last_name", "email", "phone", template="(%(expressions)s)", arg_joiner=" || E'\\n' || "
)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        TrigramExtension(),
        migrations.CreateModel(
            name="Customer",
            fields=columns(),
            options={"ordering": ["-created_at"], "abstract": False},
        ),
        migrations.CreateModel(
            name="Indexed",
            fields=[
                *columns(),
                (
                    "search_vector",
                    models.GeneratedField(db_persist=True, expression=WORDS, output_field=SearchVectorField()),
                ),
                (
                    "everything",
                    models.GeneratedField(db_persist=True, expression=EVERYTHING, output_field=models.TextField()),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "abstract": False,
                "indexes": [
                    GinIndex(fields=["search_vector"], name="indexed_words"),
                    GinIndex(OpClass(Upper("everything"), name="gin_trgm_ops"), name="indexed_trigrams"),
                    models.Index(fields=["-created_at", "-id"], name="indexed_newest"),
                ],
            },
        ),
    ]
