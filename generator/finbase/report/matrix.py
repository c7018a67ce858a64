"""The outcomes of a proof: mutation × ids that fell, as plain text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import click

from finbase.judge.mutations import Outcome
from finbase.report import document

__all__ = ["SCHEMA_VERSION", "line", "matrix", "render_json", "word"]

SCHEMA_VERSION = 1
_WORDS = {"caught": "green", "MISSED": "red", "STRAY": "red", "REFUSED": "red"}


def word(outcome: Outcome) -> str:
    """``caught``; ``MISSED`` by its own id; ``STRAY``: another fell; ``REFUSED`` as a plan."""
    if outcome.refused:
        return "REFUSED"
    if outcome.missed:
        return "MISSED"
    return "STRAY" if outcome.stray else "caught"


def line(outcome: Outcome) -> str:
    """One outcome on one line, for progress."""
    return f"{outcome.mutation.id}: {word(outcome)}, fell: {' '.join(outcome.fell) or 'none'}"


def matrix(outcomes: Sequence[Outcome], colour: bool) -> str:
    """A row for each mutation, under its failure, then what was not caught and a summary."""
    width = max((len(o.mutation.id) for o in outcomes), default=0)
    rows = []
    for outcome in outcomes:
        said = word(outcome)
        styled = click.style(said, fg=_WORDS[said]) if colour else said
        fell = " ".join(outcome.fell) or "none"
        rows.append(
            f"{outcome.mutation.failure:<5} {outcome.mutation.id:<{width}}  {styled}  {fell}"
        )
    for outcome in outcomes:
        if not outcome.proved:
            rows += ["", line(outcome), f"    it {outcome.mutation.what}"]
            rows += [f"    {said}" for said in outcome.refused.splitlines()]
    proved = sum(outcome.proved for outcome in outcomes)
    failures = {outcome.mutation.failure for outcome in outcomes}
    rows += [
        "",
        f"{proved} of {len(outcomes)} mutations of {len(failures)} failures caught by their own "
        "scenarios and by no others",
    ]
    return "\n".join(rows)


def render_json(outcomes: Sequence[Outcome]) -> str:
    """The same for machines; ``schema_version`` is raised when a key changes its meaning."""
    return document.render(
        SCHEMA_VERSION,
        proved=all(outcome.proved for outcome in outcomes),
        mutations=[
            {
                "id": outcome.mutation.id,
                "failure": outcome.mutation.failure,
                "environment": outcome.mutation.environment,
                "what": outcome.mutation.what,
                "why": outcome.mutation.why,
                "fell": list(outcome.fell),
                "may_fall": sorted(outcome.may_fall),
                "outcome": word(outcome).lower(),
                "refused": outcome.refused,
            }
            for outcome in outcomes
        ],
    )
