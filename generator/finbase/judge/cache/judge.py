"""A judge that returns the cached verdict if no input of it has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from finbase.errors import TerraformError
from finbase.judge.cache.inputs import VerdictInputs, stack_hash, tree_hash
from finbase.judge.cache.store import UnusableEntryError, VerdictCache
from finbase.judge.check import Judged, StackJudge
from finbase.terraform.program import Terraform
from finbase.terraform.provider import Installation


@dataclass(frozen=True)
class CachedJudge:
    """Looks a verdict up by the hashes of its inputs, and otherwise runs ``judge``.

    ``note`` receives warnings about damaged entries, ``now`` returns the time of a new verdict.
    """

    judge: StackJudge
    cache: VerdictCache
    note: Callable[[str], object]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __call__(self, name: str) -> Judged:
        """Return the verdict on an environment, from the cache if it has one."""
        inputs = self._inputs(name)
        if cached := self._load(name, inputs):
            return cached
        stack = features = ""

        # The user may edit the project during a run, and undo the edit. So hash the very copies
        # that are planned and judged. A copy that cannot be hashed is not cached.
        def hash_stack(project: Path, copy: Path) -> None:
            nonlocal stack
            with suppress(OSError):
                stack = stack_hash(project, copy)

        def hash_features(copy: Path) -> None:
            nonlocal features
            with suppress(OSError):
                features = tree_hash(copy)

        judged = self.judge(name, stack_copied=hash_stack, features_copied=hash_features)
        if inputs and self._inputs_of_copies(name, stack, features) == inputs:
            self.cache.store(inputs, judged, self.now())
        return judged

    def _load(self, name: str, inputs: Mapping[str, str]) -> Judged | None:
        try:
            return self.cache.load(inputs) if inputs else None
        except UnusableEntryError as error:
            self.note(f"{name}: ignoring a {error}; checking again")
            return None

    def _inputs(self, name: str) -> Mapping[str, str]:
        """Return the hashes of the inputs; empty if one cannot be read or hashed.

        Then the run itself reports what is wrong.
        """
        with suppress(OSError, TerraformError):
            return self._inputs_at_start.of(name)
        return {}

    def _inputs_of_copies(self, name: str, stack: str, features: str) -> Mapping[str, str]:
        # All inputs but the copies are hashed again: they may have changed during the run.
        with suppress(OSError):
            return self._hash_inputs().combine(name, stack, features)
        return {}

    @cached_property
    def _inputs_at_start(self) -> VerdictInputs:
        return self._hash_inputs()

    def _hash_inputs(self) -> VerdictInputs:
        return VerdictInputs(self.judge.root, self.judge.terraform, self.judge.provider)


def cached_plan(
    cache: VerdictCache, root: Path, name: str, terraform: Terraform, provider: Installation
) -> bytes | None:
    """Return the plan of the cached verdict on an environment, or None if there is none."""
    with suppress(OSError, TerraformError, UnusableEntryError):
        cached = cache.load(VerdictInputs(root, terraform, provider).of(name))
        return cached.plan if cached else None
    return None
