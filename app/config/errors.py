from django.core.exceptions import ObjectDoesNotExist, ValidationError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import exception_handler


def handler(error: Exception, context: dict) -> Response | None:
    """Services and selectors know Django's exceptions only; this gives them their place in HTTP."""
    if isinstance(error, ValidationError):
        error = exceptions.ValidationError(as_serializer_error(error))
    elif isinstance(error, ObjectDoesNotExist):
        error = exceptions.NotFound()
    return exception_handler(error, context)
