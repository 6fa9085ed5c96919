"""Makes a request that creates something safe to repeat: with the same Idempotency-Key it is done once, and answered
the same each time. The answer is written in the transaction of what was done: there is never one without the other."""

import functools
import hashlib
import re
from collections.abc import Callable
from datetime import timedelta

from django.db import connections, transaction
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from serving.changes import PRIMARY
from serving.models import IdempotentRequest

LIFETIME = timedelta(hours=24)  # afterwards `manage.py purge_expired` deletes it
KEY = re.compile(r"[!-~]{1,255}")

HEADERS = [
    OpenApiParameter(
        "Idempotency-Key",
        str,
        OpenApiParameter.HEADER,
        pattern=f"^{KEY.pattern}$",
        description="Any text of your choice: a request that is repeated with it is done once, for 24 hours.",
    ),
    OpenApiParameter(
        "Idempotency-Replayed",
        str,
        OpenApiParameter.HEADER,
        enum=["true"],
        response=[201],
        description="This was answered before.",
    ),
]


class InProgressError(APIException):
    status_code = 409
    default_detail = "A request with this Idempotency-Key is under way."
    wait = 1  # sent as Retry-After


class OtherRequestError(APIException):
    status_code = 422
    default_detail = "This Idempotency-Key belongs to another request."


def idempotent(handle: Callable) -> Callable:
    """For a view's `post`. Without the header nothing changes; what fails may be tried again."""

    @extend_schema(parameters=HEADERS)
    @functools.wraps(handle)
    def once(view: APIView, request: Request, *arguments, **options) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handle(view, request, *arguments, **options)
        if not KEY.fullmatch(key):
            raise ValidationError({"Idempotency-Key": ["1 to 255 visible ASCII characters."]})
        fingerprint = fingerprint_of(request)
        with transaction.atomic(using=PRIMARY):
            lock(request.user.pk, key)
            stored = IdempotentRequest.objects.filter(user=request.user, key=key).first()
            if stored and stored.created_at > timezone.now() - LIFETIME:
                return repeated(stored, fingerprint)
            response = view.finalize_response(request, handle(view, request, *arguments, **options)).render()
            store(request, key, fingerprint, response)
        return response

    return once


def fingerprint_of(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    digest.update(request.body)
    return digest.hexdigest()


def lock(user_id: int, key: str) -> None:
    """Until the transaction ends; whoever comes meanwhile is not kept waiting."""
    number = int.from_bytes(hashlib.sha256(f"{user_id} {key}".encode()).digest()[:8], "big", signed=True)
    with connections[PRIMARY].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise InProgressError


def repeated(stored: IdempotentRequest, fingerprint: str) -> HttpResponse:
    if stored.fingerprint != fingerprint:
        raise OtherRequestError
    headers = stored.headers | {"Idempotency-Replayed": "true"}
    return HttpResponse(bytes(stored.body), status=stored.status, headers=headers)


def store(request: Request, key: str, fingerprint: str, response: Response) -> None:
    """Replaces the key's own expired row, and touches no other row: it would be locked until this commits."""
    stored = IdempotentRequest(
        user=request.user,
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        headers=dict(response.items()),
        body=response.content,
    )
    IdempotentRequest.objects.bulk_create(
        [stored],
        update_conflicts=True,
        unique_fields=["user", "key"],
        update_fields=["fingerprint", "status", "headers", "body", "created_at"],
    )
