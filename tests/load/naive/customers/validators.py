"""As the analysis describes them: compiled with each call, and for ASCII names alone."""

import re

from django.core.exceptions import ValidationError


def validate_no_markup(value: str) -> None:
    dangerous_patterns = re.compile(
        r"<script|<iframe|<object|<embed|javascript:|data:|on\w+="
        r"|<\s*\/?s*(script|iframe|object|embed|svg|img)",
        re.IGNORECASE,
    )
    if dangerous_patterns.search(value):
        raise ValidationError("This contains invalid characters.")


def validate_name(value: str) -> None:
    validate_no_markup(value)
    name_pattern = re.compile(r"^[a-zA-Z\s\-\'\.]+$")
    if not name_pattern.match(value):
        raise ValidationError("The name's format is invalid.")


def validate_phone(value: str) -> None:
    phone_pattern = re.compile(r"^[0-9+() ./-]*$")
    if not phone_pattern.match(value):
        raise ValidationError("The phone number's format is invalid.")
