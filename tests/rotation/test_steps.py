"""The four steps: what each does, repeats, refuses and heals."""

from __future__ import annotations

import itertools
import json
import logging
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import postgres
import pytest
import rotation
import store
from credentials import SecretError
from postgres import LoginError, PostgresError, ServerError

from tests.rotation.fake_aws import ARN, KilledError, ServiceError
from tests.rotation.fakes import CONTEXT, CREDENTIALS, FIELDS, Fakes

STEPS = list(rotation.STEPS)


def secret_text(**changes: object) -> str:
    return json.dumps(FIELDS | changes)


# A rotation ----------------------------------------------------------------------------------


def test_rotate_sets_new_password(fakes: Fakes) -> None:
    fakes.rotate()
    assert fakes.aws.labelled("AWSCURRENT") == "second"
    assert fakes.aws.labelled("AWSPREVIOUS") == "first"
    assert fakes.database.accepts(fakes.password("AWSCURRENT"))
    assert not fakes.database.accepts("TheFirstPassword")


def test_rotate_changes_password_only(fakes: Fakes) -> None:
    fakes.rotate()
    fields = json.loads(fakes.aws.value("AWSCURRENT"))
    assert re.fullmatch("[A-Za-z0-9]{40}", fields.pop("password"))
    assert fields == {key: value for key, value in FIELDS.items() if key != "password"}


def test_passwords_differ() -> None:
    assert len({rotation.new_password() for _ in range(100)}) == 100


def test_rotate_many_times(fakes: Fakes) -> None:
    for token in ("second", "third", "fourth"):
        fakes.rotate(token)
        assert fakes.database.accepts(fakes.password("AWSCURRENT"))
    assert fakes.aws.labelled("AWSPREVIOUS") == "third"


def test_rotate_makes_few_calls(fakes: Fakes) -> None:
    fakes.rotate()
    assert "list_secret_version_ids" not in fakes.aws.calls
    assert fakes.database.logins == ["28P01", "00000", "00000"]


def test_statement_has_no_password(fakes: Fakes) -> None:
    fakes.rotate()
    change, check = fakes.database.statements
    assert check == "SELECT 1"
    for label in ("AWSCURRENT", "AWSPREVIOUS"):
        assert fakes.password(label) not in change


def test_log_has_step_secret_outcome(fakes: Fakes) -> None:
    fakes.rotate()
    lines = [json.loads(record.message) for record in fakes.caplog.records]
    assert [line["step"] for line in lines] == STEPS
    assert all(line.keys() == {"step", "secret", "outcome"} for line in lines)
    assert {line["secret"] for line in lines} == {ARN}
    fakes.assert_silent()


# Repetition ----------------------------------------------------------------------------------


def test_each_step_twice(fakes: Fakes) -> None:
    fakes.aws.rotate("second")
    for name in STEPS:
        fakes.step(name)
        value = fakes.aws.versions["second"].value
        fakes.step(name)
        assert fakes.aws.versions["second"].value == value
    assert fakes.aws.calls.count("put_secret_value") == 1
    assert fakes.aws.calls.count("update_secret_version_stage") == 1
    assert sum("ALTER ROLE" in sql for sql in fakes.database.statements) == 1
    assert fakes.database.accepts(fakes.password("AWSCURRENT"))


@pytest.mark.parametrize("pending_stays", [True, False])
@pytest.mark.parametrize("name", STEPS)
def test_step_after_end_is_a_no_op(fakes: Fakes, name: str, pending_stays: bool) -> None:
    fakes.rotate()
    if not pending_stays:
        fakes.aws.versions["second"].labels.discard("AWSPENDING")
    calls, logins = len(fakes.aws.calls), len(fakes.database.logins)
    fakes.step(name)
    assert fakes.aws.calls[calls:] == ["describe_secret"]
    assert len(fakes.database.logins) == logins


