from django.core.management.base import BaseCommand, CommandParser

from customers.services import create_sample_customers

BATCH = 1000


class Command(BaseCommand):
    help = "Creates sample customers, the same ones in every run. Those that exist are left as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=10_000, help="how many there should be (default: %(default)s)")

    def handle(self, *, count: int, **options) -> None:
        created = 0
        for start in range(0, count, BATCH):
            stop = min(start + BATCH, count)
            created += create_sample_customers(numbers=range(start, stop))
            if self.stderr.isatty():
                self.stderr.write(f"\r{stop:,} of {count:,}", ending="" if stop < count else "\n")
        self.stdout.write(f"{count} sample customers: {f'{created} created' if created else 'unchanged'}")
