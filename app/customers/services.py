"""All writes. Callers validate; a service tidies, stores, and reports what only the database can know."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from customers.exceptions import ChangedMeanwhileError
from customers.models import Customer
from customers.samples import sample_customer
from customers.validators import tidy

EMAIL_UNIQUE = next(each for each in Customer._meta.constraints if each.name == "customers_email_unique")
LINES = frozenset({"first_name", "last_name", "email", "phone", "company", "address", "city"})


def create_customer(*, first_name: str, last_name: str, email: str, **details) -> Customer:
    customer = Customer(**tidied(first_name=first_name, last_name=last_name, email=email, **details))
    with email_conflict_reported():
        customer.save(force_insert=True)
    return customer


def update_customer(*, customer: Customer, unchanged: bool = False, **changes) -> Customer:
    """Writes only the fields named, so that two people who edit different fields do not undo each other. If it has to
    be unchanged, not even one field is written over what was written since the customer was read."""
    changes = {**tidied(**changes), "updated_at": timezone.now()}
    with email_conflict_reported():
        if not as_read(customer, unchanged).update(**changes):
            raise missed(customer)
    for field, value in changes.items():
        setattr(customer, field, value)
    return customer


def delete_customer(*, customer: Customer, unchanged: bool = False) -> None:
    if not as_read(customer, unchanged).delete()[0]:
        raise missed(customer)


def as_read(customer: Customer, unchanged: bool) -> QuerySet:
    """The condition is part of the statement that writes: nobody can come in between."""
    rows = Customer.objects.filter(pk=customer.pk)
    return rows.filter(updated_at=customer.updated_at) if unchanged else rows


def missed(customer: Customer) -> Exception:
    return ChangedMeanwhileError() if Customer.objects.filter(pk=customer.pk).exists() else Customer.DoesNotExist()


def create_sample_customers(*, numbers: Iterable[int]) -> int:
    """Creates those that do not exist yet, known by their e-mail address; returns how many that were."""
    now = timezone.now()
    customers = (Customer(**tidied(**sample_customer(number, now=now))) for number in numbers)
    samples = {customer.email: customer for customer in customers}
    existing = Customer.objects.annotate(email_key=Lower("email")).filter(email_key__in=samples)
    for email in existing.values_list("email_key", flat=True):
        del samples[email]
    Customer.objects.bulk_create(samples.values(), ignore_conflicts=True)
    return len(samples)


def import_customers(*, rows: Sequence[dict], update: bool = False) -> list[str]:
    """What became of each row: created; unchanged, as it is there already; and where one with that e-mail address has
    other data, updated or, without `update`, only differs. No two rows have the same address."""
    rows = [tidied(**row) for row in rows]
    with transaction.atomic():
        known = {
            customer.email_key: customer
            for customer in Customer.objects.annotate(email_key=Lower("email"))
            .filter(email_key__in=[row["email"].lower() for row in rows])
            .select_for_update()
        }
        outcomes, new, changed = [], [], []
        for row in rows:
            customer = known.get(row["email"].lower())
            if customer is None:
                new.append((len(outcomes), Customer(**row)))
                outcomes.append("created")
            elif all(getattr(customer, name) == value for name, value in row.items()):
                outcomes.append("unchanged")
            elif update:
                for name, value in (row | {"updated_at": timezone.now()}).items():
                    setattr(customer, name, value)
                changed.append(customer)
                outcomes.append("updated")
            else:
                outcomes.append("differs")
        for position in refused(new):
            outcomes[position] = "differs"
        if changed:
            names = {name for row in rows for name in row}
            Customer.objects.bulk_update(changed, [*sorted(names), "updated_at"])
    return outcomes


def refused(new: Sequence[tuple[int, Customer]]) -> list[int]:
    """Creates customers; the positions of those whose address somebody else has taken meanwhile."""
    try:
        with transaction.atomic():
            Customer.objects.bulk_create(customer for _, customer in new)
    except IntegrityError:
        pass
    else:
        return []
    taken = []
    for position, customer in new:
        try:
            with email_conflict_reported():
                customer.save(force_insert=True)
        except ValidationError:
            taken.append(position)
    return taken


def tidied(**fields) -> dict:
    return {name: tidy(value) if name in LINES else value for name, value in fields.items()}


@contextmanager
def email_conflict_reported() -> Iterator[None]:
    """Asking beforehand whether an address is taken would cost a query, and miss whoever writes at the same time."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if error.__cause__.diag.constraint_name != EMAIL_UNIQUE.name:
            raise
        raise ValidationError({"email": EMAIL_UNIQUE.violation_error_message}) from error
