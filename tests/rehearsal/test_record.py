"""Steps that fail, secrets of any kind, and what follows a kill, without Terraform and AWS."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import pytest
from botocore.exceptions import EndpointConnectionError

from finbase.errors import FinbaseError
from finbase.rehearsal import run as module
from finbase.rehearsal import secrets as secrets_module
from finbase.rehearsal.inventory import Resource
from finbase.rehearsal.lifecycle import Lifecycle
from finbase.rehearsal.model import Step
from finbase.rehearsal.orphans import IMPORTS
from finbase.rehearsal.record import EndError, Record, StepLog
from finbase.rehearsal.secrets import Credentials, Secrets
from finbase.sandbox import server
from finbase.sandbox.client import Endpoint

ENDPOINT = Endpoint("http://127.0.0.1:9", "LOCALKEY")


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (EndpointConnectionError(endpoint_url="http://here"), "Could not connect"),
        (URLError("refused"), "refused"),
        (subprocess.TimeoutExpired("psql", 60), "timed out after 60 seconds"),
        (TimeoutError(), "TimeoutError"),
        (OSError(28, "No space left on device"), "No space left"),
    ],
)
def test_record_step_keeps_failed_step(tmp_path: Path, error: Exception, problem: str) -> None:
    record = Record(tmp_path / "calls.jsonl", lambda _: None)
    with pytest.raises(EndError):  # noqa: SIM117, PT012
        with record.step("apply") as log:
            log.notes.append("101 resources to create")
            raise error
    [step] = record.steps
    assert (step.name, step.notes) == ("apply", ("101 resources to create",))
    assert len(step.problems) == 1
    assert problem in step.problems[0]


def test_record_reports_each_step_at_its_end(tmp_path: Path) -> None:
    ended: list[Step] = []
    record = Record(tmp_path / "calls.jsonl", lambda _: None, ended.append)
    record.add(Step("initialise", 1.0, 0))
    with record.step("apply") as log:
        assert [step.name for step in ended] == ["initialise"]
        log.resources = 19
    with suppress(EndError), record.step("destroy"):
        raise OSError(28, "No space left on device")
    assert [(step.name, step.resources) for step in ended] == [
        ("initialise", 0),
        ("apply", 19),
        ("destroy", 0),
    ]
    assert ended == record.steps


def test_record_step_propagates_bugs(tmp_path: Path) -> None:
    record = Record(tmp_path / "calls.jsonl", lambda _: None)
    with pytest.raises(ZeroDivisionError), record.step("apply"):
        raise ZeroDivisionError


class EmptyError(Exception):
    """Stands for ResourceNotFoundException of botocore."""


class SecretsManager:
    """One secret whose versions have these values; None is a version without a value."""

    exceptions = SimpleNamespace(ResourceNotFoundException=EmptyError)

    def __init__(self, *values: dict[str, object] | None) -> None:
        self._values = values

    def get_paginator(self, _: str) -> SecretsManager:
        return self

    def paginate(self, **_: object) -> list[dict[str, object]]:
        return [{"SecretList": [{"ARN": "a"}, {"ARN": "b", "DeletedDate": "now"}]}]

    def list_secret_version_ids(self, **arguments: object) -> dict[str, object]:
        assert arguments["SecretId"] == "a"
        return {"Versions": [{"VersionId": str(n)} for n in range(len(self._values))]}

    def get_secret_value(self, **arguments: str) -> dict[str, object]:
        value = self._values[int(arguments["VersionId"])]
        if value is None:
            raise EmptyError
        return value


def test_secrets_collect_reads_any_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = SecretsManager(
        {"SecretString": json.dumps({"username": "owner", "password": "first"})},
        {"SecretString": '{"token": "second"}'},
        {"SecretString": "third"},
        {"SecretString": '["fourth"]'},
        {"SecretBinary": b"fifth"},
        None,
    )
    monkeypatch.setattr(secrets_module, "client", lambda *_: manager)
    secrets = Secrets(ENDPOINT, "eu-west-1")
    secrets.collect()
    assert secrets.passwords == {"first", '{"token": "second"}', "third", '["fourth"]'}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"host": "h"}', "'dbname' is missing"),
        ("[]", "it is not a JSON object"),
        ("a password", "it is not a JSON object"),
    ],
)
def test_credentials_parse_hides_the_text(text: str, reason: str) -> None:
    with pytest.raises(FinbaseError) as caught:
        Credentials.parse(text)
    message = caught.value.message
    assert message == f"a rotated secret cannot be used to connect: {reason}"


class PlannedStack:
    """A stack that creates one address, unless a block imports it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self, _: str) -> tuple[bool, Mapping[str, Any]]:
        imported = (self.folder / IMPORTS).exists()
        change = {"actions": ["no-op" if imported else "create"], "after": {"name": "ledger"}}
        address = "module.network.aws_vpc.this"
        return True, {
            "resource_changes": [{"address": address, "type": "aws_vpc", "change": change}]
        }

    def plan_json(self, _: str) -> bytes:
        return b"{}"

    def state(self) -> dict[str, Any]:
        return {}


