"""What is known of the request that is being served, wherever one looks from."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter

from django.http import HttpRequest


@dataclass(eq=False)
class Serving:
    request: HttpRequest
    request_id: str
    started: float = field(default_factory=perf_counter)
    queries: int = 0
    query_seconds: float = 0.0
    databases: set[str] = field(default_factory=set)

    @property
    def user_id(self) -> int | None:
        """None for strangers, and as long as nobody has asked who it is: that may cost a query."""
        user = self.request.__dict__.get("user")
        if user is None or getattr(user, "_wrapped", user) is None:
            return None
        return user.pk


def is_forwarded(request: HttpRequest) -> bool:
    """Whether a load balancer passed the request on for a visitor, rather than asking by itself as hosts do."""
    return "X-Forwarded-For" in request.headers


current: ContextVar[Serving | None] = ContextVar("serving", default=None)
