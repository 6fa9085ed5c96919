"""All reads."""

from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from customers import search
from customers.models import Customer

LIST_FIELDS = (
    "id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "is_active",
    "company",
    "city",
    "created_at",
    "updated_at",
)
DETAIL_FIELDS = (*LIST_FIELDS, "address", "notes")
RECENT = timedelta(days=30)


def customer_list(*, term: str = "", is_active: bool | None = None) -> QuerySet:
    """Dictionaries of LIST_FIELDS; the order is the paginator's."""
    customers = search.matching(Customer.objects.all(), term)
    if is_active is not None:
        customers = customers.filter(is_active=is_active)
    return customers.values(*LIST_FIELDS)


def customer_get(*, pk: int) -> Customer:
    """Raises Customer.DoesNotExist."""
    return Customer.objects.only(*DETAIL_FIELDS).get(pk=pk)


def customer_stats() -> dict[str, int]:
    recent = timezone.now() - RECENT
    return Customer.objects.aggregate(
        total=Count("id"),
        active=Count("id", filter=Q(is_active=True)),
        inactive=Count("id", filter=Q(is_active=False)),
        created_in_the_last_30_days=Count("id", filter=Q(created_at__gte=recent)),
    )
