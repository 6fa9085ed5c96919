"""What services and selectors report besides Django's own exceptions."""

from django.db import OperationalError


class TooSlowError(OperationalError):
    """The database stopped a statement that took longer than statement_timeout allows."""


class ChangedMeanwhileError(Exception):
    """Somebody else changed the customer since it was read."""
