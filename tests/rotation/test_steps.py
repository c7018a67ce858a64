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
from fake_aws import ARN, KilledError, ServiceError
from postgres import LoginError, PostgresError, ServerError
from world import CONTEXT, CREDENTIALS, FIELDS, World

STEPS = list(rotation.STEPS)


def secret_text(**changes: object) -> str:
    return json.dumps(FIELDS | changes)


# A rotation ----------------------------------------------------------------------------------


def test_a_rotation_gives_the_role_the_password_of_the_new_current_version(world: World) -> None:
    world.rotate()
    assert world.aws.labelled("AWSCURRENT") == "second"
    assert world.aws.labelled("AWSPREVIOUS") == "first"
    assert world.database.accepts(world.password("AWSCURRENT"))
    assert not world.database.accepts("TheFirstPassword")


def test_the_new_version_differs_in_the_password_alone(world: World) -> None:
    world.rotate()
    fields = json.loads(world.aws.value("AWSCURRENT"))
    assert re.fullmatch("[A-Za-z0-9]{40}", fields.pop("password"))
    assert fields == {key: value for key, value in FIELDS.items() if key != "password"}


def test_passwords_are_never_the_same() -> None:
    assert len({rotation.new_password() for _ in range(100)}) == 100


def test_many_rotations_in_a_row(world: World) -> None:
    for token in ("second", "third", "fourth"):
        world.rotate(token)
        assert world.database.accepts(world.password("AWSCURRENT"))
    assert world.aws.labelled("AWSPREVIOUS") == "third"


def test_a_rotation_lists_no_versions_and_logs_in_with_what_it_has(world: World) -> None:
    world.rotate()
    assert "list_secret_version_ids" not in world.aws.calls
    assert world.database.logins == ["28P01", "00000", "00000"]


def test_the_statement_holds_neither_password(world: World) -> None:
    world.rotate()
    change, check = world.database.statements
    assert check == "SELECT 1"
    for label in ("AWSCURRENT", "AWSPREVIOUS"):
        assert world.password(label) not in change


def test_the_log_has_step_secret_and_outcome(world: World) -> None:
    world.rotate()
    lines = [json.loads(record.message) for record in world.caplog.records]
    assert [line["step"] for line in lines] == STEPS
    assert all(line.keys() == {"step", "secret", "outcome"} for line in lines)
    assert {line["secret"] for line in lines} == {ARN}
    world.assert_silent()


# Repetition ----------------------------------------------------------------------------------


def test_each_step_twice_is_each_step_once(world: World) -> None:
    world.aws.rotate("second")
    for name in STEPS:
        world.step(name)
        value = world.aws.versions["second"].value
        world.step(name)
        assert world.aws.versions["second"].value == value
    assert world.aws.calls.count("put_secret_value") == 1
    assert world.aws.calls.count("update_secret_version_stage") == 1
    assert sum("ALTER ROLE" in sql for sql in world.database.statements) == 1
    assert world.database.accepts(world.password("AWSCURRENT"))


@pytest.mark.parametrize("pending_stays", [True, False])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_after_the_end_does_nothing(world: World, name: str, pending_stays: bool) -> None:
    world.rotate()
    if not pending_stays:
        world.aws.versions["second"].labels.discard("AWSPENDING")
    calls, logins = len(world.aws.calls), len(world.database.logins)
    world.step(name)
    assert world.aws.calls[calls:] == ["describe_secret"]
    assert len(world.database.logins) == logins


@pytest.mark.parametrize("abandoned", [False, True], ids=["run again", "abandoned"])
def test_a_rotation_killed_anywhere_heals(world: World, abandoned: bool) -> None:
    world.rotate()
    points = world.fuse.passed
    assert points > 25
    for moment in range(1, points + 1):
        token, following = f"killed at {moment}", f"after {moment}"
        before = world.password("AWSCURRENT")
        world.fuse.passed, world.fuse.blow_at = 0, moment
        with pytest.raises(KilledError):
            world.rotate(token)
        world.fuse.blow_at = None
        if abandoned:  # somebody removes the label, and another rotation is started
            world.aws.versions[token].labels.discard("AWSPENDING")
        else:
            following = token
        world.rotate(following)
        assert world.aws.labelled("AWSCURRENT") == following
        assert world.database.accepts(world.password("AWSCURRENT"))
        assert not world.database.accepts(before)


# The gates -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STEPS)
def test_no_step_without_rotation_being_enabled(world: World, name: str) -> None:
    world.aws.rotate("second")
    world.aws.enabled = False
    with world.failing(SecretError, "not enabled"):
        world.step(name)


@pytest.mark.parametrize("name", STEPS)
def test_no_step_for_an_unknown_token(world: World, name: str) -> None:
    with world.failing(SecretError, "no version with the token"):
        world.step(name, "unheard-of")


@pytest.mark.parametrize("name", STEPS)
def test_no_step_for_a_version_that_is_not_pending(world: World, name: str) -> None:
    world.aws.write("second", None, ["elsewhere"])
    with world.failing(SecretError, "not labelled AWSPENDING"):
        world.step(name)
    assert world.aws.calls == ["describe_secret"]


