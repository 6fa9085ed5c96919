import pkgutil
import unicodedata
from collections.abc import Iterable, Iterator
from importlib import import_module

import faker.providers.person
import pytest
from django.contrib.admin import site
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection
from hypothesis import assume, given
from hypothesis import strategies as st

from customers import csv_files
from customers.models import Customer
from customers.serializers import CustomerSerializer
from customers.validators import NAME_CATEGORIES, NAME_PUNCTUATION, tidy, tidy_phone, validate_name, validate_phone

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
        "Ann1",
        "R2D2",
        "<b>Ann</b>",
        "a@b",
        "a\0b",
        "😀",
        "A\u202en",
        "A\u200bn",
        "A\ufeffn",
        "\u200c",
        "<Ann>",
    ],
)
def test_what_is_no_name(name):
    with pytest.raises(ValidationError):
        validate_name(name)


@given(st.text(NAME_CHARACTERS, max_size=20), LETTERS)
def test_any_script_is_welcome(text, letter):
    validate_name(text + letter)


FOREIGN = st.characters(exclude_categories=["L", "M", *NAME_CATEGORIES], exclude_characters=NAME_PUNCTUATION)


@given(st.text(NAME_CHARACTERS), FOREIGN, LETTERS)
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
    ["+49 30 1234567", "+49-171-6071019", "+493012345678", "+1 (212) 555-0162", "+1.312.555.0162", "+49 (0) 40 123456",
     "0049 30 1234567", "+49\N{NO-BREAK SPACE}30\N{NO-BREAK SPACE}1234567", "+49 30\N{NON-BREAKING HYPHEN}1234567",
     "+49\N{EN DASH}171\N{EN DASH}6071019", "+49 30 1234567 ext. 12", "+49 30 1234567 x12", "+49 30 1234567;ext=12",
     "\u202a+49 30 1234567\u202c", "tel:+49-30-1234567", "(0049) 30 1234567",
     "＋４９ ３０ １２３４５６７", "+٤٩ ٣٠ ١٢٣٤٥٦٧"],
)  # fmt: skip
def test_phones_in_the_usual_notations(phone):
    validate_phone(tidy_phone(phone))


@pytest.mark.parametrize(
    "phone", ["030 1234567", "12", "+", "+49", "+999 123456", "call me", "call +49 30 1234567", "٣٣٣", "00", "000"]
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
        ("last_name", "<Ann>"),
        ("email", "nobody"),
        ("email", "ann@exam\N{ZERO WIDTH SPACE}ple.com"),
        ("email", "ann@exam\N{SOFT HYPHEN}ple.com"),
        ("email", "ann@exam\N{RIGHT-TO-LEFT OVERRIDE}ple.com"),
        ("email", "ann@exam\N{IDEOGRAPHIC SPACE}ple.com"),
        ("email", "ann@exam\N{COMBINING GRAPHEME JOINER}ple.com"),
        ("email", "ann@exam\N{VARIATION SELECTOR-16}ple.com"),
        ("email", "ann@exam\N{HANGUL FILLER}ple.com"),
        ("email", "a" * 248 + "@\u0958.com"),
        ("last_name", "\N{HANGUL FILLER}"),
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


def faker_names() -> set[str]:
    """Every first and last name of every locale that Faker ships."""
    found = set()
    for module in pkgutil.iter_modules(faker.providers.person.__path__):
        provider = import_module(f"faker.providers.person.{module.name}").Provider
        for attribute in dir(provider):
            if "first_name" in attribute or "last_name" in attribute:
                found |= set(texts(getattr(provider, attribute)))
    return found


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Iterable):
        for each in value:
            yield from texts(each)


FAKER_NAMES = sorted(faker_names())
SERIALIZER, ADMIN_FORM = CustomerSerializer(), site.get_model_admin(Customer).get_form(None)


def by_api(field: str, name: str) -> None:
    SERIALIZER.fields[field].run_validation(name)


def by_admin(field: str, name: str) -> None:
    ADMIN_FORM.base_fields[field].clean(name)
    Customer._meta.get_field(field).clean(name, None)


