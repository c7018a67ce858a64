"""Tests of the planning itself make each plan anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from finbase.terraform.workspace import Workspace
from tests.support.plan_store import PlanStore


@pytest.fixture(name="workspace")
def _workspace_without_store(workspace: PlanStore) -> Iterator[Workspace]:
    with workspace.off() as planning:
        yield planning