def running(folder: Path, stack: Any, judge: Any = lambda *_: ()) -> module.Run:
    """A run whose log of calls is in the folder."""
    log = folder / "calls.jsonl"
    sandbox = server.Sandbox(ENDPOINT.url, ENDPOINT.key, 0, log)
    record = Record(log, lambda _: None)
    return module.Run(sandbox, "eu-west-1", stack, judge, folder / "rendered", record, None)


@pytest.mark.parametrize("failed", [(), ("F01", "F10")])
def test_plan_notes_what_the_judge_finds(tmp_path: Path, failed: tuple[str, ...]) -> None:
    step = StepLog()

    def judge(plan: bytes, rendered: Path) -> tuple[str, ...]:
        return failed if (plan, rendered) == (b"{}", tmp_path / "rendered") else ("wrong plan",)

    running(tmp_path, PlannedStack(tmp_path), judge).plan(step, "x")
    assert step.problems == [f"the plan fails {control}" for control in failed]


def test_import_lost_again_after_second_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc = Resource("aws_vpc", "vpc-1", frozenset({"ledger"}))
    monkeypatch.setattr(module, "inventory", lambda *_: frozenset({vpc}))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    lifecycle = Lifecycle(running(tmp_path, PlannedStack(tmp_path)), lambda _: None)
    for _ in range(2):
        step = StepLog()
        lifecycle.import_lost(step, frozenset())
        assert not step.problems
        assert "vpc-1" in (tmp_path / IMPORTS).read_text()


def test_search_for_passwords_reports_gaps(tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"PK\x03\x04")
    run = running(tmp_path, PlannedStack(tmp_path))
    secrets: Any = SimpleNamespace(collect=lambda: None, passwords={"seven-7", "eight-eight"})
    run.secrets = secrets
    with suppress(EndError):
        run.search_for_passwords(tmp_path)
    [step] = run.record.steps
    assert step.problems == ("not searched: broken: File is not a zip file",)
    assert "did not search for 1 passwords: shorter than 8 characters" in step.notes


@pytest.mark.parametrize("works", [True, False])
def test_rotate_notes_success_only_if_it_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    before, after = (Credentials("db.example", "ledger", "owner", p) for p in ("old", "new"))
    fake = SimpleNamespace(
        passwords=set(),
        rotated=lambda _: ["secret"],
        rotate=lambda _: (before, after),
        is_master=lambda _: True,
        opens=lambda _, password: (password == after.password) is works,
    )
    monkeypatch.setattr(module, "Secrets", lambda *_: fake)
    step = StepLog()
    running(tmp_path, SimpleNamespace(state=dict)).rotate(step)
    assert (len(step.notes), len(step.problems)) == ((1, 0) if works else (0, 2))