def by_csv(field: str, name: str) -> None:
    texts = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com"} | {field: name}
    if faults := csv_files.validated(texts)[1]:
        raise ValidationError(faults)


@pytest.mark.parametrize(("judge", "step"), [(by_api, 1), (by_admin, 1), (by_csv, 20)])  # a line of a file takes longer
@pytest.mark.parametrize("field", ["first_name", "last_name"])
def test_the_names_of_people_everywhere_are_accepted(judge, step, field):
    assert len(FAKER_NAMES) > 50_000
    for name in FAKER_NAMES[::step]:
        judge(field, name)


SPACED = ["Ann\N{NO-BREAK SPACE}Lee", "Ann\N{IDEOGRAPHIC SPACE}Lee", "Ann\tLee", " Ann  Lee\n", "Ann\N{EM SPACE}Lee"]


@pytest.mark.parametrize("name", SPACED)
@pytest.mark.django_db
def test_a_name_is_tidied_before_it_is_judged(name):
    serializer = CustomerSerializer(data={"first_name": name, "last_name": "Lee", "email": "ann@example.com"})
    assert serializer.is_valid()
    assert serializer.validated_data["first_name"] == "Ann Lee"
    form = ADMIN_FORM({"first_name": name})
    form.is_valid()
    assert form.cleaned_data["first_name"] == "Ann Lee"


@pytest.mark.parametrize(
    "name",
    [
        "نیک\N{ZERO WIDTH NON-JOINER}پی",
        "Gal·la",
        "マリア・テレサ",
        "Jean\N{NON-BREAKING HYPHEN}Luc",
        "O‘Brien",
        "O′Brien",
        'William "Bill"',
        "„Hans“",
        "「太郎」",
        "O`Brien",
        "O´Brien",
        "בר־כוכבא",
        "ג׳ורג׳",
    ],
)
def test_joiners_dots_hyphens_and_quotation_marks_of_names(name):
    validate_name(tidy(name))


@pytest.mark.parametrize("field", ["created_at", "updated_at"])
@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59-05:00", "infinity", "-infinity", "0001-01-01T00:00:00Z", "0044-03-15 BC"]
)
def test_no_statement_stores_a_time_that_could_not_be_read(make, field, moment):
    customer = make()
    with pytest.raises(IntegrityError, match=f"customers_{field}_readable"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE customers_customer SET {field} = %s WHERE id = %s", [moment, customer.pk])


@pytest.mark.parametrize("moment", ["9999-12-30T23:59:59.999999-00:00", "0001-01-02T00:00:00Z"])
def test_every_path_reads_the_times_at_the_bounds(make, api, admin_client, moment):
    customer = make()
    with connection.cursor() as cursor:
        values = [moment, moment, customer.pk]
        cursor.execute("UPDATE customers_customer SET created_at = %s, updated_at = %s WHERE id = %s", values)
    detail = f"/api/customers/{customer.pk}/"
    for url in ("/api/customers/", "/api/customers/?ordering=created_at", "/api/customers/?search=ada", detail):
        response = api.get(url)
        assert response.status_code == 200
    assert api.patch(detail, {"city": "London"}, headers={"If-Match": response["ETag"]}).status_code == 200
    for url in ("/admin/customers/customer/", f"/admin/customers/customer/{customer.pk}/change/"):
        assert admin_client.get(url, headers={"X-Forwarded-Proto": "https"}).status_code == 200
    call_command("export_customers")


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00"])
def test_a_file_states_no_time_that_could_not_be_read(db, moment):
    names = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com"}
    assert csv_files.validated(names | {"created_at": moment})[1]


def test_a_row_that_an_older_release_stored_becomes_readable(make):
    customer = make()
    clamp = import_module("customers.migrations.0006_readable_rows").CLAMP
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE customers_customer DROP CONSTRAINT customers_created_at_readable")
        moment = "9999-12-31T23:59:59-05:00"
        cursor.execute("UPDATE customers_customer SET created_at = %s WHERE id = %s", [moment, customer.pk])
        cursor.execute(clamp)
    customer.refresh_from_db()
    assert f"{customer.created_at:%Y-%m-%d}" == "9999-12-30"
