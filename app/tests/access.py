"""Who the tests' requests come from."""

from django.contrib.auth.models import Permission, User

from accounts.models import Token


def permitted(user: User, *codenames: str) -> User:
    """With all permissions for customers, or those that are named."""
    permissions = Permission.objects.filter(content_type__app_label="customers")
    user.user_permissions.set(permissions.filter(codename__in=codenames) if codenames else permissions)
    return user


def token_of(user: User, **options) -> str:
    """A new token."""
    return Token.objects.create(user, **{"name": "tests", "expiry": None} | options)[1]


def header(user: User) -> str:
    """Of a request with a new token."""
    return f"Token {token_of(user)}"
