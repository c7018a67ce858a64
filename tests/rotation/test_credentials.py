"""Reading the secret's text: what is accepted, and that nothing of it is ever quoted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from credentials import Credentials, SecretError
from hypothesis import given
from hypothesis import strategies as st

from tests.rotation.fakes import CREDENTIALS, FIELDS

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from("ab"), SCALARS)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"{}"', "1", "[" * 100_000, "\x00"])
def test_parse_refuses_non_objects(text: str) -> None:
    with pytest.raises(SecretError, match="the current version of the secret is not a JSON"):
        Credentials.parse(text, "current")


@pytest.mark.parametrize("text", ['{"password": "Hidden"', '{"password": "Hidden"} x'])
def test_parse_error_omits_text(text: str) -> None:
    with pytest.raises(SecretError) as caught:
        Credentials.parse(text, "current")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "Hidden" not in repr(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("engine", "mysql"),
        ("engine", None),
        ("port", "5432"),
        ("port", 0),
        ("port", 65536),
        ("port", True),
        ("port", 5432.0),
        ("host", ""),
        ("host", ["a"]),
        ("dbname", "a\nb"),
        ("username", "a\0b"),
        ("username", "\ud800"),
        ("password", ""),
        ("password", "tab\t"),
        ("password", "pässword"),
    ],
)
def test_parse_names_invalid_field(name: str, value: object) -> None:
    with pytest.raises(SecretError, match=rf"^'{name}' in the pending version .* (is|not) "):
        Credentials.parse(json.dumps(FIELDS | {name: value}), "pending")


@pytest.mark.parametrize("name", ["engine", "host", "port", "dbname", "username", "password"])
def test_parse_names_missing_field(name: str) -> None:
    fields = {key: value for key, value in FIELDS.items() if key != name}
    with pytest.raises(SecretError, match=f"'{name}'"):
        Credentials.parse(json.dumps(fields), "current")


def test_repr_hides_password() -> None:
    assert "TheFirstPassword" not in f"{CREDENTIALS} {CREDENTIALS!r}"


def test_with_password_keeps_rest() -> None:
    other = CREDENTIALS.with_password("Other")
    assert other.target == CREDENTIALS.target
    assert json.loads(other.text()) == FIELDS | {"password": "Other"}
    assert Credentials.parse(other.text(), "other") == other


@given(st.dictionaries(st.sampled_from(list(FIELDS)), JSON), st.booleans())
def test_parse_any_object(changes: dict[str, Any], whole: bool) -> None:
    text = json.dumps(FIELDS | changes if whole else changes)
    told = ""
    try:
        credentials = Credentials.parse(text, "current")
    except SecretError as error:
        told = str(error)
    else:
        assert json.loads(credentials.text()) == json.loads(text)
        assert credentials.password.isascii()
    assert not told or any(told.startswith(f"'{name}' in the current") for name in FIELDS)


@given(st.text())
def test_parse_any_text(text: str) -> None:
    with pytest.raises(SecretError):
        Credentials.parse(text, "current")
