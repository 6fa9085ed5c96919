from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from customers.validators import validate_name, validate_phone


class Customer(models.Model):
    first_name = models.CharField(max_length=100, validators=[validate_name])
    last_name = models.CharField(max_length=100, validators=[validate_name])
    email = models.EmailField("e-mail", max_length=254)
    phone = models.CharField(max_length=32, blank=True, default="", validators=[validate_phone])
    is_active = models.BooleanField("active", default=True)
    company = models.CharField(max_length=200, blank=True, default="")
    address = models.CharField(max_length=200, blank=True, default="")
    city = models.CharField(max_length=100, blank=True, default="")
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
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="customers_search"),
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
