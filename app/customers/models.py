from datetime import UTC, datetime

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Collate, Lower, Reverse
from django.db.models.lookups import IsNull
from django.utils import timezone

from customers.fields import LineField
from customers.validators import tidy_phone, validate_name, validate_phone, validate_visible


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


FOLDED_FIRST = Collate(Fold("first_name"), "C")
FOLDED_LAST = Collate(Fold("last_name"), "C")


EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)


class Customer(models.Model):
    first_name = LineField(max_length=100, validators=[validate_name])
    last_name = LineField(max_length=100, validators=[validate_name])
    email = models.EmailField("e-mail", max_length=254, validators=[validate_visible])
    phone = LineField(max_length=32, validators=[validate_phone], tidy=tidy_phone, blank=True, default="")
    is_active = models.BooleanField("active", default=True)
    company = LineField(max_length=200, blank=True, default="")
    address = LineField(max_length=200, blank=True, default="")
    city = LineField(max_length=100, blank=True, default="")
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
            # Python has no time outside of these years, in any time zone, and cursors have no other ids: such a row
            # could not be read.
            models.CheckConstraint(
                condition=Q(created_at__gte=EARLIEST, created_at__lt=LATEST), name="customers_created_at_readable"
            ),
            models.CheckConstraint(
                condition=Q(updated_at__gte=EARLIEST, updated_at__lt=LATEST), name="customers_updated_at_readable"
            ),
            models.CheckConstraint(condition=Q(id__gte=1), name="customers_id_readable"),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"
