import csv
import io
import os
import sys
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from customers import csv_files, services
from customers.models import Customer
from customers.services import create_sample_customers

HEADER = "first_name,last_name,email"


class Pipe:
    """Standard input or output, as bytes."""

    def __new__(cls, data: bytes = b""):
        return io.TextIOWrapper(io.BytesIO(data), encoding="latin-1")


@pytest.fixture
def export(monkeypatch):
    def export() -> bytes:
        monkeypatch.setattr(sys, "stdout", Pipe())
        call_command("export_customers")
        sys.stdout.flush()
        return sys.stdout.buffer.getvalue()

    return export


@pytest.fixture
def load(monkeypatch):
    """Imports a file: what was said, what came back on standard output, and whether that was a success."""

    def load(data: bytes | str, **options) -> tuple[list[str], bytes, bool]:
        data = data.encode() if isinstance(data, str) else data
        monkeypatch.setattr(sys, "stdin", Pipe(data))
        monkeypatch.setattr(sys, "stdout", Pipe())
        said, success = io.StringIO(), True
        try:
            call_command("import_customers", "-", stderr=said, **options)
        except CommandError as error:
            said.write(f"{error}\n")
            success = False
        sys.stdout.flush()
        return said.getvalue().splitlines(), sys.stdout.buffer.getvalue(), success

    return load


def stored() -> list[tuple]:
    return list(Customer.objects.order_by("email").values_list(*csv_files.COLUMNS))


@pytest.mark.django_db
def test_what_is_exported_is_imported_as_it_was(export, load):
    create_sample_customers(numbers=range(2500))  # more than a batch of either
    notes = 'two\nlines, "quoted"\r\n=1+1'
    Customer.objects.filter(pk=Customer.objects.latest("id").pk).update(notes=notes, phone="", is_active=False)
    before, data = stored(), export()
    Customer.objects.all().delete()
    assert load(data) == (["2500 created, 0 updated, 0 unchanged, 0 rejected"], b"", True)
    assert stored() == before
    assert load(data) == (["0 created, 0 updated, 2500 unchanged, 0 rejected"], b"", True)
    assert load(data, update=True) == (["0 created, 0 updated, 2500 unchanged, 0 rejected"], b"", True)


@given(notes=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_any_text_comes_back_from_a_line(notes):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[HEADER + ",notes"][0].split(","), ["Ada", "Lovelace", "ada@example.com", notes]])
    [line] = csv_files.Reader(io.StringIO(out.getvalue(), newline=""))
    assert line.values[-1] == notes
    assert line.fields.get("notes", "") == notes.strip() or line.faults


@pytest.mark.django_db
def test_bad_lines_are_named_and_come_back_as_they_were_while_good_ones_are_taken(load):
    bad = [
        b"R2D2,Droid,r2d2@example.com\r\n",
        b'Ada,"of two\r\nlines <b>",nobody\r\n',
        b"Too,Few\r\n",
        b"Jos\xe9,Latin,jose@example.com\r\n",
        b"Nul,N\0ul,nul@example.com\r\n",
    ]
    lines = [
        b"Ada,Lovelace,ada@example.com\r\n",
        *bad[:2],
        b"\r\n",
        *bad[2:],
        "Zoë,Łukasz,zoe@example.com\r\n".encode(),
    ]
    said, returned, success = load(f"{HEADER}\r\n".encode() + b"".join(lines))
    assert not success
    assert said == [
        "line 3: first_name: Use letters, spaces, apostrophes, dots, commas, hyphens and brackets only.",
        "line 4: last_name: Use letters, spaces, apostrophes, dots, commas, hyphens and brackets only.; "
        "email: Enter a valid email address.",
        "line 7: 2 values, and the header has 3",
        "line 8: not UTF-8",
        "line 9: last_name: Use letters, spaces, apostrophes, dots, commas, hyphens and brackets only. "
        "Null characters are not allowed.",
        "2 created, 0 updated, 0 unchanged, 5 rejected",
    ]
    assert returned == f"{HEADER}\r\n".encode() + b"".join(bad)
    assert [email for _, _, email, *_ in stored()] == ["ada@example.com", "zoe@example.com"]


@pytest.mark.django_db
def test_who_exists_with_other_data_is_written_over_only_on_request(load):
    first = f"{HEADER},city,created_at\nAda,Lovelace,ada@example.com,London,2020-01-31T09:30:00+01:00\n"
    second = f"{HEADER},city\nAda,King,ADA@example.com,\nAda,Byron,ada@example.com,Ockham\n"
    load(first)
    said, returned, success = load(second)
    assert not success
    assert said[0] == "line 2: email: A customer with this address exists with other data; --update writes over it."
    assert said[-1] == "0 created, 0 updated, 0 unchanged, 2 rejected"
    assert returned.decode().splitlines() == second.splitlines()
    assert load(second, update=True)[0] == ["0 created, 2 updated, 0 unchanged, 0 rejected"]
    customer = Customer.objects.get()
    assert (customer.last_name, customer.city, customer.created_at.year) == ("Byron", "Ockham", 2020)
    assert customer.updated_at > customer.created_at


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "The first line is ''. It must name columns, each once, out of first_name, last_name, email, phone,"),
        ("Ada,Lovelace,ada@example.com\n", "It must name columns"),
        (f"{HEADER},email\n", "each once"),
        (f"{HEADER},colour\n", "It must name columns"),
        ("first_name,last_name\n", "email, first_name, last_name are required"),
        (f'{HEADER}\n"Ada,Lovelace,ada@example.com\n', "line 2: unexpected end of data. Is a quote missing there?"),
    ],
)
def test_what_is_no_such_file_is_refused_as_a_whole(load, data, words):
    said, returned, success = load(data)
    assert not success
    assert words in said[0]
    assert returned == b""
    assert not Customer.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_a_spreadsheet_s_mark_of_its_encoding_is_no_part_of_the_header(load, mark):
    assert load(f"{mark}{HEADER}\nAda,Lovelace,ada@example.com\n")[2]


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["yesterday", "2020-01-31", "2020-13-31T09:30:00Z", "2020-01-31T09:30:00"])
def test_a_time_without_offset_is_no_time(load, text):
    said, _, _ = load(f"{HEADER},created_at\nAda,Lovelace,ada@example.com,{text}\n")
    rule = "Write a time of the years 1 to 9999 with its offset, as in 2026-01-31T09:30:00+01:00."
    assert said[0] == f"line 2: created_at: {rule}"


