"""A second database in an environment, with the inputs of the first one."""

from __future__ import annotations

import copy
from pathlib import Path

import yaml

from tests.support.commands import finbase

NAME = "reports"
PARTS = ("database", "secret", "roles", "access", "monitoring")
"""The modules that each database has."""


def with_second(project: Path, environment: str, **inputs: object) -> Path:
    """Add a database with other ``inputs``, render, and return the folder of the stack."""
    file = project / "environments" / f"{environment}.yaml"
    values = yaml.safe_load(file.read_text())
    for part in PARTS:
        section = values["modules"][part]
        own = copy.deepcopy({n: value for n, value in section.items() if n != "version"})
        section["instances"] = {NAME: {**own, **(inputs if part == "database" else {})}}
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    done = finbase(project, "render", environment)
    assert done.exit_code == 0, done.output
    return project / "environments" / environment
