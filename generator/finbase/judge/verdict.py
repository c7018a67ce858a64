"""What the scenarios said about one plan, by scenario and by failure id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from finbase.judge.catalogue import Failure, Severity

__all__ = ["FailureRow", "Scenario", "Status", "Verdict"]

Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Scenario:
    """One scenario, or one row of a scenario outline, as it went.

    ``name`` has the values of the row filled in. ``location`` is ``features/x.feature:12``,
    for a row the line of the row. ``evidence`` is what was seen, or for a failed scenario why
    it failed, a line for each thing. ``step`` is the step that failed or found nothing, and
    empty for a passed scenario. ``requirements`` look like ``PCI DSS 8.3.2``.

    ``skipped`` means that nothing was there to check. It is not a pass.
    """

    feature: str
    name: str
    tags: tuple[str, ...]
    failure_ids: tuple[str, ...]
    severity: Severity | None
    requirements: tuple[str, ...]
    status: Status
    evidence: str
    location: str
    step: str = ""


@dataclass(frozen=True)
class FailureRow:
    """One failure of the catalogue: ``passed`` where every scenario shows that it is absent."""

    id: str
    severity: Severity
    requirements: tuple[str, ...]
    title: str
    requirement: str
    status: Literal["passed", "failed"]
    evidence: str
    scenarios: tuple[Scenario, ...]


@dataclass(frozen=True)
class Verdict:
    """The verdict on one plan. ``failures`` is the catalogue that it is measured by.

    ``cached_at`` says when it was reached, where that was in an earlier run on the same.
    """

    environment: str
    scenarios: tuple[Scenario, ...]
    failures: tuple[Failure, ...]
    cached_at: datetime | None = None

    @property
    def passed(self) -> bool:
        """No scenario failed, and each failure of the catalogue was shown to be absent."""
        rows = self.by_failure()
        return not self.failed and all(row.status == "passed" for row in rows)

    @property
    def failed(self) -> tuple[Scenario, ...]:
        """The scenarios that failed."""
        return tuple(s for s in self.scenarios if s.status == "failed")

    def by_failure(self) -> tuple[FailureRow, ...]:
        """One row for each failure of the catalogue, in its order.

        A failure that no scenario looks at, or whose scenarios were all skipped, is failed:
        nothing showed that it is absent.
        """
        return tuple(self._row(failure) for failure in self.failures)

    def _row(self, failure: Failure) -> FailureRow:
        mine = tuple(s for s in self.scenarios if failure.id in s.failure_ids)
        failed = [s for s in mine if s.status == "failed"]
        passed = [s for s in mine if s.status == "passed"]
        if failed or passed:
            lines = [line for s in failed or passed for line in s.evidence.splitlines()]
            evidence = "\n".join(dict.fromkeys(lines))
        elif mine:
            evidence = "nothing was checked: every scenario was skipped"
        else:
            evidence = f"nothing was checked: no scenario is tagged @{failure.id}"
        own = [f"PCI DSS {number}" for number in failure.pci]
        return FailureRow(
            id=failure.id,
            severity=failure.severity,
            requirements=tuple(dict.fromkeys([*own, *(r for s in mine for r in s.requirements)])),
            title=failure.title,
            requirement=failure.requirement,
            status="passed" if passed and not failed else "failed",
            evidence=evidence,
            scenarios=mine,
        )
