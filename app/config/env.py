"""Reads the environment. What is missing or malformed is refused with the name of its variable."""

import os

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """The value of a variable, or the default where it is absent or empty. Without a default it is required."""
    value = os.environ.get(name) or default
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set: the environment must name it.")
    return value


def integer(name: str, default: int) -> int:
    value = text(name, str(default))
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def number(name: str, default: float) -> float:
    value = text(name, str(default))
    try:
        return float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {value!r}.") from None


def flag(name: str) -> bool:
    value = text(name, "0")
    if value not in ("0", "1"):
        raise ImproperlyConfigured(f"{name} must be 0 or 1, not {value!r}.")
    return value == "1"


def words(name: str, default: str | None = "") -> list[str]:
    """A comma-separated list. Without a default it must name something."""
    found = [word.strip() for word in text(name, default).split(",") if word.strip()]
    if default is None and not found:
        raise ImproperlyConfigured(f"{name} names nothing.")
    return found
