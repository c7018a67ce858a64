"""Steps of a rehearsal that go wrong, or come after a kill, with nothing real behind them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import pytest
from botocore.exceptions import EndpointConnectionError

from finbase.errors import FinbaseError, TerraformError
from finbase.rehearsal import rehearse as module
from finbase.rehearsal import secrets as secrets_module
from finbase.rehearsal.inventory import Thing
from finbase.rehearsal.orphans import IMPORTS
from finbase.rehearsal.record import EndError, Record, StepLog
from finbase.rehearsal.secrets import Credentials, Secrets
from finbase.rehearsal.terraform import Stack
from finbase.sandbox import server
from finbase.system.processes import Processes
from finbase.terraform.program import Terraform

# The record ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EndpointConnectionError(endpoint_url="http://here"), "Could not connect"),
        (URLError("refused"), "refused"),
        (subprocess.TimeoutExpired("psql", 60), "timed out after 60 seconds"),
        (TimeoutError(), "TimeoutError"),
        (OSError(28, "No space left on device"), "No space left"),
    ],
)
def test_a_step_that_the_world_ends_is_kept(tmp_path: Path, error: Exception, told: str) -> None:
    record = Record(tmp_path / "calls.jsonl", lambda _: None)
    with pytest.raises(EndError):  # noqa: SIM117, PT012
        with record.step("apply") as step:
            step.told.append("101 resources to create")
            raise error
    [kept] = record.steps
    assert (kept.name, kept.told) == ("apply", ("101 resources to create",))
    assert len(kept.problems) == 1
    assert told in kept.problems[0]


def test_a_mistake_in_the_rehearsal_itself_is_no_problem_of_the_stack(tmp_path: Path) -> None:
    record = Record(tmp_path / "calls.jsonl", lambda _: None)
    with pytest.raises(ZeroDivisionError), record.step("apply"):
        raise ZeroDivisionError


# Secrets -------------------------------------------------------------------------------------


class EmptyError(Exception):
    """What botocore makes of ResourceNotFoundException."""


class SecretsManager:
    """One secret, whose versions have these values; None is a version that is empty."""

    exceptions = SimpleNamespace(ResourceNotFoundException=EmptyError)

    def __init__(self, *values: dict[str, object] | None) -> None:
        self._values = values

    def get_paginator(self, _: str) -> SecretsManager:
        return self

    def paginate(self, **_: object) -> list[dict[str, object]]:
        return [{"SecretList": [{"ARN": "a"}, {"ARN": "b", "DeletedDate": "now"}]}]

    def list_secret_version_ids(self, **given: object) -> dict[str, object]:
        assert given["SecretId"] == "a"
        return {"Versions": [{"VersionId": str(n)} for n in range(len(self._values))]}

    def get_secret_value(self, **given: str) -> dict[str, object]:
        value = self._values[int(given["VersionId"])]
        if value is None:
            raise EmptyError
        return value


def test_passwords_are_collected_from_secrets_of_any_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    held = SecretsManager(
        {"SecretString": json.dumps({"username": "owner", "password": "first"})},
        {"SecretString": '{"token": "second"}'},
        {"SecretString": "third"},
        {"SecretString": '["fourth"]'},
        {"SecretBinary": b"fifth"},
        None,
    )
    monkeypatch.setattr(secrets_module, "client", lambda *_: held)
    secrets = Secrets("http://127.0.0.1:9", "eu-west-1")
    secrets.collect()
    assert secrets.passwords == {"first", '{"token": "second"}', "third", '["fourth"]'}


# Terraform -----------------------------------------------------------------------------------


def stack(folder: Path, program: Path) -> Stack:
    terraform = Terraform(program, "Terraform", (1, 11, 4), "linux_amd64")
    return Stack(terraform, folder, {}, Processes())


def test_a_plan_that_cannot_run_is_an_error_of_terraform_s(tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match=r"could not run: .*No such file"):
        stack(tmp_path, tmp_path / "nowhere").plan("first")


def test_a_plan_that_does_not_end_is_an_error_of_terraform_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: object, **__: object) -> None:
        raise TimeoutError("terraform did not end within 1800 seconds")

    made = stack(tmp_path, Path(sys.executable))
    monkeypatch.setattr(made.processes, "run", late)
    with pytest.raises(TerraformError, match="did not end within"):
        made.plan("first")


# After a kill --------------------------------------------------------------------------------


class Planned:
    """A stack that wants one address, which is no longer to create where a block imports it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self, _: str) -> tuple[bool, Mapping[str, Any]]:
        imported = (self.folder / IMPORTS).exists()
        change = {"actions": ["no-op" if imported else "create"], "after": {"name": "ledger"}}
        address = "module.network.aws_vpc.this"
        return True, {
            "resource_changes": [{"address": address, "type": "aws_vpc", "change": change}]
        }

    def state(self) -> dict[str, Any]:
        return {}


def test_what_is_to_be_imported_is_lost_still_after_a_second_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc = Thing("aws_vpc", "vpc-1", frozenset({"ledger"}))
    monkeypatch.setattr(module, "inventory", lambda *_: frozenset({vpc}))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    log = tmp_path / "calls.jsonl"
    planned: Any = Planned(tmp_path)
    run = module._Run(
        server.Sandbox("http://127.0.0.1:9", 0, log),
        "eu-west-1",
        planned,
        tmp_path,
        Record(log, lambda _: None),
        lambda _: None,
        None,
    )
    for _ in range(2):
        step = StepLog()
        run._take_up(step, frozenset())
        assert not step.problems
        assert "vpc-1" in (tmp_path / IMPORTS).read_text()


def test_what_was_not_searched_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"PK\x03\x04")
    log = tmp_path / "calls.jsonl"
    record = Record(log, lambda _: None)
    planned: Any = Planned(tmp_path)
    sandbox = server.Sandbox("http://127.0.0.1:9", 0, log)
    run = module._Run(sandbox, "eu-west-1", planned, tmp_path, record, lambda _: None, None)
    secrets: Any = SimpleNamespace(collect=lambda: None, passwords={"seven-7", "eight-eight"})
    run._secrets = secrets
    with suppress(EndError):
        run.look_for_passwords()
    [step] = record.steps
    assert step.problems == ("not searched: broken: File is not a zip file",)
    assert "1 left out, of fewer than 8 characters" in step.told


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ('{"host": "h"}', "'dbname' is missing"),
        ("[]", "it is no JSON object"),
        ("a password", "it is no JSON object"),
    ],
)
def test_a_rotated_secret_that_lacks_a_field_is_told(text: str, missing: str) -> None:
    with pytest.raises(FinbaseError) as caught:
        Credentials.parse(text)
    told = caught.value.message
    assert told.startswith("a rotated secret cannot be used to connect: ")
    assert missing in told
    assert "password" not in told
