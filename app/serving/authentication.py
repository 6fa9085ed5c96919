"""Who asks: known for a few seconds, and for longer while Redis knows of no write to the tables that say it."""

import copy
import threading
import time
from dataclasses import dataclass, replace

from cachetools import LRUCache
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Model
from redis.exceptions import RedisError
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from serving import changes, routing
from serving.queries import fetch_prepared

_known: LRUCache = LRUCache(10_000)
_lock = threading.Lock()


@dataclass(frozen=True)
class Known:
    """Who a token belongs to, by the database, and the versions of its tables from before it was asked."""

    user: AbstractBaseUser
    token: Model
    versions: list[str] | None
    asked: float  # the database
    confirmed: float  # by the versions

    @property
    def until(self) -> float:
        longest = max(settings.TOKEN_SECONDS, settings.ANSWER_SECONDS)
        return min(self.confirmed + settings.TOKEN_SECONDS, self.asked + longest)


class CachedTokenAuthentication(TokenAuthentication):
    """A token that is revoked, or whose user is, stops within settings.TOKEN_SECONDS; within settings.ANSWER_SECONDS
    where Redis did not hear of it."""

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
        """What is known, as long as nobody has written to the tables since; else what the database says."""
        tables = [model._meta.db_table for model in (self.get_model(), get_user_model())]
        versions = versions_of(tables)
        if known and versions and known.versions == versions and now < known.asked + settings.ANSWER_SECONDS:
            return replace(known, confirmed=now)
        # Forgotten, or what is refused now could be confirmed later: these versions may become the present ones again.
        with _lock:
            _known.pop(key, None)
        user = routing.read(lambda: self.owner(key), tables=tables)
        if user is None:
            raise AuthenticationFailed("Invalid token.")
        if not user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        return Known(user, self.get_model()(key=key, user=user), versions, asked=now, confirmed=now)

    def owner(self, key: str) -> AbstractBaseUser | None:
        """Whose token it is. The ORM would take several times as long to ask."""
        model = get_user_model()
        token, user = self.get_model()._meta, model._meta
        columns = ", ".join(f'owner."{field.column}"' for field in user.concrete_fields)
        statement = (
            f'SELECT {columns} FROM "{token.db_table}" token JOIN "{user.db_table}" owner '
            f'ON owner."{user.pk.column}" = token.user_id WHERE token.key = %(key)s'
        )
        for row in fetch_prepared(statement, {"key": key}):
            names = [field.attname for field in user.concrete_fields]
            return model.from_db(routing.database_to_read(), names, row)
        return None


def versions_of(tables: list[str]) -> list[str] | None:
    """None where Redis can't say."""
    try:
        return changes.versions(tables) if changes.catch_up() else None
    except (RedisError, OSError):
        return None


def forget() -> None:
    with _lock:
        _known.clear()
