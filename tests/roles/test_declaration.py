"""The declaration is validated again before it becomes SQL."""

from __future__ import annotations

import json
from typing import Any

import declaration
import pytest
from declaration import DeclarationError

from tests.roles.stage import usual


def declared(roles: Any = None, extensions: Any = ("pgaudit",)) -> str:
    roles = usual() if roles is None else roles
    if isinstance(roles, dict):
        for name, spec in roles.items():
            spec.setdefault("secret_arn", f"arn:{name}")
    return json.dumps({"extensions": list(extensions), "roles": roles})


def test_usual_declaration() -> None:
    found = declaration.parse(declared())
    assert found.names == tuple(
        f"{role}{suffix}" for role in usual() for suffix in ("", "_1", "_2")
    )
    assert found.schemas == ("app",)
    assert found.owner("app").name == "migrator"
    assert found.of_secret("arn:reader").name == "reader"
    assert [role.name for role in found.part(found.roles[0]).roles] == ["app", "migrator"]
    with pytest.raises(DeclarationError, match="belongs to no declared role"):
        found.of_secret("arn:other")


@pytest.mark.parametrize(
    "name",
    [
        *("", "App", "1app", "app-x", 'a"b', "a" * 32, "pg_x", "rdsadmin", "rds_x", "app_1"),
        *("app_2", "app_iam", "public", "none", "user", "current_user", "äpp", "app\n"),
    ],
)
def test_refuses_name_of_role(name: str) -> None:
    roles = usual()
    roles[name] = roles.pop("app")
    with pytest.raises(DeclarationError, match="cannot be the name of a role"):
        declaration.parse(declared(roles))


@pytest.mark.parametrize("name", ["", "App", "pg_x", "information_schema", 'a"', "a" * 64, 7, None])
def test_refuses_name_of_schema(name: object) -> None:
    roles = usual()
    roles["migrator"]["schemas"].append(name)
    with pytest.raises(DeclarationError, match=r"migrator\.schemas: .*name of a schema"):
        declaration.parse(declared(roles))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("kind", "superuser", "is not one of owner, read-write, read-only"),
        ("schemas", [], "names at least one schema, and none twice"),
        ("schemas", ["app", "app"], "names at least one schema, and none twice"),
        ("schemas", "app", "must be of the JSON type of list"),
        ("schemas", ["other"], "the schema 'other' needs exactly one role of the kind 'owner'"),
        ("kind", "owner", "the schema 'app' needs exactly one role .* and has 2"),
        ("connection_limit", 0, "must be from 1 to 5000"),
        ("connection_limit", 5001, "must be from 1 to 5000"),
        ("connection_limit", True, "must be of the JSON type of int"),
        ("statement_timeout_seconds", 0, "must be from 1 to 86400"),
        ("statement_timeout_seconds", 1.5, "must be of the JSON type of int"),
        ("iam_login", 1, "must be of the JSON type of bool"),
        ("secret_arn", None, "must be of the JSON type of str"),
        ("secret_arn", "arn:reader", "two roles have the same secret_arn"),
        ("superuser", True, "must have exactly the fields kind, schemas"),
    ],
)
def test_refuses_field(field: str, value: object, says: str) -> None:
    roles = usual()
    roles["app"][field] = value
    with pytest.raises(DeclarationError, match=says):
        declaration.parse(declared(roles))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "DECLARATION is not JSON"),
        ("[" * 100_000, "DECLARATION is not JSON"),
        ("[]", "must have exactly the fields extensions, roles"),
        (declared([]), "roles: must be of the JSON type of dict"),
        (declared({}, ["dblink"]), "'dblink' is not an allowed"),
        (declared({}, [["pgaudit"]]), "is not an allowed extension"),
    ],
)
def test_refuses_text(text: str, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        declaration.parse(text)
