"""Write the tables of ``docs/evidence/judges.md`` and the README."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from benchmarks.judges.tools import Finding
from finbase.errors import FinbaseError
from finbase.judge.mutations import Mutation

WAYS = ("checkov, sources", "checkov, plan", "Trivy, sources", "Trivy, plan")
"""Each judge with each kind of input."""

FIRST = f"| id | first mutation | {' | '.join(WAYS)} | finbase |"
FURTHER = f"| id | further mutation | {' | '.join(WAYS)} | finbase |"
COUNTS = "| id | mutations | checkov | Trivy | either | finbase |"
SHORT = "| put back, one at a time | checkov | Trivy | either | finbase |"

_RUN = re.compile(r"(?<=Last run in full on\s)\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Seen:
    """The result for one mutation: check ids by judge and input, and the failing controls."""

    mutation: Mutation
    found: Mapping[str, tuple[str, ...]]
    fell: tuple[str, ...]

    def by(self, judge: str) -> bool:
        """Return whether a judge found anything in the sources or in the plan."""
        return any(ids for way, ids in self.found.items() if way.startswith(judge))

    @property
    def caught(self) -> bool:
        """Whether the scenarios of the mutation's own failure failed."""
        return self.mutation.failure in self.fell


def first_of_each(mutations: Iterable[Mutation]) -> list[Mutation]:
    """Return the first mutation of each failure, which most often removes a resource."""
    first: dict[str, Mutation] = {}
    for mutation in mutations:
        first.setdefault(mutation.failure, mutation)
    return list(first.values())


def by_id(findings: Iterable[Finding]) -> str:
    """Return the number of findings by check id, the most frequent first."""
    counted: dict[str, int] = {}
    for finding in findings:
        counted[finding.check] = counted.get(finding.check, 0) + 1
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{check} × {n}" if n > 1 else check for check, n in ordered)


def row(seen: Seen) -> str:
    """Return one row of the tables of single mutations."""
    said = [", ".join(seen.found[way]) or "–" for way in WAYS]
    return _line(seen.mutation.failure, f"`{seen.mutation.id}`", *said, ", ".join(seen.fell) or "–")


def counts(found: Sequence[Seen]) -> Iterator[str]:
    """Yield a row per failure, and one for all, with the mutations that each judge detects."""
    for name in dict.fromkeys(each.mutation.failure for each in found):
        of_it = [each for each in found if each.mutation.failure == name]
        yield _line(name, str(len(of_it)), *_numbers(of_it))
    yield _line("**all**", str(len(found)), *_numbers(found))


def tables(found: Sequence[Seen]) -> dict[str, list[str]]:
    """Map the header of each table to its rows."""
    chosen = {mutation.id for mutation in first_of_each(each.mutation for each in found)}
    first = [each for each in found if each.mutation.id in chosen]
    rest = [each for each in found if each.mutation.id not in chosen]
    return {
        SHORT: [
            _line(f"the first mutation of each of the {len(first)} failures", *_numbers(first)),
            _line(f"all {len(found)} mutations of the review", *_numbers(found)),
        ],
        FIRST: [row(each) for each in first],
        FURTHER: [row(each) for each in rest if each.by("checkov") or each.by("Trivy")],
        COUNTS: [*counts(found)],
    }


def rule(head: str) -> str:
    """Return the line below the header of a table."""
    return "|---" * (head.count("|") - 1) + "|"


def filled(text: str, made: Mapping[str, Sequence[str]], today: date) -> str:
    """Return the page with new rows in its tables and with the date of the run.

    Raises ``FinbaseError`` if the page has none of the tables.
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
        raise FinbaseError(
            "the page has none of the tables", f"add a table with the header {SHORT}"
        )
    return _RUN.sub(today.isoformat(), "\n".join(lines) + "\n")


def cells(text: str, head: str) -> list[list[str]]:
    """Return the cells of the table with this header, by row; empty if there is no such table."""
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
