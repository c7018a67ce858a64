"""Pipelines for CI: files to begin with, for what a platform team goes on to change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

__all__ = ["PLACES", "text"]

PLACES: Final = {
    "github": PurePosixPath(".github/workflows/finbase.yml"),
    "gitlab": PurePosixPath(".gitlab-ci.yml"),
}
"""CI → where it looks for a pipeline."""

_ENVIRONMENTS = "@ENVIRONMENTS@"


def text(system: str, environments: Sequence[str]) -> str:
    """Write the pipeline of a CI for these environments."""
    template = Path(__file__).with_name(f"{system}.yml").read_text(encoding="utf-8")
    return template.replace(_ENVIRONMENTS, ", ".join(environments))
