import csv
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from customers import csv_files
from customers.csv_files import FileError, Line, Reader
from customers.services import email_keys, import_customers

BATCH = 1000
DIFFERS = "email: A customer with this address exists with other data; --update writes over it."


class Command(BaseCommand):
    help = (
        "Reads customers from CSV with a header. Those that exist, by their e-mail address, are left as they are. "
        "What can't be taken is named with line and reason on standard error, and goes to standard output as it was "
        "written, to be mended and imported again. An import that broke off is finished by running it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="what to read; - for standard input")
        parser.add_argument(
            "--update",
            action="store_true",
            help="write over customers that exist; an empty cell clears a text, and keeps is_active and created_at",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="write nothing, say what would happen; keeps all changes in memory",
        )

    def handle(self, *, file: str, update: bool, dry_run: bool, **options) -> None:
        self.update = update
        self.planned = {} if dry_run else None
        self.counts = Counter()
        self.rejects = None
        try:
            with opened(file) as lines:
                reader = Reader(lines)
                self.header = reader.header
                for batch in batches(iter(tqdm(reader, total=count(file), unit=" lines", disable=None))):
                    self.take(batch)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        except FileError as error:
            raise CommandError(f"{error}\n{self.summary()}") from error
        if self.counts["rejected"]:
            raise CommandError(self.summary())
        self.stderr.write(self.summary(), style_func=str)

    def take(self, batch: list[Line]) -> None:
        good = [line for line in batch if not line.faults]
        rows = [line.fields for line in good]
        outcomes = import_customers(rows=rows, update=self.update, planned=self.planned)
        self.counts.update(outcome for outcome in outcomes if outcome != "differs")
        refused = {line.number for line, outcome in zip(good, outcomes, strict=True) if outcome == "differs"}
        for line in batch:
            if line.faults or line.number in refused:
                self.reject(line)

    def reject(self, line: Line) -> None:
        if self.rejects is None:
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
            self.rejects = csv.writer(sys.stdout)
            self.rejects.writerow(self.header)
        self.rejects.writerow(line.values)
        self.counts["rejected"] += 1
        self.stderr.write(f"line {line.number}: {'; '.join(line.faults or [DIFFERS])}", style_func=str)

    def summary(self) -> str:
        counts = ", ".join(f"{self.counts[what]} {what}" for what in ("created", "updated", "unchanged", "rejected"))
        return counts if self.planned is None else f"dry run, nothing written: {counts}"


@contextmanager
def opened(file: str) -> Iterator[TextIO]:
    if file == "-":
        sys.stdin.reconfigure(**csv_files.ENCODING)
        yield sys.stdin
        return
    with Path(file).open(**csv_files.ENCODING) as lines:
        yield lines


def count(file: str) -> int | None:
    """How many lines there are, one too many for the header; of what comes through a pipe nobody knows."""
    if file == "-":
        return None
    with Path(file).open("rb") as lines:
        return sum(1 for _ in lines)


def batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """An address that comes again begins a new batch: it is then one that exists."""
    while chunk := list(islice(lines, BATCH)):
        keys = email_keys([line.fields.get("email", "") for line in chunk])
        batch, addresses = [], set()
        for line, key in zip(chunk, keys, strict=True):
            if key and key in addresses:
                yield batch
                batch, addresses = [], set()
            batch.append(line)
            addresses.add(key)
        yield batch
