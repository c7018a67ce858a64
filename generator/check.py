"""Environments → plans → verdicts, several at a time, in a scratch folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from generator import compliance
from generator.terraform import find_terraform
from generator.verdict import Verdict
from generator.workspace import Workspace

__all__ = ["check"]


def check(
    root: Path,
    names: Sequence[str],
    *,
    jobs: int,
    progress: Callable[[str, str], None],
    planned: Callable[[str, bytes], None] = lambda name, plan: None,  # noqa: ARG005
) -> Iterator[Verdict]:
    """Plan ``environments/<name>/`` for each name and judge the plan; verdicts in that order.

    ``progress`` is told the name and the step that begins, ``planned`` the name and the plan as
    JSON, each from the thread that is at work. Raises ``TerraformError`` or
    ``ComplianceError`` for the first environment that gives no verdict. Leaving the iterator
    early, or Ctrl-C, ends all processes and removes the scratch folder.
    """
    terraform = find_terraform()
    with (
        tempfile.TemporaryDirectory(prefix="finbase-") as scratch,
        ThreadPoolExecutor(max_workers=jobs) as pool,
        Workspace(terraform, Path(scratch)) as workspace,
    ):

        def judge(name: str) -> Verdict:
            progress(name, "plan")
            plan = workspace.plan(root / "environments" / name, project=root)
            planned(name, plan)
            progress(name, "features")
            return compliance.run(
                plan, root / "features", environment=name, processes=workspace.processes
            )

        futures = [pool.submit(judge, name) for name in names]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
