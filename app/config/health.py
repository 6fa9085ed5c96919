"""Two questions: does the process live, and can it do its work?"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from serving import metrics, redis
from serving.context import is_forwarded


def check_primary() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            raise RuntimeError("the server is a replica: it accepts no writes")


def check_replica() -> None:
    with connections["replica"].cursor() as cursor:
        cursor.execute("SELECT 1")


def check_cache() -> None:
    redis.connection().probe()


@dataclass
class Check:
    ask: Callable[[], None]
    indispensable: bool
    asking: "Asking | None" = None

    def begin(self) -> "Asking":
        """While an earlier question is unanswered there is no second one, however often one is asked for the state."""
        asking = self.asking
        if asking is None or not asking.is_alive():
            self.asking = asking = Asking(self.ask)
            asking.start()
        return asking


class Asking(threading.Thread):
    """A question in a thread of its own: a database can keep one waiting for longer than a probe has time."""

    def __init__(self, ask: Callable[[], None]):
        super().__init__(daemon=True)
        self.ask = ask
        self.result: str | None = None

    def run(self) -> None:
        try:
            self.ask()
            self.result = "ok"
        except Exception as error:
            lines = str(error).strip().splitlines() or ["no reason given"]
            self.result = f"{type(error).__name__}: {lines[0]}"
        finally:
            connections.close_all()

    def outcome(self, patience: float) -> str:
        self.join(patience)
        return self.result or f"no answer within {settings.READINESS_SECONDS:g} s"


# Only the primary is indispensable: reads can go there too, and a cache may be lost at any time.
CHECKS = {
    "primary": Check(check_primary, indispensable=True),
    "replica": Check(check_replica, indispensable=False),
    "cache": Check(check_cache, indispensable=False),
}


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "alive"} | ({} if is_forwarded(request) else {"release": settings.RELEASE_ID}))


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served, even if slower ("degraded"); 503 when they can't. Names what fails and why, but
    for visitors, who come through a load balancer: errors tell of hosts and versions."""
    asked = {name: check.begin() for name, check in CHECKS.items()}
    deadline = time.monotonic() + settings.READINESS_SECONDS
    checks = {name: asking.outcome(max(0, deadline - time.monotonic())) for name, asking in asked.items()}
    failed = {name for name, result in checks.items() if result != "ok"}
    unavailable = any(CHECKS[name].indispensable for name in failed)
    status = "unavailable" if unavailable else "degraded" if failed else "ready"
    code = 503 if unavailable else 200
    if is_forwarded(request):
        return JsonResponse({"status": "unavailable" if unavailable else "ready"}, status=code)
    return JsonResponse({"status": status, "release": settings.RELEASE_ID, "checks": checks}, status=code)


class HealthMiddleware:
    """Answers before anything else looks at the request: probes come by address, and from where TLS may not reach."""

    views = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics.view}

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.views.get(request.path, self.get_response)(request)
