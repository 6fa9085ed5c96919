"""What django-axes needs to lock an account for an address after repeated failed logins: the address, the answer."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

DETAIL = "Too many failed logins. Try again later."


def client_address(request: HttpRequest) -> str | None:
    """The client's address as the load balancer states it; it replaces the header that a client may have sent."""
    return request.META.get("HTTP_X_FORWARDED_FOR") or request.META.get("REMOTE_ADDR")


def refused(request: HttpRequest, response: HttpResponse, credentials: dict | None) -> HttpResponse:
    """429 with Retry-After: JSON below /api/, text for a browser."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    headers = {"Retry-After": str(seconds)}
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": DETAIL}, status=429, headers=headers)
    return HttpResponse(DETAIL, status=429, headers=headers, content_type="text/plain; charset=utf-8")
