"""What a rehearsal has seen: its steps, and what was wrong in each."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Drift", "Rehearsal", "Search", "Step"]


@dataclass(frozen=True)
class Step:
    """One step of a rehearsal.

    ``resources`` is how many resources Terraform created, changed or destroyed in it, ``calls``
    how many calls of the AWS API it took. ``told`` is what is worth knowing, ``problems`` what
    must not be.
    """

    name: str
    seconds: float
    calls: int
    resources: int = 0
    told: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drift:
    """A change that a plan finds though nobody changed anything.

    ``arguments`` are the ones that differ. ``excuse`` says why it is the local AWS's fault, and is
    empty where it is not known to be.
    """

    plan: str
    address: str
    action: str
    arguments: tuple[str, ...]
    excuse: str = ""


@dataclass(frozen=True)
class Search:
    """How much was searched for the passwords; ``found`` has the places, without the password."""

    passwords: int = 0
    files: int = 0
    bytes: int = 0
    found: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rehearsal:
    """All that was seen of one environment's rehearsal.

    ``kept`` is what AWS itself keeps after the destroy: keys and secrets that wait for their
    deletion, last snapshots and backups.
    """

    environment: str
    steps: tuple[Step, ...]
    drifts: tuple[Drift, ...] = ()
    kept: tuple[str, ...] = ()
    search: Search = field(default_factory=Search)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that was wrong, in the order of the steps."""
        return tuple(problem for step in self.steps for problem in step.problems)

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong."""
        return not self.problems

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return sum(step.seconds for step in self.steps)

    @property
    def calls(self) -> int:
        """How many calls of the AWS API all of it took."""
        return sum(step.calls for step in self.steps)
