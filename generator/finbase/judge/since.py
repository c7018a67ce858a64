"""What changed between two verdicts on an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finbase.judge.verdict import FailureRow, Verdict


@dataclass(frozen=True)
class ControlChange:
    """A control whose result or evidence changed.

    ``before`` and ``after`` are results; ``before`` is empty for a control that the earlier
    verdict lacks, ``after`` for one that this verdict lacks. ``gone`` and ``new`` are lines of
    evidence.
    """

    id: str
    title: str
    before: str
    after: str
    gone: tuple[str, ...]
    new: tuple[str, ...]


def changes(earlier: Verdict, later: Verdict) -> tuple[ControlChange, ...]:
    """Return each changed control, in the order of the later catalogue; removed ones at the end."""
    old, new = _rows(earlier), _rows(later)
    found = []
    for id_ in dict.fromkeys([*new, *old]):
        before, after = old.get(id_), new.get(id_)
        was, is_ = _evidence(before), _evidence(after)
        change = ControlChange(
            id_,
            (after or old[id_]).title,
            before.status if before else "",
            after.status if after else "",
            tuple(line for line in was if line not in is_),
            tuple(line for line in is_ if line not in was),
        )
        if change.before != change.after or change.gone or change.new:
            found.append(change)
    return tuple(found)


def _rows(verdict: Verdict) -> Mapping[str, FailureRow]:
    return {row.id: row for row in verdict.by_failure()}


def _evidence(row: FailureRow | None) -> dict[str, None]:
    return dict.fromkeys(row.evidence.splitlines()) if row else {}
