from django.db.models import Q, QuerySet
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from customers.models import Customer
from customers.serializers import CustomerSerializer


class CustomerViewSet(ModelViewSet):
    serializer_class = CustomerSerializer

    def get_queryset(self) -> QuerySet:
        queryset = Customer.objects.all()
        if search := self.request.query_params.get("search"):
            queryset = queryset.filter(
                Q(first_name__icontains=search)
                | Q(last_name__icontains=search)
                | Q(email__icontains=search)
                | Q(phone__icontains=search)
            )
        return queryset

    @action(detail=False)
    def stats(self, request: Request) -> Response:
        return Response(
            {
                "total_customers": Customer.objects.count(),
                "active_customers": Customer.objects.filter(is_active=True).count(),
            }
        )
