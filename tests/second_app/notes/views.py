"""Notes, one by one."""

from django.conf import settings
from django.db import DatabaseError
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from notes.models import Note


@require_safe
def healthz(request):
    """The process lives."""
    return JsonResponse({"status": "alive", "release": settings.RELEASE_ID})


@require_safe
def readyz(request):
    """The process can do its work, or says why not."""
    try:
        Note.objects.exists()
    except DatabaseError as error:
        return JsonResponse({"checks": {"database": str(error)}}, status=503)
    return JsonResponse({"checks": {"database": "ok"}})


@csrf_exempt
@require_http_methods(["GET", "POST"])
def notes(request):
    """All of them, or one more."""
    if request.method == "POST":
        note = Note.objects.create(text=request.POST["text"])
        return JsonResponse({"id": note.pk}, status=201)
    return JsonResponse({"release": settings.RELEASE_ID, "notes": list(Note.objects.values_list("text", flat=True))})