@pytest.mark.parametrize("abandoned", [False, True], ids=["run again", "abandoned"])
def test_killed_rotation_heals(fakes: Fakes, abandoned: bool) -> None:
    fakes.rotate()
    points = fakes.fuse.passed
    assert points > 25
    for moment in range(1, points + 1):
        token, following = f"killed at {moment}", f"after {moment}"
        before = fakes.password("AWSCURRENT")
        fakes.fuse.passed, fakes.fuse.blow_at = 0, moment
        with pytest.raises(KilledError):
            fakes.rotate(token)
        fakes.fuse.blow_at = None
        if abandoned:  # somebody removes the label, and another rotation is started
            fakes.aws.versions[token].labels.discard("AWSPENDING")
        else:
            following = token
        fakes.rotate(following)
        assert fakes.aws.labelled("AWSCURRENT") == following
        assert fakes.database.accepts(fakes.password("AWSCURRENT"))
        assert not fakes.database.accepts(before)


# The gates -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STEPS)
def test_step_requires_enabled_rotation(fakes: Fakes, name: str) -> None:
    fakes.aws.rotate("second")
    fakes.aws.enabled = False
    with fakes.failing(SecretError, "not enabled"):
        fakes.step(name)


@pytest.mark.parametrize("name", STEPS)
def test_step_refuses_unknown_token(fakes: Fakes, name: str) -> None:
    with fakes.failing(SecretError, "no version with the token"):
        fakes.step(name, "unheard-of")


@pytest.mark.parametrize("name", STEPS)
def test_step_refuses_version_not_pending(fakes: Fakes, name: str) -> None:
    fakes.aws.write("second", None, ["elsewhere"])
    with fakes.failing(SecretError, "not labelled AWSPENDING"):
        fakes.step(name)
    assert fakes.aws.calls == ["describe_secret"]


@pytest.mark.parametrize("name", ["", "create_secret", "CREATESECRET", "rollback"])
def test_handler_refuses_unknown_step(fakes: Fakes, name: str) -> None:
    with fakes.failing(rotation.RotationError, "no step of a rotation"):
        fakes.step(name)
    assert fakes.aws.calls == []


@pytest.mark.parametrize("missing", ["Step", "SecretId", "ClientRequestToken"])
def test_handler_refuses_incomplete_event(missing: str) -> None:
    event = {"Step": "createSecret", "SecretId": ARN, "ClientRequestToken": "second"}
    del event[missing]
    with pytest.raises(rotation.RotationError, match=f"'{missing}' is missing"):
        rotation.handler(event, CONTEXT)


def test_handler_ignores_unknown_keys(fakes: Fakes) -> None:
    fakes.aws.rotate("second")
    fakes.step("createSecret", RotationToken="a", Something={"new": 1})
    assert fakes.aws.versions["second"].value


# createSecret --------------------------------------------------------------------------------


def test_create_keeps_concurrent_value(fakes: Fakes) -> None:
    fakes.aws.rotate("second")
    other = secret_text(password="OfTheOtherAttempt")
    fakes.aws.before["put_secret_value"] = lambda: fakes.aws.write("second", other, [])
    fakes.step("createSecret")
    assert fakes.aws.versions["second"].value == other


def test_create_refuses_empty_secret(fakes: Fakes) -> None:
    fakes.aws.rotate("second")
    fakes.aws.versions["first"].value = None
    with fakes.failing(SecretError, "no AWSCURRENT value"):
        fakes.step("createSecret")


def test_finish_requires_current_version(fakes: Fakes) -> None:
    fakes.rotate(upto="testSecret")
    fakes.aws.unlabel("first")
    with fakes.failing(SecretError, "no version of the secret is labelled AWSCURRENT"):
        fakes.step("finishSecret")


