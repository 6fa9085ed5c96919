import csv
import os
import sys
from pathlib import Path
from typing import TextIO

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from customers import csv_files
from customers.selectors import Selection, customer_count, customers_by_id


class Command(BaseCommand):
    help = "Writes all customers as CSV, which import_customers reads."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", default="-", help="where to; standard output by default")

    def handle(self, *, file: str, **options) -> None:
        if file == "-":
            self.write_to_stdout()
            return
        # Whole, or not there.
        part = Path(f"{file}.part")
        with part.open("w", encoding="utf-8", newline="") as out:
            self.write(out)
        part.replace(file)

    def write_to_stdout(self) -> None:
        sys.stdout.reconfigure(encoding="utf-8", newline="")
        try:
            self.write(sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever reads, as `head` does, has enough. What is left in the buffer has to go somewhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def write(self, out: TextIO) -> None:
        writer = csv.writer(out)
        writer.writerow(csv_files.COLUMNS)
        total = customer_count(selection=Selection(), kind="estimated")["value"]
        rows = customers_by_id(fields=csv_files.COLUMNS)
        for values in tqdm(rows, total=total, unit=" customers", disable=None):
            writer.writerow(csv_files.written(values))
