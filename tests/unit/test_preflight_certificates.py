"""The certificate for visitors, where it comes as two files."""

import datetime

import pytest
from bad_inventories import Inventory
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@pytest.fixture
def inventory():
    return Inventory()


def certificate(directory, names=("www.example.com",), begins=-1, ends=30):
    """A certificate and its key in two files; times in days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "x")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now + datetime.timedelta(days=begins))
    builder = builder.not_valid_after(now + datetime.timedelta(days=ends))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
    directory.mkdir(exist_ok=True)
    files = directory / "site.crt", directory / "site.key"
    files[0].write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(private(key))
    return files


def private(key, encryption=None):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


@pytest.mark.parametrize("names", [["www.example.com"], ["*.example.com"], ["example.com", "WWW.example.com"]])
def test_a_certificate_that_is_all_right(inventory, tmp_path, names):
    files = certificate(tmp_path, names)
    assert said_of(inventory, *files) == []


def said_of(inventory, certificate_file, key_file):
    """What is said of a certificate and its key, with short file names."""
    inventory.change("*|nginx_tls_certificate", str(certificate_file))
    inventory.change("*|nginx_tls_key", str(key_file))
    return [fault.replace(f"{certificate_file.parent}/", "") for fault in inventory.faults()]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            {"names": ["shop.example.com", "*.www.example.com"]},
            "is for shop.example.com, *.www.example.com and not for",
        ),
        ({"names": []}, "is for no name and not for"),
        ({"begins": -30, "ends": -1}, "expired on DATE: renew it"),
        ({"begins": 2}, "is valid only from DATE: wait, or set the controller's clock"),
    ],
)
def test_a_certificate_that_visitors_would_refuse(inventory, tmp_path, options, fault):
    files = certificate(tmp_path, **options)
    day = datetime.datetime.now(datetime.UTC) + datetime.timedelta(
        days=options.get("begins", 0) if "ends" not in options else -1
    )
    fault = fault.replace("DATE", f"{day:%Y-%m-%d}")
    tail = " www.example.com: get one for all public names" if fault.endswith("not for") else ""
    assert said_of(inventory, *files) == [f"nginx_tls_certificate: site.crt {fault}{tail}"]


def test_a_key_of_another_certificate(inventory, tmp_path):
    file, _ = certificate(tmp_path)
    (tmp_path / "site.key").write_bytes(private(ec.generate_private_key(ec.SECP256R1())))
    fault = "nginx_tls_key: site.key is not the key of site.crt: give the two that belong together"
    assert said_of(inventory, file, tmp_path / "site.key") == [fault]


def test_a_key_with_a_passphrase(inventory, tmp_path):
    file, key = certificate(tmp_path)
    own = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(private(own, serialization.BestAvailableEncryption(b"x")))
    fault = "nginx_tls_key: site.key asks for a passphrase, which nobody can type: take it off by openssl pkey"
    assert said_of(inventory, file, key) == [fault]


def test_files_that_hold_something_else(inventory, tmp_path):
    file, key = certificate(tmp_path)
    assert said_of(inventory, key, key) == [
        "nginx_tls_certificate: site.key holds no certificate in PEM: give the certificate, then its chain"
    ]
    assert said_of(inventory, file, file) == ["nginx_tls_key: site.crt holds no key in PEM: correct the path"]


def test_files_that_are_not_there(inventory, tmp_path):
    assert said_of(inventory, tmp_path / "a.crt", tmp_path / "a.key") == [
        "nginx_tls_certificate: there is no file a.crt on the controller: correct the path",
        "nginx_tls_key: there is no file a.key on the controller: correct the path",
    ]


def test_a_certificate_without_a_key(inventory):
    inventory.change("*|nginx_tls_certificate", "site.crt")
    assert inventory.faults() == [
        "nginx_tls_certificate and nginx_tls_key are both file names on the controller, or both empty"
    ]
