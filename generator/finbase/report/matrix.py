"""The proof matrix: mutations, and the failures that each one caused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar

from finbase.console.speech import FAIL, PASS, Looks, paint
from finbase.judge.mutations import Outcome
from finbase.report.columns import columns, counted
from finbase.report.documents import Report

_LOOKS: Looks = {
    r"(?<=  )caught(?=  )": PASS,
    r"(?<=  )(?:MISSED|STRAY|REFUSED|UNCHANGED)(?=  )": FAIL,
}


@dataclass(frozen=True)
class Proved:
    """What was proved: the SHA-256 of features and mutations, when, and at which commit.

    ``commit`` and ``changed`` are None without a git repository.
    """

    features: str = ""
    made: str = ""
    commit: str | None = None
    changed: tuple[str, ...] | None = None


@dataclass(frozen=True)
class MatrixReport(Report):
    """The outcomes of ``finbase prove``; ``colour`` colours them in the text.

    ``applied`` says that the mutations were planned as changes of applied stacks. ``unproved`` has
    the ids of controls without a mutation.
    """

    command: ClassVar[str] = "prove"
    outcomes: Sequence[Outcome]
    colour: bool = False
    applied: bool = False
    unproved: Sequence[str] = ()
    of: Proved = Proved()

    @property
    def proved(self) -> bool:
        """Whether each control has mutations, all caught or without a change of the stack.

        Those that do not apply to the stack prove nothing: there must be others.
        """
        caught = all(outcome.proved or outcome.unchanged for outcome in self._of_stack)
        return caught and not self.unproved and bool(self._of_stack or not self.outcomes)

    @property
    def _of_stack(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.inapplicable]

    def _lines(self) -> Sequence[str]:
        table = columns(
            [
                (o.mutation.failure, o.mutation.id, label(o), " ".join(o.fell) or "none")
                for o in self.outcomes
            ]
        )
        rows = [paint(table, _LOOKS) if self.colour else table] if self.outcomes else []
        for outcome in self.outcomes:
            if not outcome.proved:
                rows += ["", line(outcome), f"    it {outcome.mutation.what}"]
                rows += [f"    {reason}" for reason in _reason(outcome).splitlines()]
        if self.unproved:
            rows += ["", *(f"{i}: not proved, because it has no mutation" for i in self.unproved)]
        proved = sum(outcome.proved for outcome in self._of_stack)
        failures = {outcome.mutation.failure for outcome in self._of_stack}
        summary = (
            f"{proved} of {counted(len(self._of_stack), 'mutation')} of "
            f"{counted(len(failures), 'failure')} {'was' if proved == 1 else 'were'} caught "
            "by the right scenarios only"
        )
        if unchanged := sum(outcome.unchanged for outcome in self.outcomes):
            summary += f"; {unchanged} plan no change of the applied stack"
        if outside := len(self.outcomes) - len(self._of_stack):
            summary += f"; {outside} {'is' if outside == 1 else 'are'} not applicable"
        if self.unproved:
            has = "has" if len(self.unproved) == 1 else "have"
            summary += f"; {counted(len(self.unproved), 'control')} {has} no mutation"
        lines = [*rows, "", summary]
        return lines if self.outcomes else lines[1:]

    def document(self) -> dict[str, Any]:
        """Return whether all mutations are proved, and the outcome of each."""
        return {
            "finbase_version": version("finbase"),
            "made_at": self.of.made,
            "commit": self.of.commit,
            "changed_files": None if self.of.changed is None else list(self.of.changed),
            "features_sha256": self.of.features,
            "proved": self.proved,
            "applied": self.applied,
            "unproved": list(self.unproved),
            "mutations": [
                {
                    "id": outcome.mutation.id,
                    "failure": outcome.mutation.failure,
                    "environment": outcome.mutation.environment,
                    "what": outcome.mutation.what,
                    "why": outcome.mutation.why,
                    "fell": list(outcome.fell),
                    "may_fall": sorted(outcome.may_fall),
                    "outcome": label(outcome).lower(),
                    "refused": outcome.refused,
                    "inapplicable": outcome.inapplicable,
                }
                for outcome in self.outcomes
            ],
        }


def label(outcome: Outcome) -> str:
    """Return ``caught``, or why not.

    ``MISSED``: the scenarios of the mutated failure passed. ``STRAY``: scenarios of another failure
    failed. ``REFUSED``: Terraform or the features stopped with an error, so there is no verdict.
    ``UNCHANGED``: the plan has no change of the applied stack. ``not applicable``: the stack lacks
    what the mutation is about.
    """
    if outcome.inapplicable:
        return "not applicable"
    if outcome.refused:
        return "REFUSED"
    if outcome.unchanged:
        return "UNCHANGED"
    if outcome.missed:
        return "MISSED"
    return "STRAY" if outcome.stray else "caught"


def _reason(outcome: Outcome) -> str:
    unchanged = "the plan has no change: an argument that is no longer set keeps its value on AWS"
    if outcome.inapplicable:
        return f"not applicable, because {outcome.inapplicable}"
    return unchanged if outcome.unchanged else outcome.refused


def line(outcome: Outcome) -> str:
    """Return one outcome on one line."""
    return f"{outcome.mutation.id}: {label(outcome)}, failed: {' '.join(outcome.fell) or 'none'}"
