"""All writes. Callers validate; a service tidies, stores, and reports what only the database can know."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, router, transaction
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


def delete_customers(*, ids: Iterable[int]) -> int:
    """How many there were: another user may have deleted some meanwhile."""
    return Customer.objects.filter(pk__in=ids).delete()[0]


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


def email_keys(addresses: Sequence[str]) -> list[str]:
    """What the unique index compares of each address. Python's lower() differs from PostgreSQL's, as of İ."""
    with connections[router.db_for_write(Customer)].cursor() as cursor:
        cursor.execute(
            "SELECT lower(address) FROM unnest(%s::text[]) WITH ORDINALITY AS given (address, place) ORDER BY place",
            [[tidy(address) for address in addresses]],
        )
        return [key for (key,) in cursor.fetchall()]


def import_customers(
    *, rows: Sequence[dict], update: bool = False, planned: dict[str, Customer] | None = None
) -> list[str]:
    """What became of each row: created; unchanged, as it is there already; and where one with that e-mail address has
    other data, updated or, without `update`, only differs. No two rows have the same address.

    With `planned` nothing is written: it collects, by address, the customers that earlier calls would have written."""
    rows = [tidied(**row) for row in rows]
    keys = email_keys([row["email"] for row in rows])
    with transaction.atomic():
        existing = Customer.objects.annotate(email_key=Lower("email")).filter(email_key__in=keys)
        if planned is None:
            existing = existing.select_for_update()
        known = {customer.email_key: customer for customer in existing} | (planned or {})
        outcomes, new, changed = [], [], []
        for key, row in zip(keys, rows, strict=True):
            customer = known.get(key)
            if customer is None:
                new.append((len(outcomes), Customer(**row)))
                outcomes.append("created")
            elif all(getattr(customer, name) == value for name, value in row.items()):
                outcomes.append("unchanged")
            elif update:
                for name, value in (row | {"updated_at": timezone.now()}).items():
                    setattr(customer, name, value)
                changed.append((key, customer))
                outcomes.append("updated")
            else:
                outcomes.append("differs")
        if planned is not None:
            planned.update({keys[position]: customer for position, customer in new} | dict(changed))
            return outcomes
        for position in refused(new):
            outcomes[position] = "differs"
        if changed:
            names = {name for row in rows for name in row}
            Customer.objects.bulk_update([customer for _, customer in changed], [*sorted(names), "updated_at"])
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
