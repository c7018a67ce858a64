"""The result of a rehearsal: its steps, and the problems of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from finbase.plan.model import Action


@dataclass(frozen=True)
class Step:
    """One step of a rehearsal.

    ``resources`` is the number of resources that Terraform created, changed or destroyed, and
    ``calls`` the number of calls of the AWS API. ``notes`` are results worth reading; a step
    with ``problems`` fails the rehearsal.
    """

    name: str
    seconds: float
    calls: int
    resources: int = 0
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drift:
    """A change in a plan although nobody changed anything."""

    plan: str
    address: str
    action: Action
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Search:
    """The extent of the search for passwords; ``matches`` never contain the password itself."""

    passwords: int = 0
    files: int = 0
    bytes: int = 0
    matches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rehearsal:
    """The rehearsal of one environment.

    ``retained`` are the resources that exist after the destroy: keys and secrets that wait for
    their deletion, final snapshots, and log groups that must outlive the stack.
    """

    environment: str
    steps: tuple[Step, ...]
    drifts: tuple[Drift, ...] = ()
    retained: tuple[str, ...] = ()
    search: Search = field(default_factory=Search)

    @property
    def problems(self) -> tuple[str, ...]:
        """All problems, in the order of the steps."""
        return tuple(problem for step in self.steps for problem in step.problems)

    @property
    def passed(self) -> bool:
        """Whether no step has a problem."""
        return not self.problems

    @property
    def seconds(self) -> float:
        """The duration of all steps."""
        return sum(step.seconds for step in self.steps)

    @property
    def calls(self) -> int:
        """The number of calls of the AWS API in all steps."""
        return sum(step.calls for step in self.steps)
