"""Environments → plans → verdicts, several at a time, in a scratch folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from finbase.judge import compliance
from finbase.judge.features import copy_sources
from finbase.judge.ready import Ready
from finbase.judge.verdict import Verdict
from finbase.system.progress import Watch, ignore
from finbase.terraform.program import Terraform, find_terraform
from finbase.terraform.provider import Installation, find_provider
from finbase.terraform.workspace import Workspace


@dataclass(frozen=True)
class Judged:
    """A verdict, and the plan as JSON that it is about."""

    verdict: Verdict
    plan: bytes


Judge: TypeAlias = Callable[[str], Judged]
"""Returns the verdict on an environment, by name; is called from several threads."""


@dataclass(frozen=True)
class StackJudge:
    """Plans the stack of an environment and judges the plan."""

    root: Path
    terraform: Terraform
    provider: Installation
    workspace: Workspace
    ready: Ready
    progress: Watch

    def __call__(
        self,
        name: str,
        *,
        stack_copied: Callable[[Path, Path], object] = ignore,
        features_copied: Callable[[Path], object] = ignore,
    ) -> Judged:
        """Plan and judge ``environments/<name>/``.

        Both steps work on copies. ``stack_copied`` is called with the copied project and the
        copied stack before the plan, ``features_copied`` with the copied features before they
        judge. Raises ``TerraformError`` or ``ComplianceError`` if there is no verdict.
        """
        self.progress(name, "plan")
        stack = self.root / "environments" / name
        with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:

            def copied(project: Path, copy: Path) -> None:
                stack_copied(project, copy)
                copy_sources(copy, Path(scratch))

            plan = self.workspace.plan(stack, project=self.root, copied=copied)
            self.progress(name, "features")
            verdict = compliance.run(
                plan,
                self.root / "features",
                environment=name,
                rendered=True,
                stack=Path(scratch, "sources", "environments", name),
                processes=self.ready,
                copied=features_copied,
            )
        return Judged(verdict, plan)


def check(
    root: Path,
    names: Sequence[str],
    *,
    jobs: int,
    progress: Watch,
    planned: Callable[[str, bytes], object] = ignore,
    through: Callable[[StackJudge], Judge] | None = None,
) -> Iterator[Verdict]:
    """Plan ``environments/<name>/`` for each name and judge the plan; yield verdicts in order.

    ``progress`` receives the name and the step that starts, ``planned`` the name and the plan as
    JSON; both are called from worker threads. ``through`` may put another judge before the one
    that runs Terraform, such as ``CachedJudge``. Raises ``TerraformError`` or ``ComplianceError``
    for the first environment without a verdict. If the caller leaves the iterator early, or
    presses Ctrl-C, all processes are stopped and the scratch folder is removed.
    """
    terraform = find_terraform()
    provider = find_provider(terraform)
    with (
        tempfile.TemporaryDirectory(prefix="finbase-") as scratch,
        ThreadPoolExecutor(max_workers=jobs) as pool,
        Workspace(terraform, Path(scratch), provider) as workspace,
        Ready(workspace.processes) as ready,
    ):
        direct = StackJudge(root, terraform, provider, workspace, ready, progress)
        judge = through(direct) if through else direct

        def judge_environment(name: str) -> Verdict:
            judged = judge(name)
            planned(name, judged.plan)
            progress(name, "")
            return judged.verdict

        futures = [pool.submit(judge_environment, name) for name in names]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
