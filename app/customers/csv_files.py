"""Customers as CSV: what a file looks like, and what is wrong with a line that can't be taken."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from customers.models import EARLIEST, LATEST
from customers.serializers import CustomerTextSerializer

COLUMNS = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "is_active",
    "company",
    "address",
    "city",
    "notes",
    "created_at",
)
REQUIRED = frozenset({"first_name", "last_name", "email"})
# Where a cell is empty, a new customer has the default, and one that exists keeps its value. Texts have no default but
# the empty one: they are cleared.
KEPT = frozenset({"is_active", "created_at"})
# A file is read and written as it is: bytes that are no UTF-8 come back as the same bytes.
ENCODING = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}


class FileError(Exception):
    """The file as a whole can't be taken; nothing of what follows has been."""


@dataclass(frozen=True)
class Line:
    """One customer's line, which may span several of the file's. It has fields or faults."""

    number: int
    values: list[str]
    fields: dict
    faults: list[str]


class Reader:
    """The lines of a file whose header names at least the columns that are required."""

    def __init__(self, file: TextIO):
        self._rows = csv.reader(file, strict=True)
        self.header = self._next() or []
        unknown = [name for name in self.header if name not in COLUMNS]
        missing = sorted(REQUIRED - set(self.header))
        if unknown or missing or len(set(self.header)) < len(self.header):
            raise FileError(
                f"The first line is {','.join(self.header)!r}. It must name columns, each once, out of "
                f"{', '.join(COLUMNS)}; {', '.join(sorted(REQUIRED))} are required."
            )

    def __iter__(self) -> Iterator[Line]:
        while True:
            number = self._rows.line_num + 1
            values = self._next()
            if values is None:
                return
            if values:  # an empty line is nobody
                yield self._line(number, values)

    def _next(self) -> list[str] | None:
        number = self._rows.line_num + 1
        try:
            return next(self._rows, None)
        except csv.Error as error:
            raise FileError(f"line {number}: {error}. Is a quote missing there? Nothing after it was read.") from error

    def _line(self, number: int, values: list[str]) -> Line:
        if len(values) != len(self.header):
            faults = [f"{len(values)} values, and the header has {len(self.header)}"]
        elif any("\udc80" <= character <= "\udcff" for character in "".join(values)):
            faults = ["not UTF-8"]
        else:
            return Line(number, values, *validated(dict(zip(self.header, values, strict=True))))
        return Line(number, values, {}, faults)


def validated(texts: dict[str, str]) -> tuple[dict, list[str]]:
    """The fields of a customer and no faults, or the other way round; the API's rules hold."""
    serializer = CustomerTextSerializer(data={name: text for name, text in texts.items() if text or name not in KEPT})
    serializer.is_valid()
    faults = [f"{name}: {' '.join(messages)}" for name, messages in serializer.errors.items()]
    created_at = moment(texts.get("created_at", ""))
    if created_at is None and texts.get("created_at"):
        faults.append(
            "created_at: Write a time of the years 1 to 9999 with its offset, as in 2026-01-31T09:30:00+01:00."
        )
    if faults:
        return {}, faults
    return serializer.validated_data | ({"created_at": created_at} if created_at else {}), []


def moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and timezone.is_aware(found) and EARLIEST <= found < LATEST else None


def written(values: tuple) -> list[str]:
    """A row of the database in the order of COLUMNS, as it is read back."""
    return [value.isoformat() if isinstance(value, datetime) else str(value) for value in values]
