from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Collate, Lower, Reverse
from django.db.models.lookups import IsNull
from django.utils import timezone

from customers.validators import TidyLengthValidator, validate_name, validate_phone


class Fold(Func):
    """Without case and accents."""

    function = "customers_fold"
    output_field = models.TextField()


class Letters(Func):
    """As the index of trigrams has it; see search.py."""

    function = "customers_letters"
    output_field = models.TextField()


class Written(Func):
    """The name with its marks where it has some that folding drops, else NULL."""

    function = "customers_written"
    output_field = models.TextField()


class Digits(Func):
    function = "regexp_replace"
    template = "%(function)s(%(expressions)s, '[^0-9]', '', 'g')"
    output_field = models.TextField()


def line(length: int, *validators, **options) -> models.CharField:
    """One line of text, stored tidy."""
    return models.CharField(max_length=length, validators=[*validators, TidyLengthValidator(length)], **options)


FOLDED_FIRST = Collate(Fold("first_name"), "C")
FOLDED_LAST = Collate(Fold("last_name"), "C")


class Customer(models.Model):
    first_name = line(100, validate_name)
    last_name = line(100, validate_name)
    email = models.EmailField("e-mail", max_length=254)
    phone = line(32, validate_phone, blank=True, default="")
    is_active = models.BooleanField("active", default=True)
    company = line(200, blank=True, default="")
    address = line(200, blank=True, default="")
    city = line(100, blank=True, default="")
    notes = models.TextField(max_length=10_000, blank=True, default="")
    # Not auto_now: bulk inserts and imports may state when a row came to be.
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    # The database fills it, so it can't be stale; see search.py.
    search_text = models.GeneratedField(
        expression=models.Func(
            "first_name",
            "last_name",
            "email",
            "phone",
            function="customers_search_text",
            output_field=models.TextField(),
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="customers_newest"),
            # One for each tier of a search that has its own order, and one for the rest.
            models.Index(FOLDED_LAST, FOLDED_FIRST, F("id"), name="customers_last_name"),
            models.Index(FOLDED_FIRST, FOLDED_LAST, F("id"), name="customers_first_name"),
            models.Index(Collate(Digits("phone"), "C"), F("id"), name="customers_phone"),
            models.Index(Collate(Reverse(Digits("phone")), "C"), F("id"), name="customers_phone_end"),
            GinIndex(OpClass(Letters("search_text"), name="gin_trgm_ops"), name="customers_trigrams"),
            GinIndex(
                OpClass(Letters(Written("first_name", "last_name")), name="gin_trgm_ops"),
                condition=Q(IsNull(Written("first_name", "last_name"), False)),
                name="customers_written",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                OpClass(Lower("email"), name="text_pattern_ops"),
                name="customers_email_unique",
                violation_error_message="A customer with this e-mail address exists already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"
