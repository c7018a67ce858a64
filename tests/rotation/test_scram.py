"""SCRAM-SHA-256: the published vector, both sides against each other, and false servers."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest
import scram
from hypothesis import given, settings
from hypothesis import strategies as st

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

# From pg_authid of a PostgreSQL 15 that was given the password "correct horse".
KNOWN_VERIFIER = (
    "SCRAM-SHA-256$4096:yfr6OcdDkZImKgPWd8muNw=="
    "$gJrrJoEtfddZyfJCCv8Bl/9J0/OzlhUKpBPEhOkRU3c=:gjcTRazPE0Y3abHeRlnqft9FfLfcnW4jKTJIUiPCcrU="
)

PASSWORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)


def exchange() -> scram.Exchange:
    return scram.Exchange("pencil", user="user", nonce=NONCE)


def test_rfc_vector() -> None:
    client = exchange()
    assert client.first() == b"n,,n=user,r=" + NONCE.encode()
    assert client.final(SERVER_FIRST) == CLIENT_FINAL
    client.verify(SERVER_FINAL)


@pytest.mark.parametrize(
    "outcome",
    [
        b"",
        b"v=",
        b"e=other-error",
        SERVER_FINAL[:-2],
        SERVER_FINAL.swapcase(),
        b"v=" + b64encode(bytes(32)),
        SERVER_FINAL + b",m=x",
    ],
)
def test_refuses_wrong_signature(outcome: bytes) -> None:
    client = exchange()
    client.final(SERVER_FIRST)
    with pytest.raises(scram.ScramError, match="did not prove"):
        client.verify(outcome)


@pytest.mark.parametrize("outcome", [SERVER_FINAL, b"v="])
def test_refuses_outcome_before_challenge(outcome: bytes) -> None:
    with pytest.raises(scram.ScramError, match="did not prove"):
        exchange().verify(outcome)


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        (b"", "not SCRAM"),
        (b"m=x," + SERVER_FIRST, "not SCRAM"),
        (SERVER_FIRST + b",x=y", "not SCRAM"),
        (SERVER_FIRST.replace(b"i=4096", b"i=-1"), "not SCRAM"),
        (SERVER_FIRST.replace(b"i=4096", b"i=04096"), "not SCRAM"),
        (SERVER_FIRST.replace(b"s=W22Z", b"s=\xc3\xa4"), "not SCRAM"),
        (b"e=unknown-user", "not SCRAM"),
        (SERVER_FIRST.replace(b"r=rO", b"r=xO"), "does not continue"),
        (b"r=" + NONCE.encode() + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "does not continue"),
        (SERVER_FIRST.replace(b"i=4096", b"i=4095"), "out of bounds"),
        (SERVER_FIRST.replace(b"i=4096", b"i=1"), "out of bounds"),
        (SERVER_FIRST.replace(b"i=4096", b"i=1000001"), "out of bounds"),
        (SERVER_FIRST.replace(b"i=4096", b"i=9999999999"), "out of bounds"),
        (SERVER_FIRST.replace(b"gQ==", b"gQ="), "not base64"),
    ],
)
def test_refuses_challenge(challenge: bytes, reason: str) -> None:
    with pytest.raises(scram.ScramError, match=reason):
        exchange().final(challenge)


@pytest.mark.parametrize("password", ["", "pässword", "tab\t", "nul\0"])
def test_refuses_password_for_saslprep(password: str) -> None:
    for use in (scram.Exchange, scram.verifier):
        with pytest.raises(scram.ScramError, match="not printable ASCII") as caught:
            use(password)
        assert password == "" or password not in repr(caught.value)


def test_nonces_and_salts_differ() -> None:
    assert len({scram.Exchange("x").first() for _ in range(50)}) == 50
    assert len({scram.verifier("x") for _ in range(5)}) == 5


def test_verifier_equals_postgresql() -> None:
    salt = b64decode(KNOWN_VERIFIER.split("$")[1].split(":")[1])
    assert scram.verifier("correct horse", salt) == KNOWN_VERIFIER


def sign(verifier: str, client_first: bytes, challenge: bytes, final: bytes) -> bytes:
    """The server's side, from the verifier alone: check the proof, return the signature."""
    stored_key, server_key = (b64decode(key) for key in verifier.split("$")[2].split(":"))
    unproven, proof = final.rsplit(b",p=", 1)
    transcript = b",".join((client_first.removeprefix(b"n,,"), challenge, unproven))
    mask = hmac.digest(stored_key, transcript, "sha256")
    client_key = bytes(a ^ b for a, b in zip(b64decode(proof), mask, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key
    return b"v=" + b64encode(hmac.digest(server_key, transcript, "sha256"))


@given(PASSWORDS, st.binary(min_size=1, max_size=32), st.text("abc+/!~", min_size=1))
@settings(max_examples=30, deadline=None)
def test_client_and_server_agree(password: str, salt: bytes, server_nonce: str) -> None:
    client = scram.Exchange(password)
    first = client.first()
    nonce = first.rpartition(b"r=")[2] + server_nonce.encode()
    challenge = b"r=" + nonce + b",s=" + b64encode(salt) + b",i=4096"
    final = client.final(challenge)
    client.verify(sign(scram.verifier(password, salt), first, challenge, final))
    with pytest.raises(scram.ScramError):
        client.verify(sign(scram.verifier(password, salt), first, challenge, final)[:-1])


@given(st.binary(max_size=200))
def test_refuses_any_bytes(challenge: bytes) -> None:
    with pytest.raises(scram.ScramError):
        exchange().final(challenge)
