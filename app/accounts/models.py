from django.db import models
from knox.models import AbstractAuthToken


class Token(AbstractAuthToken):
    """A bearer token of the API. Only its digest is stored; a user may have several, each with a name."""

    name = models.CharField(max_length=100, help_text="What the token is for, such as the name of a program.")
    last_used_on = models.DateField(null=True, editable=False, help_text="The day of the latest use, in UTC.")

    class Meta:
        ordering = ["user_id", "created"]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key})"
