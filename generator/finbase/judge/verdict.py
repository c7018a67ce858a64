"""The results of the scenarios on one plan, by scenario and by failure id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from finbase.judge.catalogue import Failure, Severity

_FOREIGN = "finbase did not render this stack"
PART = "part-"
"""Starts the tag of a scenario that is about a part of the design that a stack may leave out."""
NOT_SHOWN = "not shown by this plan: "
"""Starts each line of evidence of a scenario that could judge nothing, because a plan made without
an account does not show what exists already."""
RowStatus = Literal["passed", "failed", "not shown", "not applicable"]
Status = Literal["passed", "failed", "skipped"]
_WAIVER = re.compile(r": not required for (\w+) data$")


@dataclass(frozen=True)
class Scenario:
    """The result of one scenario, or of one row of a scenario outline.

    ``name`` contains the values of the row. ``location`` is ``features/x.feature:12``; a row has
    its own line. ``evidence`` lists what was checked or, for a failed scenario, why it failed,
    one line each. ``step`` is the step that failed or found no resource; it is empty for a passed
    scenario. ``requirements`` look like ``PCI DSS 8.3.2``.

    ``skipped`` means that the scenario is not applicable: the plan has no resource to check, and is
    of a stack that leaves out the part, or that finbase did not render. It is not a pass.
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

    @property
    def hidden(self) -> bool:
        """Whether it failed only because the plan does not show what it judges."""
        lines = self.evidence.splitlines()
        return self.status == "failed" and all(line.startswith(NOT_SHOWN) for line in lines or "-")

    @property
    def left_out(self) -> bool:
        """Whether it is about a part that the stack leaves out."""
        return self.status == "skipped" and any(tag.startswith(PART) for tag in self.tags)


@dataclass(frozen=True, kw_only=True)
class FailureRow(Failure):
    """One failure of the catalogue: ``passed`` if every scenario shows that it is absent.

    It is not applicable if every scenario was skipped. It is not shown if no scenario found it, but
    the plan does not show everything that a scenario judges: this is not a pass.
    """

    requirements: tuple[str, ...]
    status: RowStatus
    evidence: str
    scenarios: tuple[Scenario, ...]

    @property
    def open(self) -> bool:
        """Whether the plan has the failure, or does not show that it has not."""
        return self.status in ("failed", "not shown")

    @property
    def waived(self) -> str:
        """Say of which class of data the control does not require everything; empty if of none.

        It passes then, but not because the plan has what its title says.
        """
        lines = [line for s in self.scenarios for line in s.evidence.splitlines()]
        waivers = [match[1] for line in lines if (match := _WAIVER.search(line))]
        if self.status != "passed" or not waivers:
            return ""
        partly = "partly " if len(waivers) < len(lines) else ""
        return f"{partly}not required for {waivers[0]} data"


@dataclass(frozen=True)
class Verdict:
    """The verdict on one plan. ``failures`` is the whole catalogue.

    ``not_judged`` lists the addresses of resources that no scenario looked at, in a stack that
    finbase did not render. ``cached_at`` is the time of the verdict if it comes from the cache.
    """

    environment: str
    scenarios: tuple[Scenario, ...]
    failures: tuple[Failure, ...]
    cached_at: datetime | None = None
    not_judged: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no scenario and no control failed, and any control of the catalogue passes."""
        rows = self.by_failure()
        states = {row.status for row in rows}
        fine = not self.failed and not any(row.open for row in rows)
        return fine and states != {"not applicable"}

    @property
    def failed(self) -> tuple[Scenario, ...]:
        """The failed scenarios."""
        return tuple(s for s in self.scenarios if s.status == "failed")

    def by_failure(self) -> tuple[FailureRow, ...]:
        """Return one row for each failure of the catalogue, in its order.

        A failure without scenarios counts as failed: nothing shows that it is absent.
        """
        return tuple(self._row(failure) for failure in self.failures)

    def _row(self, failure: Failure) -> FailureRow:
        mine = tuple(s for s in self.scenarios if failure.id in s.failure_ids)
        failed = [s for s in mine if s.status == "failed"]
        passed = [s for s in mine if s.status == "passed"]
        if mine:
            lines = [line for s in failed or passed or mine for line in s.evidence.splitlines()]
            if not failed and not passed:  # A missing resource explains more than the origin.
                lines = [line for line in lines if _FOREIGN not in line] or lines
            evidence = "\n".join(dict.fromkeys(lines))
        else:
            evidence = f"nothing was checked: no scenario is tagged @{failure.id}"
        return FailureRow(
            **vars(failure),
            requirements=tuple(dict.fromkeys(r for s in mine for r in s.requirements)),
            status=_status({scenario.status for scenario in mine}, failed),
            evidence=evidence,
            scenarios=mine,
        )


def _status(states: set[Status], failed: Sequence[Scenario]) -> RowStatus:
    if states == {"skipped"}:
        return "not applicable"
    if failed and all(scenario.hidden for scenario in failed):
        return "not shown"
    return "passed" if "passed" in states and "failed" not in states else "failed"
