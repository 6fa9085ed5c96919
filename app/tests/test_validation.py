import unicodedata

import pytest
from django.core.exceptions import ValidationError
from hypothesis import assume, given
from hypothesis import strategies as st

from customers.validators import tidy, validate_name, validate_phone

LETTERS = st.characters(categories=["L"])
NAME_CHARACTERS = st.characters(categories=["L", "M"], include_characters=" '’.-")


@pytest.mark.parametrize(
    "name",
    [
        "Müller", "José", "Łukasz", "O’Brien", "O'Neill", "Jean-Luc", "McDonald", "St. John", "de la Cruz", "’t Hooft",
        "Nguyễn", "Ọbásanjọ́", "王", "さくら", "김", "Σιδέρης", "Соловьёв", "प्रिया", "สมชาย", "محمد", "בן דוד",
        "Ng", "E",
    ],
)  # fmt: skip
def test_names_of_people(name):
    validate_name(name)
    validate_name(tidy(name))


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "-'",
        "Ann\n",
        "\nAnn",
        "An\tn",
        "Ann1",
        "R2D2",
        "<b>Ann</b>",
        "a;b",
        "a@b",
        "a\0b",
        "😀",
        "A\u202en",
    ],
)
def test_what_is_no_name(name):
    with pytest.raises(ValidationError):
        validate_name(name)


@given(st.text(NAME_CHARACTERS, max_size=20), LETTERS)
def test_any_script_is_welcome(text, letter):
    validate_name(text + letter)


@given(st.text(NAME_CHARACTERS), st.characters(exclude_categories=["L", "M"], exclude_characters=" '’.-"), LETTERS)
def test_one_foreign_character_is_enough_to_refuse(text, foreign, letter):
    with pytest.raises(ValidationError):
        validate_name(text + foreign + letter)


@given(st.text())
def test_tidying_twice_changes_nothing(text):
    assert tidy(tidy(text)) == tidy(text)


@given(st.text(NAME_CHARACTERS))
def test_tidying_keeps_the_case(text):
    assert tidy(text).replace(" ", "") == unicodedata.normalize("NFC", text).replace(" ", "")


@pytest.mark.parametrize(
    "phone",
    ["+49 30 1234567", "+49-171-6071019", "+493012345678", "+1 (212) 555-0162", "+1.312.555.0162", "+49 (0) 40 123456"],
)
def test_phones_in_the_usual_notations(phone):
    validate_phone(phone)


@pytest.mark.parametrize(
    "phone",
    ["030 1234567", "12", "+", "+49", "+999 123456", "call me", "+49 30 1234567 ext 5", "+49 30\n1234567", "٣٣٣"],
)
def test_what_is_no_phone(phone):
    with pytest.raises(ValidationError, match=r"\+49"):
        validate_phone(phone)


def test_a_home_region_allows_national_numbers(settings):
    settings.PHONE_REGION = "DE"
    validate_phone("030 1234567")
    validate_phone("+1 (212) 555-0162")


@given(st.text())
def test_a_phone_is_accepted_or_refused_but_never_crashes(text):
    try:
        validate_phone(text)
    except ValidationError:
        return
    assume(text)
    assert sum(character.isdigit() for character in text) >= 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_name", ""),
        ("first_name", "x" * 101),
        ("first_name", None),
        ("last_name", "Ann;"),
        ("email", "nobody"),
        ("email", "a@b@c.de"),
        ("phone", "call me"),
        ("is_active", "perhaps"),
        ("notes", "x" * 10_001),
    ],
)
def test_the_api_names_the_field(api, field, value):
    valid = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com"}
    response = api.post("/api/customers/", valid | {field: value})
    assert response.status_code == 400
    assert list(response.json()) == [field]


def test_everything_wrong_is_said_at_once(api):
    assert set(api.post("/api/customers/", {}).json()) == {"first_name", "last_name", "email"}


def test_markup_in_notes_is_kept_as_text(api):
    notes = "<script>alert(1)</script>"
    customer = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com", "notes": notes}
    assert api.post("/api/customers/", customer).json()["notes"] == notes
