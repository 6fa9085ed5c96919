import os
import sys
from getpass import getpass

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction


class Command(BaseCommand):
    help = "Makes sure that an administrator exists with the password in ADMIN_PASSWORD, else on standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--email", default="")

    @transaction.atomic
    def handle(self, *, username: str, email: str, **options) -> None:
        user = User.objects.select_for_update().filter(username=username).first()
        outcome = "unchanged" if user else "created"
        user = user or User(username=username)
        password = read_password()

        wanted = {"is_active": True, "is_staff": True, "is_superuser": True} | ({"email": email} if email else {})
        changes = {name: value for name, value in wanted.items() if getattr(user, name) != value}
        for name, value in changes.items():
            setattr(user, name, value)
        if new_password := not user.check_password(password):
            try:
                validate_password(password, user)
            except ValidationError as error:
                raise CommandError(f"The password is refused: {' '.join(error.messages)}") from error
            user.set_password(password)
        if changes or new_password:
            user.save()
            outcome = outcome if outcome == "created" else "updated"
        self.stdout.write(f"{username}: {outcome}")


def read_password() -> str:
    """Never an argument: arguments are in the process list."""
    password = os.environ.get("ADMIN_PASSWORD", "")
    if not password:
        password = getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not password:
        raise CommandError("No password: set ADMIN_PASSWORD, or write it to standard input.")
    return password
