from datetime import datetime

from django.conf import settings
from django.utils import timezone
from knox.settings import knox_settings
from rest_framework import serializers
from rest_framework.authtoken.serializers import AuthTokenSerializer

from accounts.models import Token
from config.strict import StrictFieldsMixin


def default_expiry() -> datetime | None:
    lifetime = knox_settings.TOKEN_TTL
    return timezone.now() + lifetime if lifetime else None


class TokenRequestSerializer(StrictFieldsMixin, AuthTokenSerializer):
    """A user's name and password, and what the token shall be."""

    username = serializers.CharField(max_length=150, write_only=True)
    password = serializers.CharField(
        max_length=1000, trim_whitespace=False, write_only=True, style={"input_type": "password"}
    )
    token = None
    name = serializers.CharField(
        max_length=Token._meta.get_field("name").max_length,
        default="password login",
        help_text="What the token is for.",
    )
    expiry = serializers.DateTimeField(
        allow_null=True,
        default=default_expiry,
        help_text=f"When the token ends; null for never. Default: {settings.API_TOKEN_DAYS} days from now.",
    )

    def validate_expiry(self, value: datetime | None) -> datetime | None:
        if value and value <= timezone.now():
            raise serializers.ValidationError("This time has passed: name a later one, or null.")
        return value


class TokenSerializer(serializers.Serializer):
    """The one answer that has the token itself."""

    token = serializers.CharField()
    name = serializers.CharField()
    expiry = serializers.DateTimeField(allow_null=True)
