"""A line of text that is tidied before it is judged: by the API, by forms, and wherever a model is cleaned."""

from collections.abc import Callable

from django import forms
from django.db import models
from rest_framework import serializers

from customers.validators import tidy


class LineFormField(forms.CharField):
    def __init__(self, *, tidy: Callable[[str], str], **options):
        super().__init__(**options)
        self.tidy = tidy

    def to_python(self, value: object) -> str:
        return self.tidy(super().to_python(value))


class LineSerializerField(serializers.CharField):
    def __init__(self, *, tidy: Callable[[str], str], **options):
        super().__init__(**options)
        self.tidy = tidy

    def to_internal_value(self, data: object) -> str:
        return self.tidy(super().to_internal_value(data))


class LineField(models.CharField):
    """Stored as text, tidied by a function that has to be idempotent."""

    def __init__(self, *arguments, tidy: Callable[[str], str] = tidy, **options):
        super().__init__(*arguments, **options)
        self.tidy = tidy

    def deconstruct(self) -> tuple:
        # To the database, and so to migrations, it is Django's field.
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.CharField", arguments, options

    def to_python(self, value: object) -> str:
        value = super().to_python(value)
        return value if value is None else self.tidy(value)

    def formfield(self, **options) -> forms.Field:
        return super().formfield(**{"form_class": LineFormField, "tidy": self.tidy} | options)
