"""A set-up or a rotation that was killed heals with the next run, wherever it died."""

from __future__ import annotations

import json
import os
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from postgres import LoginError

from finbase.sandbox.rotation_steps import STEPS
from tests.roles.stage import Stage
from tests.rotation.stage import FunctionKilledError

SEED = int(os.environ.get("SOAK_SEED", "20261130"))
# Calls of Secrets Manager and messages to and from PostgreSQL in a set-up of three roles, each
# with a place before and one after it.
MOST = 3000


def accepts(stage: Stage, credentials: Mapping[str, Any]) -> bool:
    try:
        with stage.connect(credentials) as connection:
            connection.execute("SELECT 1")
    except LoginError:
        return False
    return True


def empty(stage: Stage) -> None:
    """Take everything back that a set-up has made."""
    stage.query(
        "DROP SCHEMA IF EXISTS app CASCADE;"
        f"DROP EXTENSION IF EXISTS {', '.join(stage.extensions)};"
        "SELECT format('DROP OWNED BY %1$s; DROP ROLE %1$s', "
        "string_agg(quote_ident(rolname), ', ')) FROM pg_roles "
        "WHERE shobj_description(oid, 'pg_authid') LIKE 'Made by finbase%' "
        "HAVING count(*) > 0 \\gexec"
    )


def killed(stage: Stage, place: int) -> bool:
    """Run a set-up that dies at a place; returns whether it has come that far."""
    try:
        stage.apply(die=place)
    except FunctionKilledError:
        return True
    return False


def test_killed_set_up_heals(stage: Stage) -> None:
    """At places drawn over the whole of it: what is there then is whole, or not there."""
    assert not killed(stage, MOST)
    empty(stage)
    for place in random.Random(SEED).sample(range(1, stage.runtime.places), 4):
        assert killed(stage, place)
        # Every role that exists has its mark: an apply refuses those of somebody else.
        assert stage.apply()["drift"] == []
        empty(stage)


@pytest.mark.soak
def test_set_up_killed_anywhere_heals(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    places = 0
    for place in range(1 + SEED % 7, MOST, 7):
        if not killed(stage, place):
            break
        places += 1
        assert stage.apply()["drift"] == []
        assert stage.apply()["changed"] == []
        empty(stage)
    assert places > 20
    record_property("seen", f"{places} kills")


def rotate_killed(stage: Stage, step: str, place: int) -> tuple[str, bool]:
    """Rotate and die; returns the token, and whether the step had come that far."""
    token = str(uuid.uuid4())
    try:
        stage.rotate("app", token, at=step, die=place)
    except FunctionKilledError:
        return token, True
    return token, False


def assert_rotation_heals(stage: Stage, step: str, place: int, *, abandoned: bool) -> bool:
    before = stage.current("app")
    token, died = rotate_killed(stage, step, place)
    if not died:
        return False
    # Whoever has read the current version can log in, whatever was half done.
    now = stage.current("app")
    assert accepts(stage, now)
    assert accepts(stage, before)
    labels = stage.client.describe_secret(SecretId=stage.secrets["app"])["VersionIdsToStages"]
    if abandoned and "AWSPENDING" in labels.get(token, ()):
        stage.client.update_secret_version_stage(
            SecretId=stage.secrets["app"], VersionStage="AWSPENDING", RemoveFromVersionId=token
        )
        token = str(uuid.uuid4())
    stage.rotate("app", token)
    after = stage.current("app")
    assert labels.get(token) is not None or after["password"] != before["password"]
    assert accepts(stage, after)
    assert accepts(stage, before)
    return True


# Before the first call, in the middle, and between the database and the label; each step is both
# run again and abandoned.
PLACES = [
    *(("createSecret", 1, True), ("createSecret", 9, False)),
    *(("setSecret", 8, False), ("setSecret", 40, True), ("setSecret", 70, False)),
    *(("testSecret", 12, True), ("testSecret", 12, False)),
    *(("finishSecret", 5, True), ("finishSecret", 10, False)),
]


def test_killed_rotation_heals(shared: Stage) -> None:
    for step, place, abandoned in PLACES:
        assert assert_rotation_heals(shared, step, place, abandoned=abandoned), (step, place)
    assert shared.drift() == []
    shared.assert_silent()


@pytest.mark.soak
@pytest.mark.parametrize("abandoned", [False, True], ids=["run again", "abandoned"])
def test_rotation_killed_anywhere_heals(
    ready: Stage, abandoned: bool, record_property: Callable[[str, object], None]
) -> None:
    places = 0
    for step in STEPS:
        for place in range(1, MOST):
            if not assert_rotation_heals(ready, step, place, abandoned=abandoned):
                break
            places += 1
    assert places > 60
    assert ready.drift() == []
    ready.assert_silent()
    record_property("seen", f"{places} kills")


def test_first_rotation_killed_after_the_password_heals(stage: Stage) -> None:
    """Nobody has a password yet, and the one that was set is in the pending version."""
    stage.apply()
    token, died = rotate_killed(stage, "testSecret", 1)
    assert died
    pending = stage.current("app", "AWSPENDING")
    assert accepts(stage, pending)
    stage.rotate("app", token)
    assert json.dumps(stage.current("app")) == json.dumps(pending)
