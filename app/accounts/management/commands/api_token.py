import sys
from datetime import timedelta
from getpass import getpass

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, connection
from django.utils import timezone
from knox.crypto import hash_token
from knox.settings import CONSTANTS

from accounts.models import Token

MIN_LENGTH = 40
# Tokens in clear of releases before 2026-12; see migrations/0001_initial.py.
PLAINTEXT_TABLE = "authtoken_token"


class Command(BaseCommand):
    help = "Creates, lists and revokes tokens of the API. Only a token's digest is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)

        create = actions.add_parser("create", help="print a new token")
        ensure = actions.add_parser("ensure", help="make sure that the token on standard input is the user's")
        for action in (create, ensure):
            action.add_argument("username")
            action.add_argument("--name", required=True, help="what the token is for")
        create.add_argument("--days", type=int, help="how long the token is valid; without it, until it is revoked")

        listing = actions.add_parser("list", help="list tokens: key, user, name, created, expiry, last use")
        listing.add_argument("username", nargs="?", help="only this user's")

        revoke = actions.add_parser("revoke", help="delete tokens; they stop within seconds")
        revoke.add_argument("key", nargs="+", help="a token's key as `list` shows it: its first 15 characters")

        actions.add_parser("drop_plaintext", help=f"drop {PLAINTEXT_TABLE}, once no older release runs any more")

    def handle(self, *, action: str, **options) -> None:
        actions = {
            "create": self.create,
            "ensure": self.ensure,
            "list": self.show,
            "revoke": self.revoke,
            "drop_plaintext": self.drop_plaintext,
        }
        actions[action](**options)

    def create(self, *, username: str, name: str, days: int | None, **options) -> None:
        _, token = Token.objects.create(user_named(username), expiry=lifetime(days), name=name)
        self.stdout.write(token)

    def ensure(self, *, username: str, name: str, **options) -> None:
        user, token = user_named(username), read_token()
        values = {"token_key": token[: CONSTANTS.TOKEN_KEY_LENGTH], "user": user, "name": name}
        kept, created = Token._base_manager.get_or_create(digest=hash_token(token), defaults=values)
        if kept.user != user:
            raise CommandError(f"This token belongs to {kept.user}: revoke it first, or choose another token.")
        if kept.expiry and kept.expiry <= timezone.now():
            raise CommandError("This token has expired: revoke it first, or choose another token.")
        self.stdout.write(f"{name}: {'created' if created else 'unchanged'}")

    def show(self, *, username: str | None, **options) -> None:
        tokens = Token.objects.select_related("user")
        if username:
            tokens = tokens.filter(user=user_named(username))
        for token in tokens:
            expiry = f"{token.expiry:%Y-%m-%d}" if token.expiry else "no expiry"
            used = token.last_used_on or "never used"
            fields = (token.token_key, token.user, token.name, f"{token.created:%Y-%m-%d}", expiry, used)
            self.stdout.write("\t".join(map(str, fields)))
        if PLAINTEXT_TABLE in connection.introspection.table_names():
            self.stderr.write(f"{PLAINTEXT_TABLE} still holds tokens in clear: run `--owner api_token drop_plaintext`.")

    def revoke(self, *, key: list[str], **options) -> None:
        known = set(Token.objects.filter(token_key__in=key).values_list("token_key", flat=True))
        if unknown := sorted(set(key) - known):
            raise CommandError(f"No token has the key {', '.join(unknown)}: see `api_token list`.")
        count, _ = Token.objects.filter(token_key__in=key).delete()
        self.stdout.write(f"revoked: {count}")

    def drop_plaintext(self, **options) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE IF EXISTS {PLAINTEXT_TABLE}")
                cursor.execute("DROP FUNCTION IF EXISTS accounts_copy_token")
        except ProgrammingError as error:
            raise CommandError(
                "Only the owner of the schema may drop it: type `--owner` before `api_token`."
            ) from error
        self.stdout.write(f"{PLAINTEXT_TABLE}: dropped")


def user_named(username: str):
    users = get_user_model()
    try:
        return users.objects.get_by_natural_key(username)
    except users.DoesNotExist:
        raise CommandError(f"There is no user named {username}.") from None


def lifetime(days: int | None) -> timedelta | None:
    if days is not None and not 0 < days <= 36_500:
        raise CommandError(f"--days is {days}: it must be from 1 to 36500.")
    return None if days is None else timedelta(days=days)


def read_token() -> str:
    """Never an argument: arguments are in the process list."""
    token = getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    if len(token) < MIN_LENGTH or not token.isalnum() or not token.isascii():
        raise CommandError(f"A token must be {MIN_LENGTH} or more letters and digits: try `openssl rand -hex 32`.")
    return token
