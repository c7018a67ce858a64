"""Tests of the planning itself make each plan anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from finbase.terraform.workspace import Workspace
from tests.support.plan_store import PlanStore


@pytest.fixture
def planning(workspace: PlanStore) -> Iterator[Workspace]:
    """Return the workspace that all tests share, without its store of plans."""
    with workspace.off() as planning:
        yield planning