def test_service_error_is_not_quoted(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    class ValidationException(ServiceError):  # noqa: N818
        pass

    sent = []

    def refuse(**request: Any) -> None:
        sent.append(json.loads(request["SecretString"])["password"])
        raise ValidationException(f"cannot take {request}")

    fakes.aws.rotate("second")
    monkeypatch.setattr(fakes.aws, "put_secret_value", refuse)
    with pytest.raises(SecretError, match="cannot be written: ValidationException") as caught:
        fakes.step("createSecret")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert sent[0] not in str(caught.value) + fakes.caplog.text


def test_other_error_is_named(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ConnectionError("request: …")

    fakes.aws.rotate("second")
    monkeypatch.setattr(fakes.aws, "put_secret_value", refuse)
    with fakes.failing(SecretError, "cannot be written: ConnectionError"):
        fakes.step("createSecret")


# setSecret -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("username", "postgres"), ("host", "elsewhere.example"), ("port", 5433), ("dbname", "other")],
)
def test_set_refuses_other_role(fakes: Fakes, name: str, value: object) -> None:
    fakes.aws.rotate("second")
    fakes.aws.write("second", secret_text(password="New", **{name: value}), [])
    with fakes.failing(rotation.RotationError, "another role, host, port or database"):
        fakes.step("setSecret")
    assert fakes.database.logins == []


@pytest.mark.parametrize("refusal", ["28P01", "28000"])
def test_set_tries_next_password(fakes: Fakes, refusal: str) -> None:
    fakes.database.refusal = refusal
    fakes.rotate()
    assert fakes.database.logins[:2] == [refusal, "00000"]


@pytest.mark.parametrize(
    "trouble",
    [ServerError("53300"), ServerError("57P03"), ServerError("3D000"), PostgresError("no answer")],
)
@pytest.mark.parametrize("name", ["setSecret", "testSecret"])
def test_set_reports_other_trouble(fakes: Fakes, name: str, trouble: PostgresError) -> None:
    fakes.rotate(upto="createSecret")
    fakes.database.trouble = trouble
    with fakes.failing(type(trouble), re.escape(str(trouble))):
        fakes.step(name)
    assert fakes.database.logins == ["trouble"]
    fakes.database.trouble = None
    fakes.rotate()
    assert fakes.database.accepts(fakes.password("AWSCURRENT"))


def test_set_failure_keeps_old_password(fakes: Fakes) -> None:
    fakes.rotate(upto="createSecret")
    fakes.database.statement_trouble = ServerError("55P03")
    with fakes.failing(ServerError, "55P03"):
        fakes.step("setSecret")
    assert fakes.database.accepts(fakes.password("AWSCURRENT"))


def test_set_tries_previous_password(fakes: Fakes) -> None:
    fakes.rotate()
    fakes.database.set_password("TheFirstPassword")  # as after a restored snapshot
    fakes.rotate("third")
    assert fakes.database.accepts(fakes.password("AWSCURRENT"))
    assert "list_secret_version_ids" not in fakes.aws.calls


def test_set_tries_abandoned_password(fakes: Fakes) -> None:
    fakes.rotate("abandoned", upto="setSecret")
    fakes.aws.unlabel("abandoned")
    fakes.rotate("third")
    assert fakes.aws.labelled("AWSCURRENT") == "third"
    assert fakes.database.accepts(fakes.password("AWSCURRENT"))


def test_set_tries_labelled_versions_first(fakes: Fakes) -> None:
    fakes.aws.versions["first"].labels.add("initial")
    for number in range(store.MAX_OTHERS + 5):
        fakes.rotate(f"rotation {number}")
    fakes.database.set_password("TheFirstPassword")  # as after a reset of the instance
    fakes.database.logins.clear()
    fakes.rotate("last", upto="setSecret")
    assert fakes.database.logins == ["28P01"] * 3 + ["00000"]


def test_set_limits_attempts(fakes: Fakes) -> None:
    for number in range(store.MAX_OTHERS + 5):
        fakes.rotate(f"rotation {number}")
    fakes.database.set_password("TheFirstPassword")
    fakes.database.logins.clear()
    with fakes.failing(rotation.RotationError, "no version of the secret"):
        fakes.rotate("last")
    assert len(fakes.database.logins) == 3 + store.MAX_OTHERS


@pytest.mark.parametrize(
    "unusable", [None, "", "not JSON", "[]", secret_text(username="x"), secret_text(port="5432")]
)
def test_set_skips_unusable_versions(fakes: Fakes, unusable: str | None) -> None:
    fakes.rotate("abandoned", upto="setSecret")
    fakes.aws.unlabel("abandoned")
    fakes.aws.write("unusable", unusable, [])
    fakes.database.logins.clear()
    fakes.rotate("third", upto="setSecret")
    assert fakes.database.logins == ["28P01", "28P01", "00000"]


def test_set_uses_current_address(fakes: Fakes) -> None:
    old = secret_text(host="former.example", port=5433, password="Live")
    fakes.aws.write("old", old, [])
    fakes.database.set_password("Live")
    fakes.rotate()
    assert fakes.database.accepts(fakes.password("AWSCURRENT"))


def test_set_without_working_password(fakes: Fakes) -> None:
    fakes.database.set_password("ChangedByHand")
    with fakes.failing(rotation.RotationError, "it was changed elsewhere"):
        fakes.rotate()
    assert fakes.database.statements == []
    assert fakes.aws.labelled("AWSCURRENT") == "first"


@pytest.mark.parametrize("name", ["setSecret", "finishSecret"])
def test_step_refuses_empty_version(fakes: Fakes, name: str) -> None:
    fakes.aws.rotate("second")
    with fakes.failing(rotation.RotationError, "createSecret has not run"):
        fakes.step(name)
    assert fakes.aws.labelled("AWSCURRENT") == "first"


# testSecret ----------------------------------------------------------------------------------


def test_step_fails_without_new_password(fakes: Fakes) -> None:
    fakes.rotate(upto="createSecret")
    with fakes.failing(LoginError, "28P01"):
        fakes.step("testSecret")


def test_step_without_rotation(fakes: Fakes) -> None:
    fakes.aws.rotate("second")
    fakes.step("testSecret")
    assert fakes.database.statements == ["SELECT 1"]
    fakes.database.set_password("ChangedByHand")
    with fakes.failing(LoginError, "28P01"):
        fakes.step("testSecret")


# Around the steps ----------------------------------------------------------------------------


def test_roots_by_region(source: Path) -> None:
    assert rotation.roots("eu-west-1") == source / "ca" / "eu-west-1.pem"


def test_unknown_region_fails_first(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "xx-nowhere-1")
    with fakes.failing(rotation.RotationError, r"'xx-nowhere-1': add ca/xx-nowhere-1\.pem as ca/R"):
        fakes.rotate()
    assert fakes.aws.calls == []


def test_login_arguments(monkeypatch: pytest.MonkeyPatch, fakes: Fakes) -> None:
    seen: dict[str, Any] = {}

    def connection(host: str, port: int, **rest: Any) -> Any:
        seen.update(rest, host=host, port=port)
        raise PostgresError("seen")

    monkeypatch.undo()
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(rotation, "_client", lambda: fakes.aws)
    monkeypatch.setattr(postgres, "Connection", connection)
    monkeypatch.setattr(rotation, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    fakes.aws.rotate("second")
    with pytest.raises(PostgresError, match="seen"):
        fakes.step("testSecret")
    assert seen == {
        "host": CREDENTIALS.host,
        "port": 5432,
        "user": "ledger_admin",
        "database": "ledger",
        "password": "TheFirstPassword",
        "cafile": rotation.roots("eu-west-1"),
        "deadline": 1055.0,
    }


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [(None, None), ("", None), ("https://endpoint.example", "https://endpoint.example")],
)
def test_client_limits(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None, expected: str | None
) -> None:
    boto3, botocore, config = ModuleType("boto3"), ModuleType("botocore"), ModuleType("config")
    monkeypatch.setattr(boto3, "client", lambda *a, **k: (a, k), raising=False)
    monkeypatch.setattr(config, "Config", dict, raising=False)
    for name, module in (("boto3", boto3), ("botocore", botocore), ("botocore.config", config)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delenv("SECRETS_MANAGER_ENDPOINT", raising=False)
    if endpoint is not None:
        monkeypatch.setenv("SECRETS_MANAGER_ENDPOINT", endpoint)
    rotation._client.cache_clear()
    arguments, options = rotation._client()
    rotation._client.cache_clear()
    assert arguments == ("secretsmanager",)
    assert options["endpoint_url"] == expected
    assert options["config"]["connect_timeout"] == 5
    assert options["config"]["read_timeout"] == 5
    assert options["config"]["retries"]["total_max_attempts"] <= 3


def test_library_loggers_are_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("boto3", "botocore", "botocore.endpoint", "botocore.parsers", "urllib3"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_parse_failures_are_silent(fakes: Fakes) -> None:
    fakes.aws.rotate("second")
    broken: list[tuple[str, object]] = [
        ("engine", "mysql"),
        ("port", "TheFirstPassword"),
        ("password", "pässword"),
        ("password", ""),
        ("host", None),
        ("username", "a\0b"),
    ]
    for (name, value), step in itertools.product(broken, ("createSecret", "setSecret")):
        fakes.aws.write("first", secret_text(**{name: value}), [])
        with pytest.raises(SecretError, match=f"'{name}' in the current version") as caught:
            fakes.step(step)
        assert "TheFirstPassword" not in str(caught.value)
        assert "pässword" not in str(caught.value)
