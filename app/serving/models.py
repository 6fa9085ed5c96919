from django.conf import settings
from django.db import models


class IdempotentRequest(models.Model):
    """What a request with an Idempotency-Key was answered; written in the same transaction as what it did."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="serving_idempotent_key"),
        ]


class Timeline(models.Model):
    """Of the WAL, the latest that anything was written in; one row. See serving.changes."""

    number = models.PositiveIntegerField()