@pytest.mark.parametrize("name", ["", "create_secret", "CREATESECRET", "rollback"])
def test_unknown_steps_are_rejected(world: World, name: str) -> None:
    with world.failing(rotation.RotationError, "no step of a rotation"):
        world.step(name)
    assert world.aws.calls == []


@pytest.mark.parametrize("missing", ["Step", "SecretId", "ClientRequestToken"])
def test_an_event_must_be_complete(missing: str) -> None:
    event = {"Step": "createSecret", "SecretId": ARN, "ClientRequestToken": "second"}
    del event[missing]
    with pytest.raises(rotation.RotationError, match=f"'{missing}' is missing"):
        rotation.handler(event, CONTEXT)


def test_unknown_keys_of_the_event_are_ignored(world: World) -> None:
    world.aws.rotate("second")
    world.step("createSecret", RotationToken="a", Something={"new": 1})
    assert world.aws.versions["second"].value


# createSecret --------------------------------------------------------------------------------


def test_the_value_of_an_attempt_at_the_same_time_stays(world: World) -> None:
    world.aws.rotate("second")
    other = secret_text(password="OfTheOtherAttempt")
    world.aws.before["put_secret_value"] = lambda: world.aws.write("second", other, [])
    world.step("createSecret")
    assert world.aws.versions["second"].value == other


def test_a_secret_without_a_value_cannot_be_rotated(world: World) -> None:
    world.aws.rotate("second")
    world.aws.versions["first"].value = None
    with world.failing(SecretError, "no AWSCURRENT value"):
        world.step("createSecret")


def test_a_secret_without_a_current_version_cannot_be_finished(world: World) -> None:
    world.rotate(upto="testSecret")
    world.aws.unlabel("first")
    with world.failing(SecretError, "no version of the secret is labelled AWSCURRENT"):
        world.step("finishSecret")


def test_an_error_of_the_service_that_quotes_the_request_is_not_passed_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ValidationException(ServiceError):  # noqa: N818
        pass

    sent = []

    def refuse(**request: Any) -> None:
        sent.append(json.loads(request["SecretString"])["password"])
        raise ValidationException(f"cannot take {request}")

    world.aws.rotate("second")
    monkeypatch.setattr(world.aws, "put_secret_value", refuse)
    with pytest.raises(SecretError, match="cannot be written: ValidationException") as caught:
        world.step("createSecret")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert sent[0] not in str(caught.value) + world.caplog.text


def test_an_error_that_is_none_of_the_service_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ConnectionError("request: …")

    world.aws.rotate("second")
    monkeypatch.setattr(world.aws, "put_secret_value", refuse)
    with world.failing(SecretError, "cannot be written: ConnectionError"):
        world.step("createSecret")


# setSecret -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("username", "postgres"), ("host", "elsewhere.example"), ("port", 5433), ("dbname", "other")],
)
def test_a_new_version_of_another_role_is_refused(world: World, name: str, value: object) -> None:
    world.aws.rotate("second")
    world.aws.write("second", secret_text(password="New", **{name: value}), [])
    with world.failing(rotation.RotationError, "another role, host, port or database"):
        world.step("setSecret")
    assert world.database.logins == []


@pytest.mark.parametrize("refusal", ["28P01", "28000"])
def test_a_refused_password_means_the_next_one(world: World, refusal: str) -> None:
    world.database.refusal = refusal
    world.rotate()
    assert world.database.logins[:2] == [refusal, "00000"]


@pytest.mark.parametrize(
    "trouble",
    [ServerError("53300"), ServerError("57P03"), ServerError("3D000"), PostgresError("no answer")],
)
@pytest.mark.parametrize("name", ["setSecret", "testSecret"])
def test_any_other_trouble_is_told_and_not_taken_for_a_wrong_password(
    world: World, name: str, trouble: PostgresError
) -> None:
    world.rotate(upto="createSecret")
    world.database.trouble = trouble
    with world.failing(type(trouble), re.escape(str(trouble))):
        world.step(name)
    assert world.database.logins == ["trouble"]
    world.database.trouble = None
    world.rotate()
    assert world.database.accepts(world.password("AWSCURRENT"))


def test_a_change_that_fails_leaves_the_old_password(world: World) -> None:
    world.rotate(upto="createSecret")
    world.database.statement_trouble = ServerError("55P03")
    with world.failing(ServerError, "55P03"):
        world.step("setSecret")
    assert world.database.accepts(world.password("AWSCURRENT"))


def test_the_previous_password_opens_the_database(world: World) -> None:
    world.rotate()
    world.database.set_password("TheFirstPassword")  # as after a restored snapshot
    world.rotate("third")
    assert world.database.accepts(world.password("AWSCURRENT"))
    assert "list_secret_version_ids" not in world.aws.calls


def test_the_password_of_an_abandoned_rotation_opens_the_database(world: World) -> None:
    world.rotate("abandoned", upto="setSecret")
    world.aws.unlabel("abandoned")
    world.rotate("third")
    assert world.aws.labelled("AWSCURRENT") == "third"
    assert world.database.accepts(world.password("AWSCURRENT"))