@pytest.mark.django_db
def test_whoever_is_created_meanwhile_is_not_written_over(make):
    make(first_name="Eva", email="B@example.com")
    new = [Customer(first_name="Ada", last_name="L", email=f"{name}@example.com") for name in "abc"]
    assert services.refused(list(enumerate(new))) == [1]
    assert sorted(Customer.objects.values_list("email", "first_name")) == [
        ("B@example.com", "Eva"),
        ("a@example.com", "Ada"),
        ("c@example.com", "Ada"),
    ]


@pytest.mark.django_db
def test_a_file_is_exported_whole_or_not_at_all(tmp_path, monkeypatch):
    create_sample_customers(numbers=range(3))
    file = tmp_path / "customers.csv"
    call_command("export_customers", str(file))
    assert len(file.read_bytes().splitlines()) == 4
    before = file.read_bytes()
    monkeypatch.setattr(csv_files, "written", lambda values: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call_command("export_customers", str(file))
    assert file.read_bytes() == before


@pytest.mark.django_db
def test_who_reads_a_part_of_it_gets_that_and_no_traceback(monkeypatch):
    create_sample_customers(numbers=range(1000))  # more than any buffer holds
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        call_command("export_customers")


def test_a_file_that_is_not_there_is_said_so():
    with pytest.raises(CommandError, match=r"/nowhere\.csv: No such file or directory"):
        call_command("import_customers", "/nowhere.csv")


FULL = "first_name,last_name,email,phone,is_active,company,address,city,notes,created_at"
ADA = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "phone": "+49 30 1234567",
    "is_active": False,
    "company": "Analytical",
    "address": "12 St James’s Square",
    "city": "London",
    "notes": "first",
    "created_at": datetime(2020, 1, 31, tzinfo=UTC),
}


@pytest.mark.django_db
def test_an_empty_cell_clears_a_text_and_keeps_what_has_no_empty_value(load):
    services.create_customer(**ADA)
    line = f"{FULL}\nAda,Lovelace,ada@example.com,,,,,,,\n"
    said, _, success = load(line)
    assert not success
    assert said[0] == "line 2: email: A customer with this address exists with other data; --update writes over it."
    assert load(line, update=True)[0] == ["0 created, 1 updated, 0 unchanged, 0 rejected"]
    customer = Customer.objects.get()
    assert [getattr(customer, name) for name in ("phone", "company", "address", "city", "notes")] == [""] * 5
    assert (customer.is_active, customer.created_at) == (False, ADA["created_at"])


@pytest.mark.django_db
def test_a_column_that_is_absent_stays_untouched(load):
    services.create_customer(**ADA)
    load(f"{HEADER},city\nAda,Lovelace,ada@example.com,\n", update=True)
    customer = Customer.objects.get()
    assert (customer.city, customer.company, customer.phone) == ("", ADA["company"], ADA["phone"])


@pytest.mark.django_db
def test_a_line_finds_the_customer_that_the_index_finds(load):
    """Python's lower() has two letters for İ; what PostgreSQL's has is up to the database."""
    services.create_customer(first_name="Ada", last_name="Lovelace", email="ada@İstanbul.com")
    file = f"{HEADER}\nAugusta,Byron,ADA@İSTANBUL.com\nAugusta,King,ada@İstanbul.com\n"
    assert load(file, update=True)[0] == ["0 created, 2 updated, 0 unchanged, 0 rejected"]
    assert Customer.objects.get().last_name == "King"


@pytest.mark.django_db
@pytest.mark.parametrize("update", [False, True])
def test_a_dry_run_says_what_a_run_would_and_writes_nothing(load, update):
    services.create_customer(**ADA)
    file = "\n".join(
        [
            f"{HEADER},city",
            "Ada,Lovelace,ADA@example.com,London",
            "Ada,Byron,ada@example.com,Ockham",
            "Ann,Lee,ann@example.com,Dublin",
            "Ann,Lee,ANN@example.com,Dublin",
            "Ann,Ley,ann@example.com,Dublin",
            "1,2,ben@example.com,",
        ]
    )
    before = stored()
    said, returned, success = load(file, update=update, dry_run=True)
    assert stored() == before
    assert said[-1].startswith("dry run, nothing written: ")
    said[-1] = said[-1].removeprefix("dry run, nothing written: ")
    assert (said, returned, success) == load(file, update=update)
    assert stored() != before
