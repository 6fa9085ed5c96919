from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection

from customers.exceptions import ChangedMeanwhileError
from customers.models import Customer
from customers.selectors import customer_to_change
from customers.services import create_customer, delete_customer, update_customer


def test_other_conflicts_are_not_taken_for_a_taken_address(make):
    customer = make()
    with pytest.raises(IntegrityError):
        make(id=customer.pk)


def test_edits_of_different_fields_do_not_undo_each_other(make):
    pk = make().pk
    one, other = customer_to_change(pk=pk), customer_to_change(pk=pk)
    update_customer(customer=one, city="Dublin")
    update_customer(customer=other, company="Acme")
    stored = customer_to_change(pk=pk)
    assert (stored.city, stored.company) == ("Dublin", "Acme")


def test_what_was_deleted_meanwhile_does_not_come_back(make):
    customer = make()
    Customer.objects.filter(pk=customer.pk).delete()
    with pytest.raises(Customer.DoesNotExist):
        update_customer(customer=customer, city="Dublin")
    assert not Customer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_change_the_same_version_at_once_one_is_told(make):
    pk = make().pk
    customers = [customer_to_change(pk=pk), customer_to_change(pk=pk)]
    together = Barrier(2)

    def change(customer: Customer, city: str) -> str:
        together.wait()
        try:
            return update_customer(customer=customer, unchanged=True, city=city).city
        except ChangedMeanwhileError:
            return "told"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        outcomes = set(threads.map(change, customers, ["Dublin", "Cork"]))
    assert outcomes == {"told", customer_to_change(pk=pk).city}


def test_nor_is_it_deleted(make):
    customer = make()
    read = customer_to_change(pk=customer.pk)
    update_customer(customer=customer, city="Dublin")
    with pytest.raises(ChangedMeanwhileError):
        delete_customer(customer=read, unchanged=True)
    delete_customer(customer=read)
    with pytest.raises(Customer.DoesNotExist):
        delete_customer(customer=read)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_an_address_at_once_one_is_told():
    together = Barrier(2)

    def create(email: str) -> str:
        together.wait()
        try:
            create_customer(first_name="Ann", last_name="Lee", email=email)
        except ValidationError as error:
            return error.message_dict["email"][0]
        finally:
            connection.close()
        return "created"

    with ThreadPoolExecutor(2) as threads:
        outcomes = sorted(threads.map(create, ["ann@example.com", "ANN@example.com"]))
    assert outcomes == ["A customer with this e-mail address exists already.", "created"]
