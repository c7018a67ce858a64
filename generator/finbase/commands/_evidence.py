"""What ``finbase check --html`` keeps of the plans, and the report that it writes at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from finbase.contract.registry import Registry
from finbase.environment.load import load_environments
from finbase.judge.catalogue import load_failures
from finbase.plan.document import read_shape
from finbase.plan.graph import read_stack
from finbase.plan.picture import Picture, read_picture
from finbase.project.find import find_project
from finbase.report import html
from finbase.report.html.proof import Mutation, read_proof
from finbase.system.clock import today

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finbase.environment.model import Environment
    from finbase.judge.verdict import Verdict

__all__ = ["Evidence"]


@dataclass(frozen=True)
class Evidence:
    """A report in the making; ``base`` is the folder that its links go out from."""

    root: Path
    file: BinaryIO
    base: Path
    proof: tuple[Mutation, ...]
    given: bool
    plans: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def begin(
        cls, project: Path | None, file: BinaryIO, proof: BinaryIO | None, *, given: bool
    ) -> Evidence:
        """Begin a report; ``given`` says that the plan is not made here.

        Raises ``FinbaseError`` where the proof matrix is none, before anything is planned.
        """
        root = find_project(project)
        base = root if file.name == "<stdout>" else Path(file.name).resolve().parent
        matrix = _matrix(root, proof) if proof else ()
        return cls(root, file, base, matrix, given)

    def keep(self, name: str, plan: bytes) -> None:
        """Keep a plan until the end."""
        self.plans[name] = plan

    def write(self, verdicts: Sequence[Verdict]) -> None:
        """Write the report."""
        registry = Registry(self.root)
        subjects = [
            html.Subject(
                verdict,
                self._picture(verdict.environment),
                self._environment(verdict.environment, registry),
                self.given,
            )
            for verdict in verdicts
        ]
        text = html.render(self.root, subjects, base=self.base, day=today(), proof=self.proof)
        self.file.write(text.encode())

    def _picture(self, name: str) -> Picture:
        plan = read_shape(self.plans[name], name)
        return read_picture(plan, read_stack(plan, self.root / "features"))

    def _environment(self, name: str, registry: Registry) -> Environment | None:
        """Load an environment; none where a plan is not said to be one's."""
        if not (self.root / "environments" / f"{name}.yaml").is_file():
            return None
        return load_environments(self.root, registry, [name])[0]


def _matrix(root: Path, proof: BinaryIO) -> tuple[Mutation, ...]:
    catalogue = {failure.id for failure in load_failures(root / "features")}
    return read_proof(proof.read(), proof.name, catalogue)
