from customers import techniques
from customers.views import CustomerViewSet
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import include, path, re_path
from django.views.static import serve
from rest_framework.routers import SimpleRouter


def ready(request: HttpRequest) -> JsonResponse:
    """What is asked before the app gets its first visitor."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ready"})


def customers(viewset: type[CustomerViewSet]) -> list:
    router = SimpleRouter()
    router.register("customers", viewset, basename="customer")
    return router.urls


urlpatterns = [
    path("readyz", ready),
    path("api/", include(customers(CustomerViewSet))),
    *[path(f"with/{name}/api/", include(customers(viewset))) for name, viewset in techniques.VIEWSETS.items()],
    re_path(r"^files/(?P<path>.*)$", serve, {"document_root": settings.STATIC_ROOT}),
]
