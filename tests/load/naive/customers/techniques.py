"""The slow app with one technique at a time, each below /with/<its name>/."""

from contextvars import ContextVar

import orjson
from django.contrib.postgres.search import SearchQuery, SearchRank
from django.core.cache import cache
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from customers.models import Customer, Indexed
from customers.serializers import LeanSerializer
from customers.views import CustomerViewSet

ROW = [field.name for field in Customer._meta.concrete_fields]
_database: ContextVar[str] = ContextVar("database", default="default")


class TechniqueMiddleware:
    """Gives all of a request that is to have a pooled connection one, its authentication too."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        pooled = request.path.startswith("/with/pool/")
        token = _database.set("pooled" if pooled else "default")
        try:
            return self.get_response(request)
        finally:
            _database.reset(token)


class Router:
    def db_for_read(self, model, **hints) -> str:
        return _database.get()

    db_for_write = db_for_read

    def allow_relation(self, one, other, **hints) -> bool:
        return True

    def allow_migrate(self, database: str, app_label: str, **hints) -> bool:
        return database == "default"


class FullText(CustomerViewSet):
    """The analysis' own search: whole words, ranked."""

    def get_queryset(self) -> QuerySet:
        queryset = Indexed.objects.defer("search_vector", "everything")
        if search := self.request.query_params.get("search"):
            query = SearchQuery(search, config="simple")
            rank = SearchRank(F("search_vector"), query)
            queryset = queryset.filter(search_vector=query).annotate(rank=rank).order_by("-rank")
        return queryset


class Trigrams(CustomerViewSet):
    """The same answers as `icontains`, from an index."""

    def get_queryset(self) -> QuerySet:
        queryset = Indexed.objects.defer("search_vector", "everything")
        if search := self.request.query_params.get("search"):
            queryset = queryset.filter(everything__icontains=search)
        return queryset


class Only(CustomerViewSet):
    """`only()` the columns that the lean rows show."""

    serializer_class = LeanSerializer

    def get_queryset(self) -> QuerySet:
        return super().get_queryset().only("id", "first_name", "last_name", "email", "is_active")


class Uncounted(PageNumberPagination):
    """A page, and nothing about how many there are."""

    def paginate_queryset(self, queryset, request: Request, view=None) -> list:
        size = self.get_page_size(request)
        first = (int(request.query_params.get("page", 1)) - 1) * size
        return list(queryset[first : first + size])

    def get_paginated_response(self, data) -> Response:
        return Response({"results": data})


class NoCount(CustomerViewSet):
    pagination_class = Uncounted


class ByTime(CursorPagination):
    ordering = ("-created_at", "-id")
    page_size = 20


class Keyset(CustomerViewSet):
    """Pages by cursor, on the table that has an index for their order."""

    pagination_class = ByTime

    def get_queryset(self) -> QuerySet:
        return Indexed.objects.defer("search_vector", "everything")


class Pool(CustomerViewSet):
    """A pool of connections in each process: see TechniqueMiddleware."""


class Cache(CustomerViewSet):
    """The bytes of an answer, kept for half a minute."""

    def list(self, request: Request, *arguments, **options) -> HttpResponse:
        key = request.get_full_path()
        if (body := cache.get(key)) is None:
            response = self.finalize_response(request, super().list(request, *arguments, **options))
            body = response.render().content
            cache.set(key, body, 30)
        return HttpResponse(body, content_type="application/json")


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"

    def render(self, data, accepted_media_type=None, renderer_context=None) -> bytes:
        return orjson.dumps(data, default=str)


class Rows(CustomerViewSet):
    """Rows as the database returns them, written by orjson: no model, no serializer."""

    renderer_classes = [OrjsonRenderer]

    def list(self, request: Request, *arguments, **options) -> Response:
        page = self.paginate_queryset(self.get_queryset().values(*ROW))
        return self.get_paginated_response(page)


VIEWSETS = {
    "fulltext": FullText,
    "trigrams": Trigrams,
    "only": Only,
    "nocount": NoCount,
    "keyset": Keyset,
    "pool": Pool,
    "cache": Cache,
    "rows": Rows,
}
