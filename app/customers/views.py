from datetime import datetime
from urllib.parse import quote

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.strict import StrictQueryMixin, read_query
from customers import selectors, services
from customers.exceptions import ChangedMeanwhileError
from customers.models import Customer
from customers.pagination import MAX_ID, Cursor
from customers.serializers import (
    CustomerPageSerializer,
    CustomerQuerySerializer,
    CustomerSerializer,
    CustomerStatsSerializer,
)
from serving import answers, idempotency
from serving.patience import patient

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The customer's `ETag`: 412 if it was changed since."
)

# Whoever asks after a write would have all customers counted.
STATS_SECONDS = 10

# Says whose permissions a view asks for.
CUSTOMERS = Customer.objects.none()

# Of the fields that need not be given.
DEFAULTS = {
    name: Customer._meta.get_field(name).get_default()
    for name, field in CustomerSerializer().fields.items()
    if not field.required and not field.read_only
}

# One for all requests, as it keeps nothing of them: making its fields takes longer than all that they check.
LIST_QUERY = CustomerQuerySerializer()


class CustomerListView(StrictQueryMixin, APIView):
    queryset = CUSTOMERS
    reads_query = ("GET", "HEAD")

    @extend_schema(
        operation_id="customers_list", parameters=[CustomerQuerySerializer], responses=CustomerPageSerializer
    )
    @answers.cached(Customer, shared=True)
    def get(self, request: Request) -> Response:
        """Customers, all or those that are wanted, a page at a time."""
        query = read_query(request, LIST_QUERY)
        selection = query["selection"]
        page = selectors.customer_page(
            selection=selection,
            ordering=query["ordering"] or selectors.NEWEST_FIRST,
            cursor=query["cursor"],
            size=query["page_size"],
        )
        count = query["count"] and selectors.customer_count(selection=selection, kind=query["count"])

        uri = request.build_absolute_uri(request.path)
        query = quote(request.META["QUERY_STRING"], safe="%&+=", encoding="latin-1")
        asked = [part for part in query.split("&") if part and not part.startswith("cursor=")]

        def link(cursor: Cursor | None) -> str | None:
            return cursor and f"{uri}?{'&'.join([*asked, f'cursor={cursor.encode()}'])}"

        return Response(
            {"results": page.rows, "next": link(page.next), "previous": link(page.previous), "count": count}
        )

    @extend_schema(
        operation_id="customers_create",
        request=CustomerSerializer,
        parameters=[answers.ETAG],
        responses={201: CustomerSerializer},
    )
    @patient
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        customer = services.create_customer(**validated(CustomerSerializer(data=request.data)))
        return answer(customer, status=status.HTTP_201_CREATED)


# Any longer number is answered 404 too.
PK = OpenApiParameter(
    "id", {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}, OpenApiParameter.PATH
)


@extend_schema(parameters=[PK])
class CustomerView(StrictQueryMixin, APIView):
    queryset = CUSTOMERS

    @extend_schema(operation_id="customers_retrieve", responses=CustomerSerializer)
    @answers.cached(Customer, shared=True)
    def get(self, request: Request, pk: int) -> Response:
        row = selectors.customer_row(pk=pk)
        return Response(row, headers={"ETag": version(pk, row["updated_at"])})

    @extend_schema(
        operation_id="customers_update",
        request=CustomerSerializer,
        responses=CustomerSerializer,
        parameters=[IF_MATCH, answers.ETAG],
    )
    @patient
    def put(self, request: Request, pk: int) -> Response:
        """Replaces the customer: optional fields that are left out take their defaults."""
        return self.update(request, pk, partial=False)

    @extend_schema(
        operation_id="customers_partial_update",
        request=CustomerSerializer,
        responses=CustomerSerializer,
        parameters=[IF_MATCH, answers.ETAG],
    )
    @patient
    def patch(self, request: Request, pk: int) -> Response:
        return self.update(request, pk, partial=True)

    @extend_schema(operation_id="customers_destroy", responses={204: None}, parameters=[IF_MATCH])
    @patient
    def delete(self, request: Request, pk: int) -> Response:
        customer = selectors.customer_to_change(pk=pk)
        services.delete_customer(customer=customer, unchanged=must_be_unchanged(request, customer))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def update(self, request: Request, pk: int, *, partial: bool) -> Response:
        customer = selectors.customer_to_change(pk=pk)
        unchanged = must_be_unchanged(request, customer)
        changes = validated(CustomerSerializer(customer, data=request.data, partial=partial))
        if not partial:
            changes = DEFAULTS | changes
        return answer(services.update_customer(customer=customer, unchanged=unchanged, **changes))


class CustomerStatsView(StrictQueryMixin, APIView):
    queryset = CUSTOMERS

    @extend_schema(operation_id="customers_stats", responses=CustomerStatsSerializer)
    @answers.cached(Customer, shared=True, seconds=STATS_SECONDS)
    def get(self, request: Request) -> Response:
        """How many customers there are: now, or at most ten seconds ago."""
        return Response(selectors.customer_stats())


def validated(serializer) -> dict:
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def answer(customer: Customer, **options) -> Response:
    row = {field: getattr(customer, field) for field in selectors.DETAIL_FIELDS}
    return Response(row, headers={"ETag": version(customer.pk, customer.updated_at)}, **options)


def version(pk: int, updated_at: datetime) -> str:
    """An ETag: every update moves updated_at."""
    return f'"{pk}-{updated_at:%Y%m%dT%H%M%S.%f}"'


def must_be_unchanged(request: Request, customer: Customer) -> bool:
    """Whether the client named the version that it knows, which has to be the present one then."""
    if not (header := request.headers.get("If-Match", "")):
        return False
    # A proxy that compresses an answer makes its ETag a weak one.
    wanted = {etag.removeprefix("W/") for etag in parse_etags(header)}
    if not wanted & {version(customer.pk, customer.updated_at), "*"}:
        raise ChangedMeanwhileError
    return wanted != {"*"}
