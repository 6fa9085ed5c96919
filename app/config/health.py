"""Two questions: does the process live, and can it do its work?"""

from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_redis import get_redis_connection


def check_primary() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            raise RuntimeError("the server is a replica: it accepts no writes")


def check_replica() -> None:
    with connections["replica"].cursor() as cursor:
        cursor.execute("SELECT 1")


def check_cache() -> None:
    # Not through the cache's own interface, which hides failures.
    get_redis_connection("default").get(cache.make_key("readyz"))


# Only the primary is indispensable: reads can go there too, and a cache may be lost at any time.
CHECKS: dict[str, tuple[Callable[[], None], bool]] = {
    "primary": (check_primary, True),
    "replica": (check_replica, False),
    "cache": (check_cache, False),
}


def outcome(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:
        lines = str(error).strip().splitlines() or ["no reason given"]
        return f"{type(error).__name__}: {lines[0]}"
    return "ok"


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "alive", "release": settings.RELEASE_ID})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served, even if slower ("degraded"); 503 when they can't. Names what fails and why."""
    checks = {name: outcome(check) for name, (check, _) in CHECKS.items()}
    failed = {name for name, result in checks.items() if result != "ok"}
    unavailable = any(CHECKS[name][1] for name in failed)
    status = "unavailable" if unavailable else "degraded" if failed else "ready"
    answer = {"status": status, "release": settings.RELEASE_ID, "checks": checks}
    return JsonResponse(answer, status=503 if unavailable else 200)


class HealthMiddleware:
    """Answers before anything else looks at the request: probes come by address, and from where TLS may not reach."""

    views = {"/healthz": healthz, "/readyz": readyz}

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.views.get(request.path, self.get_response)(request)
