"""Small stacks that require the same provider as those of the project, and plans to compare."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.support.commands import ROOT


def require_as_others(stack: Path, module: Path) -> None:
    """Let a stack and its module require what those of development do.

    A workspace installs a provider once for each set of requirements.
    """
    of_stack = ROOT / "environments" / "development"
    for file in ("versions.tf", ".terraform.lock.hcl"):
        shutil.copy(of_stack / file, stack)
    shutil.copy(ROOT / "modules" / "kms" / "2.0.0" / "versions.tf", module)


def comparable(planned: bytes) -> dict[str, Any]:
    """Return a plan without its time, and with the list that Terraform leaves unordered sorted."""
    loaded: dict[str, Any] = json.loads(planned)
    del loaded["timestamp"]
    loaded["relevant_attributes"] = sorted(loaded.get("relevant_attributes", []), key=str)
    return loaded
