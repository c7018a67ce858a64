"""The plan of development, and a process that has imported terraform-compliance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from finbase.judge import compliance
from finbase.judge.ready import Ready
from finbase.system.processes import Processes
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT


@pytest.fixture(scope="session")
def started() -> Iterator[Ready]:
    with Processes() as processes, Ready(processes) as ready:
        yield ready


@pytest.fixture(autouse=True)
def judged_in_copies(started: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a judgement that names no processes run in a copy, as those of a check do.

    ``test_ready`` proves that a process of its own returns the same.
    """
    monkeypatch.setattr(compliance, "Processes", lambda: nullcontext(started))


@pytest.fixture(scope="session")
def planned(workspace: Workspace) -> bytes:
    """The plan of development."""
    return workspace.plan(ROOT / "environments" / "development", project=ROOT)


@pytest.fixture
def plan(planned: bytes) -> dict[str, Any]:
    """The plan of development, to be changed."""
    document: dict[str, Any] = json.loads(planned)
    return document
