"""Environments → plans → verdicts, several at a time, in a scratch folder.

With a cache, a verdict is taken from it where nothing that decides it has changed, and Terraform
is not started for that environment.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from finbase.errors import TerraformError
from finbase.judge import compliance
from finbase.judge.verdict import Verdict
from finbase.system.progress import Watch
from finbase.terraform.program import Terraform, find_terraform
from finbase.terraform.provider import Installation, find_provider
from finbase.terraform.workspace import Workspace

if TYPE_CHECKING:
    from finbase.judge.cache.deciders import VerdictInputs
    from finbase.judge.cache.store import Remembered, VerdictCache

__all__ = ["check"]


def check(
    root: Path,
    names: Sequence[str],
    *,
    jobs: int,
    progress: Watch,
    planned: Callable[[str, bytes], None] = lambda name, plan: None,  # noqa: ARG005
    cache: VerdictCache | None = None,
    note: Callable[[str], None] = lambda what: None,  # noqa: ARG005
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Verdict]:
    """Plan ``environments/<name>/`` for each name and judge the plan; verdicts in that order.

    ``progress`` is told the name and the step that begins, ``planned`` the name and the plan as
    JSON, ``note`` what is odd about the cache, each from the thread that is at work. ``now`` is
    when a verdict is reached, for the cache. Raises ``TerraformError`` or ``ComplianceError``
    for the first environment that gives no verdict. Leaving the iterator early, or Ctrl-C, ends
    all processes and removes the scratch folder.
    """
    terraform = find_terraform()
    memory = _Memory(cache, root, terraform, note, now) if cache else None
    with (
        tempfile.TemporaryDirectory(prefix="finbase-") as scratch,
        ThreadPoolExecutor(max_workers=jobs) as pool,
        Workspace(terraform, Path(scratch), memory.provider if memory else None) as workspace,
    ):

        def judge(name: str) -> Verdict:
            deciders = memory.deciders(name) if memory else {}
            if memory and (found := memory.recall(name, deciders)):
                planned(name, found.plan)
                progress(name, "")
                return found.verdict
            copies = _Copies(wanted=memory is not None)
            progress(name, "plan")
            stack = root / "environments" / name
            plan = workspace.plan(stack, project=root, copied=copies.see_stack)
            planned(name, plan)
            progress(name, "features")
            verdict = compliance.run(
                plan,
                root / "features",
                environment=name,
                processes=workspace.processes,
                copied=copies.see_features,
            )
            if memory:
                memory.keep(deciders, copies, verdict, plan)
            progress(name, "")
            return verdict

        futures = [pool.submit(judge, name) for name in names]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
            if cache:
                cache.prune()


@dataclass
class _Copies:
    """What was planned and judged by: hashes of the very copies, and why another run may differ.

    Copies are looked at, since the project may change, and change back, on the way to a verdict.
    """

    wanted: bool
    stack: str = ""
    features: str = ""
    reasons: list[str] = field(default_factory=list)

    def see_stack(self, project: Path, stack: Path) -> None:
        """Look at the copy that is planned."""
        if self.wanted:
            from finbase.judge.cache.deciders import stack_hash
            from finbase.judge.cache.repeatable import uncacheable_stack_reason

            with suppress(OSError):  # Without a hash nothing is remembered.
                self.reasons.append(uncacheable_stack_reason(project, stack))
                self.stack = stack_hash(project, stack)

    def see_features(self, features: Path) -> None:
        """Look at the copy that is judged by."""
        if self.wanted:
            from finbase.judge.cache.deciders import features_hash
            from finbase.judge.cache.repeatable import why_not_steps

            with suppress(OSError):
                self.reasons.append(why_not_steps(features))
                self.features = features_hash(features)


@dataclass(frozen=True)
class _Memory:
    """What a run needs to know verdicts of earlier runs, and to be known by later ones."""

    cache: VerdictCache
    root: Path
    terraform: Terraform
    note: Callable[[str], None]
    now: Callable[[], datetime]

    @cached_property
    def provider(self) -> Installation:
        return find_provider(self.terraform)

    def deciders(self, name: str) -> Mapping[str, str]:
        """Return the hashes of what decides the verdict; none where the plan will say why not."""
        try:
            return self._known.of(name)
        except (OSError, TerraformError):
            return {}

    def recall(self, name: str, deciders: Mapping[str, str]) -> Remembered | None:
        """Give the verdict on an environment, if it is known."""
        if not deciders:
            return None
        return self.cache.recall(deciders, lambda what: self.note(f"{name}: {what}"))

    def keep(
        self, deciders: Mapping[str, str], copies: _Copies, verdict: Verdict, plan: bytes
    ) -> None:
        """Remember a verdict, where nothing changed on the way to it and nothing else decides."""
        from finbase.judge.cache.repeatable import why_not_machine, why_not_plan
        from finbase.terraform.provider import origins

        name = verdict.environment
        settings, _ = origins(self.terraform, self.provider)
        reasons = [
            why_not_machine(self.terraform, settings),
            why_not_plan(json.loads(plan)),
            *copies.reasons,
        ]
        if reason := next(filter(None, reasons), ""):
            self.note(f"{name}: its verdict is not remembered, since {reason}")
        elif deciders and self._judged(name, copies) == deciders:
            self.cache.keep(deciders, verdict, plan, self.now())

    @cached_property
    def _known(self) -> VerdictInputs:
        return self._fresh()

    def _fresh(self) -> VerdictInputs:
        from finbase.judge.cache.deciders import VerdictInputs

        return VerdictInputs(self.root, self.terraform, self.provider)

    def _judged(self, name: str, copies: _Copies) -> Mapping[str, str]:
        """Return the hashes of what was judged, and of what there is now besides."""
        try:
            return self._fresh().given(name, copies.stack, copies.features)
        except OSError:
            return {}
