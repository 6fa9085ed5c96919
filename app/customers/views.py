from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from customers import selectors, services
from customers.models import Customer
from customers.pagination import Cursor, paginate
from customers.serializers import (
    CustomerPageSerializer,
    CustomerQuerySerializer,
    CustomerSerializer,
    CustomerStatsSerializer,
)
from serving import answers, idempotency


class CustomerListView(APIView):
    @extend_schema(
        operation_id="customers_list", parameters=[CustomerQuerySerializer], responses=CustomerPageSerializer
    )
    @answers.cached(Customer, shared=True)
    def get(self, request: Request) -> Response:
        """The newest customers first, all or those that match, a page at a time."""
        query = validated(CustomerQuerySerializer(data=request.query_params.dict()))
        customers = selectors.customer_list(term=query["search"], is_active=query["is_active"])
        page = paginate(customers, cursor=query["cursor"], size=query["page_size"])

        def link(cursor: Cursor | None) -> str | None:
            return cursor and replace_query_param(request.build_absolute_uri(), "cursor", cursor.encode())

        return Response({"results": page.rows, "next": link(page.next), "previous": link(page.previous)})

    @extend_schema(
        operation_id="customers_create",
        request=CustomerSerializer,
        parameters=[idempotency.HEADER],
        responses={201: CustomerSerializer},
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        customer = services.create_customer(**validated(CustomerSerializer(data=request.data)))
        return Response(CustomerSerializer(customer).data, status=status.HTTP_201_CREATED)


class CustomerView(APIView):
    @extend_schema(operation_id="customers_retrieve", responses=CustomerSerializer)
    @answers.cached(Customer, shared=True)
    def get(self, request: Request, pk: int) -> Response:
        return Response(CustomerSerializer(selectors.customer_get(pk=pk)).data)

    @extend_schema(operation_id="customers_update", request=CustomerSerializer, responses=CustomerSerializer)
    def put(self, request: Request, pk: int) -> Response:
        return self.update(request, pk, partial=False)

    @extend_schema(operation_id="customers_partial_update", request=CustomerSerializer, responses=CustomerSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        return self.update(request, pk, partial=True)

    @extend_schema(operation_id="customers_destroy", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        services.delete_customer(customer=selectors.customer_get(pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def update(self, request: Request, pk: int, *, partial: bool) -> Response:
        customer = selectors.customer_get(pk=pk)
        changes = validated(CustomerSerializer(customer, data=request.data, partial=partial))
        return Response(CustomerSerializer(services.update_customer(customer=customer, **changes)).data)


class CustomerStatsView(APIView):
    @extend_schema(operation_id="customers_stats", responses=CustomerStatsSerializer)
    @answers.cached(Customer, shared=True)
    def get(self, request: Request) -> Response:
        return Response(selectors.customer_stats())


def validated(serializer) -> dict:
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data
