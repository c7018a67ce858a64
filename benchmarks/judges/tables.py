"""What the judges saw, as the tables of ``docs/evidence/judges.md`` and the README."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from benchmarks.judges.tools import Finding
from finbase.errors import FinbaseError
from finbase.judge.mutations import Mutation

__all__ = [
    "COUNTS",
    "FIRST",
    "FURTHER",
    "SHORT",
    "WAYS",
    "Seen",
    "by_id",
    "cells",
    "counts",
    "filled",
    "first_of_each",
    "row",
    "rule",
    "tables",
]

WAYS = ("checkov, sources", "checkov, plan", "Trivy, sources", "Trivy, plan")
"""Each judge on each thing that it can be given."""

FIRST = f"| id | first mutation | {' | '.join(WAYS)} | finbase |"
FURTHER = f"| id | further mutation | {' | '.join(WAYS)} | finbase |"
COUNTS = "| id | mutations | checkov | Trivy | either | finbase |"
SHORT = "| put back, one at a time | checkov | Trivy | either | finbase |"

_RUN = re.compile(r"(?<=Last run in full on\s)\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Seen:
    """What was found of one mutation: check ids by way, sorted; and which features fell."""

    mutation: Mutation
    found: Mapping[str, tuple[str, ...]]
    fell: tuple[str, ...]

    def by(self, judge: str) -> bool:
        """Whether a judge found anything, one way or the other."""
        return any(ids for way, ids in self.found.items() if way.startswith(judge))

    @property
    def caught(self) -> bool:
        """Whether the features of the mutation's own failure fell."""
        return self.mutation.failure in self.fell


def first_of_each(mutations: Iterable[Mutation]) -> list[Mutation]:
    """The first mutation of each failure: most often, what must be there is taken away."""
    first: dict[str, Mutation] = {}
    for mutation in mutations:
        first.setdefault(mutation.failure, mutation)
    return list(first.values())


def by_id(findings: Iterable[Finding]) -> str:
    """Findings counted by the id of the check, the most frequent first."""
    counted: dict[str, int] = {}
    for finding in findings:
        counted[finding.check] = counted.get(finding.check, 0) + 1
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{check} × {n}" if n > 1 else check for check, n in ordered)


def row(seen: Seen) -> str:
    """One row of the tables of single mutations."""
    said = [", ".join(seen.found[way]) or "–" for way in WAYS]
    return _line(seen.mutation.failure, f"`{seen.mutation.id}`", *said, ", ".join(seen.fell) or "–")


def counts(found: Sequence[Seen]) -> Iterator[str]:
    """Yield how many of the mutations of each failure each judge sees, and of all."""
    for name in dict.fromkeys(each.mutation.failure for each in found):
        of_it = [each for each in found if each.mutation.failure == name]
        yield _line(name, str(len(of_it)), *_numbers(of_it))
    yield _line("**all**", str(len(found)), *_numbers(found))


def tables(found: Sequence[Seen]) -> dict[str, list[str]]:
    """Give the head of each table → its rows."""
    chosen = {mutation.id for mutation in first_of_each(each.mutation for each in found)}
    first = [each for each in found if each.mutation.id in chosen]
    rest = [each for each in found if each.mutation.id not in chosen]
    return {
        SHORT: [
            _line(f"the first mutation of each of the {len(first)} failures", *_numbers(first)),
            _line(f"all {len(found)} mutations", *_numbers(found)),
        ],
        FIRST: [row(each) for each in first],
        FURTHER: [row(each) for each in rest if each.by("checkov") or each.by("Trivy")],
        COUNTS: [*counts(found)],
    }


def rule(head: str) -> str:
    """The line beneath the head of a table."""
    return "|---" * (head.count("|") - 1) + "|"


def filled(text: str, made: Mapping[str, Sequence[str]], today: date) -> str:
    """Put new rows into the tables of a page that it has the heads of, and the day of the run.

    Raises ``FinbaseError`` where it has none of them.
    """
    lines: list[str] = []
    old = put = False
    for line in text.splitlines():
        old = old and line.startswith("|")
        if not old:
            lines.append(line)
        if line in made:
            put = old = True
            lines += [rule(line), *made[line]]
    if not put:
        raise FinbaseError("the page has none of the tables", f"one of them begins with {SHORT}")
    return _RUN.sub(today.isoformat(), "\n".join(lines) + "\n")


def cells(text: str, head: str) -> list[list[str]]:
    """The cells of the table of a page that begins with this head, row by row; none: no table."""
    lines = text.splitlines()
    if head not in lines:
        return []
    found = []
    for line in lines[lines.index(head) + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def _numbers(found: Sequence[Seen]) -> list[str]:
    checkov = sum(each.by("checkov") for each in found)
    trivy = sum(each.by("Trivy") for each in found)
    either = sum(each.by("checkov") or each.by("Trivy") for each in found)
    return [str(n) for n in (checkov, trivy, either, sum(each.caught for each in found))]


def _line(*parts: str) -> str:
    return f"| {' | '.join(parts)} |"
