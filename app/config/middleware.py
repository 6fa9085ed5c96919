import logging
from functools import partial

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.middleware import common

logger = logging.getLogger(__name__)


def is_unavailable(error: BaseException | None) -> bool:
    """Whether it passes: no connection, none free, or a server that is being replaced and takes no writes any more."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, DatabaseError) and isinstance(error.__cause__, psycopg.errors.ReadOnlySqlTransaction)


def unavailable() -> HttpResponse:
    detail = {"detail": "The database is not available at the moment. Please try again."}
    return JsonResponse(detail, status=503, headers={"Retry-After": "2"})


class PrivateByDefaultMiddleware:
    """What does not say who may keep it, nobody may."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "private, no-store")
        return response


class CommonMiddleware(common.CommonMiddleware):
    """Adds a missing trailing slash with 308, which keeps method and body: after 301 clients would send GET."""

    response_redirect_class = staticmethod(partial(HttpResponsePermanentRedirect, preserve_request=True))


class DatabaseUnavailableMiddleware:
    """Says "try again" while the database can't be reached (a failover, an exhausted pool), instead of failing."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_unavailable(exception):
            return None
        logger.error("database unavailable: %s %s: %s", request.method, request.path, exception)
        return unavailable()
