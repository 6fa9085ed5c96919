from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

from customers.validators import validate_name, validate_no_markup, validate_phone


class Person(models.Model):
    """The columns of a customer."""

    first_name = models.CharField(max_length=100, validators=[validate_name])
    last_name = models.CharField(max_length=100, validators=[validate_name])
    email = models.EmailField(max_length=254, unique=True, validators=[validate_no_markup])
    phone = models.CharField(max_length=32, blank=True, default="", validators=[validate_phone])
    is_active = models.BooleanField(default=True)
    company = models.CharField(max_length=200, blank=True, default="", validators=[validate_no_markup])
    address = models.CharField(max_length=200, blank=True, default="", validators=[validate_no_markup])
    city = models.CharField(max_length=100, blank=True, default="", validators=[validate_no_markup])
    notes = models.TextField(blank=True, default="", validators=[validate_no_markup])
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        ordering = ["-created_at"]


class Customer(Person):
    """The table of the slow app."""


class Indexed(Person):
    """The same rows, with an index for searches: the analysis' own, of words, and one of trigrams, which finds what
    `icontains` finds."""

    search_vector = models.GeneratedField(
        expression=SearchVector("first_name", "last_name", "email", "phone", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    everything = models.GeneratedField(
        expression=models.Func(
            "first_name",
            "last_name",
            "email",
            "phone",
            template="(%(expressions)s)",
            arg_joiner=" || E'\\n' || ",
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta(Person.Meta):
        indexes = [
            GinIndex(fields=["search_vector"], name="indexed_words"),
            GinIndex(OpClass(Upper("everything"), name="gin_trgm_ops"), name="indexed_trigrams"),
            models.Index(fields=["-created_at", "-id"], name="indexed_newest"),
        ]