def test_versions_with_labels_of_their_own_come_before_those_without(world: World) -> None:
    world.aws.versions["first"].labels.add("initial")
    for number in range(store.MAX_OTHERS + 5):
        world.rotate(f"rotation {number}")
    world.database.set_password("TheFirstPassword")  # as after a reset of the instance
    world.database.logins.clear()
    world.rotate("last", upto="setSecret")
    assert world.database.logins == ["28P01"] * 3 + ["00000"]


def test_the_number_of_attempts_is_limited(world: World) -> None:
    for number in range(store.MAX_OTHERS + 5):
        world.rotate(f"rotation {number}")
    world.database.set_password("TheFirstPassword")
    world.database.logins.clear()
    with world.failing(rotation.RotationError, "no version of the secret"):
        world.rotate("last")
    assert len(world.database.logins) == 3 + store.MAX_OTHERS


@pytest.mark.parametrize(
    "unusable", [None, "", "not JSON", "[]", secret_text(username="x"), secret_text(port="5432")]
)
def test_unusable_older_versions_are_passed_over(world: World, unusable: str | None) -> None:
    world.rotate("abandoned", upto="setSecret")
    world.aws.unlabel("abandoned")
    world.aws.write("unusable", unusable, [])
    world.database.logins.clear()
    world.rotate("third", upto="setSecret")
    assert world.database.logins == ["28P01", "28P01", "00000"]


def test_an_older_version_is_tried_at_the_current_address_only(world: World) -> None:
    old = secret_text(host="former.example", port=5433, password="Live")
    world.aws.write("old", old, [])
    world.database.set_password("Live")
    world.rotate()
    assert world.database.accepts(world.password("AWSCURRENT"))


def test_a_password_that_no_version_has_is_an_error_with_a_way_out(world: World) -> None:
    world.database.set_password("ChangedByHand")
    with world.failing(rotation.RotationError, "it was changed elsewhere"):
        world.rotate()
    assert world.database.statements == []
    assert world.aws.labelled("AWSCURRENT") == "first"


@pytest.mark.parametrize("name", ["setSecret", "finishSecret"])
def test_an_empty_new_version_goes_no_further(world: World, name: str) -> None:
    world.aws.rotate("second")
    with world.failing(rotation.RotationError, "createSecret has not run"):
        world.step(name)
    assert world.aws.labelled("AWSCURRENT") == "first"


# testSecret ----------------------------------------------------------------------------------


def test_a_role_without_the_new_password_fails_the_test(world: World) -> None:
    world.rotate(upto="createSecret")
    with world.failing(LoginError, "28P01"):
        world.step("testSecret")


def test_a_test_without_a_rotation_tests_the_current_password(world: World) -> None:
    world.aws.rotate("second")
    world.step("testSecret")
    assert world.database.statements == ["SELECT 1"]
    world.database.set_password("ChangedByHand")
    with world.failing(LoginError, "28P01"):
        world.step("testSecret")


# Around the steps ----------------------------------------------------------------------------


def test_the_region_chooses_the_roots(source: Path) -> None:
    assert rotation.roots("eu-west-1") == source / "ca" / "eu-west-1.pem"


def test_an_unknown_region_is_told_before_anything_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "xx-nowhere-1")
    with world.failing(rotation.RotationError, r"'xx-nowhere-1': add ca/xx-nowhere-1\.pem as ca/R"):
        world.rotate()
    assert world.aws.calls == []


def test_the_database_gets_what_the_secret_says_and_what_time_is_left(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    seen: dict[str, Any] = {}

    def connection(host: str, port: int, **rest: Any) -> Any:
        seen.update(rest, host=host, port=port)
        raise PostgresError("seen")

    monkeypatch.undo()
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(rotation, "_client", lambda: world.aws)
    monkeypatch.setattr(postgres, "Connection", connection)
    monkeypatch.setattr(rotation, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    world.aws.rotate("second")
    with pytest.raises(PostgresError, match="seen"):
        world.step("testSecret")
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
def test_the_client_has_short_limits(
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


def test_libraries_that_log_requests_stay_silent_whatever_the_root_logger_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("boto3", "botocore", "botocore.endpoint", "botocore.parsers", "urllib3"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_every_failure_of_the_secret_s_text_is_silent(world: World) -> None:
    world.aws.rotate("second")
    broken: list[tuple[str, object]] = [
        ("engine", "mysql"),
        ("port", "TheFirstPassword"),
        ("password", "pässword"),
        ("password", ""),
        ("host", None),
        ("username", "a\0b"),
    ]
    for (name, value), step in itertools.product(broken, ("createSecret", "setSecret")):
        world.aws.write("first", secret_text(**{name: value}), [])
        with pytest.raises(SecretError, match=f"'{name}' in the current version") as caught:
            world.step(step)
        assert "TheFirstPassword" not in str(caught.value)
        assert "pässword" not in str(caught.value)
