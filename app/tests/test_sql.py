"""Statements apart from their values."""

from hypothesis import given
from hypothesis import strategies as st

from customers.pagination import Listing
from customers.search import looked_up
from customers.selectors import LIST_FIELDS, LISTS
from customers.sql import ANY, all_of, any_of
from serving.queries import for_any_values, once


def statement(term: str) -> str:
    tiers, _ = looked_up(term)
    return Listing(tiers, LIST_FIELDS).statement(None, 21)[0]


def test_no_condition_is_none_of_several():
    assert all_of("a", ANY, "b") == "(a AND b)"
    assert any_of(ANY, "a") == "a"
    assert any_of() == ANY


def test_a_name_has_one_number_wherever_it_stands():
    assert for_any_values("a = %(x)s OR b LIKE '%%' || %(y)s OR c = %(x)s") == (
        "a = $1 OR b LIKE '%' || $2 OR c = $1",
        ("x", "y"),
    )


def test_what_depends_on_values_alone_is_worked_out_once():
    folded = once("fold(%(x)s)")
    assert for_any_values(f"a = {folded} OR b > {folded} OR c = %(y)s") == (
        "SELECT page.* FROM (SELECT (fold($1)) AS once_0 OFFSET 0) given, "
        "LATERAL (a = given.once_0 OR b > given.once_0 OR c = $2) page",
        ("x", "y"),
    )


def test_terms_that_are_looked_up_alike_are_one_statement():
    assert statement("Ada") is statement("lovelace")
    assert statement("Ada Lovelace") is statement("Grace Hopper")
    assert len({statement(term) for term in ("Ada", "Ada Lovelace", "Ada L", "a4", "+49 30", "\u0301")}) == 6


def test_a_word_that_has_the_number_in_it_is_not_looked_up_besides():
    for term, number, has_words in (
        ("456", "number", False),
        ("0301234567", "long_number", False),
        ("+49301234567", "long_number", False),
        ("3-45", "number", True),
        ("+49 30 1234567", "long_number", True),
    ):
        _, values = looked_up(term)
        assert number in values
        assert ("word_0" in values) is has_words, term


WORDS = st.text(st.sampled_from("aÉ1+(\u0301 王"), max_size=12)


@given(WORDS | st.text())
def test_every_search_has_the_values_that_it_names(term):
    tiers, values = looked_up(term)
    _, names = for_any_values(Listing(tiers or LISTS["name"], LIST_FIELDS).statement(None, 21)[0])
    assert set(names) <= set(values)
