"""Real plans for a campaign: those of the project, and one for each way to put a failure back.

Terraform makes them once, into ``build/fuzz/plans`` (some four seconds each).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from finbase.judge.mutations import Mutation, load_mutations, mutate
from finbase.judge.prove import rendered_files
from finbase.project.tree import lay_out
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace
from tests.fuzz.fast_judge import FEATURES, ROOT

GOOD = ("development", "production")
_EACH = 3  # of the ways to put one failure back


def make_plans(folder: Path) -> dict[str, bytes]:
    """The plans in a folder, by name; those of failures are called ``F01-…``."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "whole").exists():
        _plan_all(folder)
        (folder / "whole").touch()
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.json"))}


def _plan_all(folder: Path) -> None:
    files = rendered_files(ROOT)
    chosen: dict[str, list[Mutation]] = {}
    for mutation in load_mutations(FEATURES):
        of_one = chosen.setdefault(mutation.failure, [])
        if len(of_one) < _EACH:
            of_one.append(mutation)
    with (
        tempfile.TemporaryDirectory() as scratch,
        Workspace(find_terraform(), Path(scratch)) as workspace,
    ):
        for name in GOOD:
            plan = workspace.plan(ROOT / "environments" / name, project=ROOT)
            (folder / f"{name}.json").write_bytes(plan)
        for mutation in (each for of_one in chosen.values() for each in of_one):
            project = Path(scratch, mutation.id)
            lay_out(mutate(files, mutation), project)
            stack = project / "environments" / mutation.environment
            plan = workspace.plan(stack, project=project)
            (folder / f"{mutation.failure}-{mutation.id}.json").write_bytes(plan)
