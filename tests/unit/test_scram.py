"""SCRAM verifiers: what PostgreSQL itself accepts, and the same on every run."""

import base64
import hmac
import re

import scram


def test_a_verifier_has_postgresql_s_form():
    form = r"SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}="
    assert re.fullmatch(form, scram.scram_verifier("pencil", "user"))


def test_a_verifier_is_the_same_on_every_run():
    assert scram.scram_verifier("pencil", "user") == scram.scram_verifier("pencil", "user")


def test_roles_with_one_password_share_nothing():
    salt = re.compile(r":(.*)\$")
    one, other = (scram.scram_verifier("pencil", role) for role in ("shop", "shop_owner"))
    assert salt.search(one)[1] != salt.search(other)[1]
    assert one != other


def test_the_password_is_not_in_its_verifier():
    assert "pencil" not in scram.scram_verifier("pencil", "user")


def test_the_keys_are_those_of_rfc_7677():
    verifier = scram.verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    server_key = base64.b64decode(verifier.rsplit(":", 1)[1])
    exchange = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = hmac.digest(server_key, exchange, "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
