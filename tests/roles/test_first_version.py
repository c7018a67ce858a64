"""The first version of a role's secret, which the function writes and not Terraform."""

from __future__ import annotations

import pytest

from tests.roles.stage import DATABASE, Stage
from tests.rotation.real_postgres import HOST
from tests.rotation.stage import FunctionError


@pytest.fixture
def empty(stage: Stage) -> Stage:
    """Secrets without a version, and nothing in the database."""
    for role in stage.roles:
        stage.add_empty_secret(role)
    return stage


def test_apply_writes_a_login_that_works(empty: Stage) -> None:
    told = empty.apply()
    assert {f"set the first password of {role}_1" for role in empty.roles} <= {*told["changed"]}
    assert told["drift"] == []
    first = empty.current("app")
    assert first == {
        "engine": "postgres",
        "host": HOST,
        "port": empty.server.port,
        "dbname": DATABASE,
        "username": "app_1",
        "password": first["password"],
    }
    assert len(first["password"]) == 40
    assert empty.as_role("app", "SELECT session_user") == "app_1"
    empty.assert_silent(str(told))


def test_apply_keeps_a_version_that_is_there(empty: Stage) -> None:
    empty.apply()
    before = empty.current("app")
    empty.rotate("reader")
    assert empty.apply()["changed"] == []
    assert empty.current("app") == before
    assert empty.current("reader")["username"] == "reader_2"


def test_check_writes_nothing(empty: Stage) -> None:
    assert empty.drift()
    for arn in empty.secrets.values():
        with pytest.raises(empty.client.exceptions.ResourceNotFoundException):
            empty.client.get_secret_value(SecretId=arn)


def test_rotation_before_the_apply_says_what_is_missing(empty: Stage) -> None:
    with pytest.raises(FunctionError, match="write its first version"):
        empty.rotate("app")


def test_rotation_follows_the_first_version(empty: Stage) -> None:
    empty.apply()
    first = empty.current("app")
    empty.rotate("app")
    assert empty.current("app")["username"] == "app_2"
    # Who still holds the first password works until the next rotation.
    worked, told = empty.run_as(first, "SELECT 1")
    assert worked, told
