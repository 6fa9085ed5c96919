import sys
from collections.abc import Callable

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import exception_handler

from config.middleware import is_unavailable, unavailable
from config.renderers import JsonRenderer
from customers.exceptions import ChangedMeanwhileError, TooSlowError


class PreconditionFailed(exceptions.APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = "The customer was changed meanwhile. Read it again, then repeat the change."
    default_code = "changed_meanwhile"


class TooSlow(exceptions.APIException):
    # Without Retry-After: the same request would take as long again.
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "This took too long and was stopped. Search for more characters, or use fewer filters."
    default_code = "too_slow"


def handler(error: Exception, context: dict) -> Response | None:
    """Services and selectors know nothing of HTTP; this gives their exceptions a place in it."""
    if isinstance(error, ValidationError):
        error = exceptions.ValidationError(as_serializer_error(error))
    elif isinstance(error, ObjectDoesNotExist):
        error = exceptions.NotFound()
    elif isinstance(error, ChangedMeanwhileError):
        error = PreconditionFailed()
    elif isinstance(error, TooSlowError):
        error = TooSlow()
    # Also where a view has another renderer, as the schema's has.
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = JsonRenderer(), JsonRenderer.media_type
    return exception_handler(error, context)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return elsewhere(request, lambda: defaults.bad_request(request, exception), 400, "Bad request.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return elsewhere(request, lambda: defaults.page_not_found(request, exception), 404, "Not found.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Also for what fails outside of views, as sessions do."""
    if is_unavailable(sys.exc_info()[1]):
        return unavailable()
    return elsewhere(request, lambda: defaults.server_error(request), 500, "Internal server error.")


def elsewhere(request: HttpRequest, page: Callable[[], HttpResponse], status: int, detail: str) -> HttpResponse:
    """What fails before or beside the API's views is answered as they do: programs can't read pages."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": detail}, status=status)
    return page()
