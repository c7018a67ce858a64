"""The rotation on a real PostgreSQL, against a Secrets Manager that behaves as AWS's does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

import pytest

from finbase.sandbox import rotation_steps
from tests.rotation.fake_postgres import Pki
from tests.rotation.proxy import recording
from tests.rotation.stage import FIRST, FunctionError, FunctionKilledError, Stage
from tests.support.rotations import check, rotate

# Where the function's process dies, in the order in which a rotation comes by.
DEATHS = [
    ("createSecret", "before describe_secret"),
    ("createSecret", "before put_secret_value"),
    ("createSecret", "after put_secret_value"),
    ("setSecret", "before the proof"),
    ("setSecret", "before ALTER ROLE"),
    ("setSecret", "before COMMIT"),
    ("setSecret", "before the answer to ALTER ROLE"),
    ("setSecret", "after ALTER ROLE"),
    ("testSecret", "before SELECT 1"),
    ("testSecret", "after SELECT 1"),
    ("finishSecret", "before update_secret_version_stage"),
    ("finishSecret", "after update_secret_version_stage"),
]
MOVED = ("finishSecret", "after update_secret_version_stage")
killed_anywhere = pytest.mark.parametrize(
    ("step", "place"), DEATHS, ids=[f"{step}, {place}" for step, place in DEATHS]
)


# A rotation ----------------------------------------------------------------------------------


def test_rotation_three_times(stage: Stage) -> None:
    for _ in range(3):
        before = stage.password()
        stage.assert_rotated(stage.rotate(), before)
        assert stage.password("AWSPREVIOUS") == before
    assert len(stage.passwords()) == 4
    stage.assert_silent()


def test_rotation_with_pending_on_current(stage: Stage) -> None:
    """AWS takes the label off with the move of AWSCURRENT, but has been seen not to."""
    token = stage.rotate()
    stage.client.update_secret_version_stage(
        SecretId=stage.secret, VersionStage="AWSPENDING", MoveToVersionId=token
    )
    before = stage.password()
    stage.assert_rotated(stage.rotate(), before)


@pytest.mark.parametrize(
    "role",
    [
        "app'\"user",
        'a"; DROP ROLE postgres; --',
        "'; SELECT 1; --",
        "$1 \\ %s {0}",
        "Größe ☃",
        "current_user",
    ],
)
def test_rotation_of_any_role_name(make_stage: Callable[..., Stage], role: str) -> None:
    stage = make_stage(role=role)
    stage.assert_rotated(stage.rotate(), FIRST)
    stage.assert_silent()


def test_every_step_twice(stage: Stage) -> None:
    def twice(event: Mapping[str, str]) -> None:
        stage.invoke(event)
        before = stage.state(), stage.labels(), stage.passwords()
        stage.invoke(event)
        assert (stage.state(), stage.labels(), stage.passwords()) == before

    token = rotate(stage.client, stage.secret, twice)
    stage.assert_rotated(token, FIRST)
    stage.assert_silent()


def test_rotation_twice_with_same_token(stage: Stage) -> None:
    token = stage.rotate()
    before = stage.state()
    assert stage.rotate(token) == token
    assert stage.state() == before


def test_check_changes_nothing(stage: Stage) -> None:
    before = stage.state(), stage.labels()
    check(stage.client, stage.secret, stage.invoke)
    assert (stage.state(), stage.labels()) == before
    stage.rewrite(password="Wrong")
    with pytest.raises(FunctionError, match="28P01"):
        check(stage.client, stage.secret, stage.invoke)
    assert "AWSPENDING" not in stage.labels()


# Killed --------------------------------------------------------------------------------------


@killed_anywhere
def test_killed_rotation_heals_when_repeated(stage: Stage, step: str, place: str) -> None:
    token = str(uuid.uuid4())
    with pytest.raises(FunctionKilledError):
        stage.rotate(token, at=step, die=place)
    assert sum(map(stage.accepts, stage.passwords())) == 1
    stage.rotate(token)
    stage.assert_rotated(token, FIRST)
    stage.assert_silent()


@killed_anywhere
def test_abandoned_rotation_heals_with_next(stage: Stage, step: str, place: str) -> None:
    """Somebody takes the label off, as AWS says to do, and another rotation is begun."""
    with pytest.raises(FunctionKilledError):
        stage.rotate(at=step, die=place)
    if (step, place) != MOVED:
        stage.unlabel("AWSPENDING")
    before = stage.password()
    token = stage.rotate()
    stage.assert_rotated(token, before)
    assert not any(stage.accepts(old) for old in stage.passwords() - {stage.password()})
    stage.assert_silent()


def test_abandoned_pending_version_is_continued(stage: Stage) -> None:
    token = str(uuid.uuid4())
    with pytest.raises(FunctionKilledError):
        stage.rotate(token, at="setSecret", die="after ALTER ROLE")
    with pytest.raises(stage.client.exceptions.InvalidRequestException, match="reattempted"):
        stage.rotate()
    stage.rotate(stage.labels()["AWSPENDING"])
    stage.assert_rotated(token, FIRST)


def test_two_abandoned_rotations_heal(stage: Stage) -> None:
    for _ in range(2):
        with pytest.raises(FunctionKilledError):
            stage.rotate(at="testSecret", die="before SELECT 1")
        stage.unlabel("AWSPENDING")
    stage.assert_rotated(stage.rotate(), FIRST)
    assert len(stage.passwords()) == 4


@pytest.mark.soak
@pytest.mark.parametrize("abandoned", [False, True], ids=["run again", "abandoned"])
def test_rotation_killed_between_steps_heals(
    stage: Stage, abandoned: bool, record_property: Callable[[str, object], None]
) -> None:
    """At every call of Secrets Manager and every message to or from PostgreSQL, one by one."""
    places = 0
    for step in rotation_steps.STEPS:
        for place in range(1, 100):
            token, before = str(uuid.uuid4()), stage.password()
            try:
                stage.rotate(token, at=step, die=place)
            except FunctionKilledError:
                places += 1
            else:
                break  # the step has no more places
            labels = stage.labels()
            if abandoned and "AWSPENDING" in labels:
                stage.unlabel("AWSPENDING")
                token = str(uuid.uuid4())
            stage.rotate(token)
            stage.assert_rotated(token, before)
        else:
            raise AssertionError(f"{step} does not end")
    assert places > 80
    stage.assert_silent()
    record_property("seen", f"{places} kills")


# Nothing in clear ----------------------------------------------------------------------------


def test_no_password_on_the_wire(stage: Stage, pki: Pki) -> None:
    """A proxy that has the server's certificate reads along, both ways."""
    with recording(pki, stage.server.port) as (port, heard):
        stage.rewrite(port=port)
        token = stage.rotate()
    stage.assert_rotated(token, FIRST)
    everything = b"".join(heard)
    assert b"SCRAM-SHA-256$4096:" in everything
    assert b"SELECT 1" in everything
    for password in stage.passwords():
        assert password.encode() not in everything


def test_server_log_has_verifier_only(stage: Stage) -> None:
    stage.rotate()
    lines = [line for line in stage.server.log().splitlines() if stage.database in line]
    changes = [line for line in lines if "ALTER ROLE" in line]
    assert len(changes) == 1
    assert stage.verifier() in changes[0]
    assert stage.verifier().startswith("SCRAM-SHA-256$4096:")
    # The first one is in the log from before, where the test has made the role with it.
    assert not [secret for secret in stage.passwords() - {FIRST} if secret in stage.server.log()]


def test_verifier_is_scram_despite_md5_setting(stage: Stage) -> None:
    with stage.server.reconfigured(settings="password_encryption = 'md5'\n"):
        token = stage.rotate()
    stage.assert_rotated(token, FIRST)
    assert stage.verifier().startswith("SCRAM-SHA-256$")
