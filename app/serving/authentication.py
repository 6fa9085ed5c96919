"""Who asks: known for a few seconds, and for longer while Redis knows of no write to the tables that say it."""

import copy
import math
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from cachetools import LRUCache
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, InterfaceError, connections
from django.db.models import Model
from knox.crypto import hash_token
from knox.models import get_token_model
from redis.exceptions import RedisError
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from serving import changes, routing
from serving.background import in_background
from serving.queries import fetch_prepared

_known: LRUCache = LRUCache(10_000)
_lock = threading.Lock()


@dataclass(frozen=True)
class Known:
    """The owner of a token by the database, with permissions, and the tables' versions from before the query."""

    user: AbstractBaseUser
    token: Model
    versions: list[str] | None
    asked: float  # the database
    confirmed: float  # by the versions
    ends: float  # the token's expiry

    @property
    def until(self) -> float:
        longest = max(settings.TOKEN_SECONDS, settings.ANSWER_SECONDS)
        return min(self.confirmed + settings.TOKEN_SECONDS, self.asked + longest, self.ends)


class CachedTokenAuthentication(TokenAuthentication):
    """A token that is revoked, a user who is deactivated and a permission that is taken away stop within
    settings.TOKEN_SECONDS; within settings.ANSWER_SECONDS where Redis did not hear of it."""

    def authenticate_credentials(self, key: str) -> tuple:
        # The time counts from before the question, however long its answer takes.
        now = time.monotonic()
        with _lock:
            known = _known.get(key)
        if known is None or known.until <= now:
            known = self.confirmed(key, known, now)
            with _lock:
                _known[key] = known
        # A copy: what a request does to its user is its own.
        return copy.copy(known.user), known.token

    def confirmed(self, key: str, known: Known | None, now: float) -> Known:
        """What is known, as long as the tables have not been written to since; else what the database says."""
        versions = versions_of(tables())
        unchanged = known and versions and known.versions == versions
        if unchanged and now < min(known.asked + settings.ANSWER_SECONDS, known.ends):
            return replace(known, confirmed=now)
        # Forgotten, or what is refused now could be confirmed later: these versions may become the present ones again.
        with _lock:
            _known.pop(key, None)
        digest = hash_token(key)
        found = routing.read(lambda: owner(digest), tables=tables())
        if found is None:
            raise AuthenticationFailed("Invalid token.")
        user, expiry, last_used_on = found
        moment = datetime.now(UTC)
        seconds = (expiry - moment).total_seconds() if expiry else math.inf
        if seconds <= 0:
            raise AuthenticationFailed("The token has expired.")
        if not user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        if last_used_on is None or last_used_on < moment.date():
            # No request waits for a primary that is lost only to note its token's use.
            in_background(lambda: note_use(digest, moment.date()))
        token = get_token_model()(digest=digest, user=user, expiry=expiry)
        return Known(user, token, versions, asked=now, confirmed=now, ends=now + seconds)


def tables() -> list[str]:
    """The tables that say who a token belongs to, and what that user may do."""
    user = get_user_model()
    through = (user.user_permissions.through, user.groups.through, Group.permissions.through)
    return [model._meta.db_table for model in (get_token_model(), user, *through)]


def owner(digest: str) -> tuple[AbstractBaseUser, datetime | None, date | None] | None:
    """A token's user, expiry and last use, in one statement. The ORM would take several, and several times as long."""
    model = get_user_model()
    token, user, user_permissions, user_groups, group_permissions = tables()
    fields = model._meta.concrete_fields
    permissions = f"""
        SELECT content_type.app_label || '.' || permission.codename
        FROM {Permission._meta.db_table} permission
        JOIN {ContentType._meta.db_table} content_type ON content_type.id = permission.content_type_id
        WHERE permission.id IN (
          SELECT permission_id FROM {user_permissions} WHERE user_id = owner.id
          UNION ALL
          SELECT permission_id FROM {user_groups} JOIN {group_permissions} USING (group_id) WHERE user_id = owner.id
        )
    """
    columns = ", ".join(f'owner."{field.column}"' for field in fields)
    statement = f"""
        SELECT token.expiry, token.last_used_on, ARRAY({permissions}) AS permissions, {columns}
        FROM {token} token JOIN {user} owner ON owner."{model._meta.pk.column}" = token.user_id
        WHERE token.digest = %(digest)s
    """
    for expiry, last_used_on, permitted, *values in fetch_prepared(statement, {"digest": digest}):
        found = model.from_db(routing.database_to_read(), [field.attname for field in fields], values)
        # Where Django's ModelBackend keeps them, once it has queried them.
        found._perm_cache = set(permitted)
        return found, expiry, last_used_on
    return None


def note_use(digest: str, day: date) -> None:
    """Once a day and token. A failure is made up for when the token is looked up next."""
    statement = (
        f"UPDATE {get_token_model()._meta.db_table} SET last_used_on = %s "
        "WHERE digest = %s AND last_used_on IS DISTINCT FROM %s"
    )
    connection = connections[changes.PRIMARY]
    try:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            # Past Django's cursors: it changes no answer, and must not make all processes look up their tokens.
            connection.connection.execute(statement, [day, digest, day])
    except (DatabaseError, InterfaceError):
        pass
    finally:
        routing.give_back(changes.PRIMARY)


def versions_of(tables: list[str]) -> list[str] | None:
    """None where Redis can't say."""
    try:
        return changes.versions(tables) if changes.catch_up() else None
    except (RedisError, OSError):
        return None


def forget() -> None:
    with _lock:
        _known.clear()
