"""Judge a stack twice: as it runs, and as the next apply would make it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finbase.environment.model import Environment
from finbase.judge import compliance
from finbase.judge.shown import demand_same, read_shown
from finbase.judge.verdict import FailureRow, Verdict
from finbase.plan.beside import Addition, additions
from finbase.plan.effects import UNKNOWN, Argument, differences
from finbase.plan.model import Action, Change, managed
from finbase.plan.running import as_it_runs, running, unconfigured
from finbase.plan.summary import ACTIONS

_INAPPLICABLE = "not applicable"


@dataclass(frozen=True)
class Deviation:
    """A difference between what runs and what is configured, which the next apply removes.

    ``outside`` says that something other than Terraform made it since the last apply.
    """

    address: str
    action: Action
    arguments: tuple[Argument, ...]
    outside: bool


@dataclass(frozen=True)
class Drift:
    """The verdicts on a stack as it runs and as planned, and how the two stacks differ.

    ``unconfigured`` lists resources that exist on AWS although the configuration lacks them.
    ``additions`` are parts of resources that somebody added on AWS, which no apply removes.
    ``running_plan`` describes the stack as it runs: the JSON of a plan that changes nothing.
    """

    environment: str
    running_plan: bytes
    running: Verdict
    planned: Verdict
    deviations: tuple[Deviation, ...]
    unconfigured: tuple[str, ...]
    additions: tuple[Addition, ...]

    @property
    def clean(self) -> bool:
        """Whether both verdicts pass and nothing differs."""
        differences = self.deviations or self.unconfigured or self.additions
        return self.running.passed and self.planned.passed and not differences

    def failing(self) -> Iterator[tuple[FailureRow, FailureRow]]:
        """Yield each control that does not pass in both verdicts: as it runs, and as planned."""
        return ((now, then) for now, then in self._rows() if now.open or then.open)

    def inapplicable(self) -> Iterator[FailureRow]:
        """Yield each control that applies neither to the stack as it runs nor as planned."""
        return (then for now, then in self._rows() if now.status == then.status == _INAPPLICABLE)

    def _rows(self) -> Iterator[tuple[FailureRow, FailureRow]]:
        return zip(self.running.by_failure(), self.planned.by_failure(), strict=True)


def judge(
    plan: Path | bytes,
    features: Path,
    *,
    environment: str,
    stack: Path | None,
    pinned: Environment | None = None,
) -> Drift:
    """Return the drift that a plan of an applied stack shows.

    The plan was made with a refresh: JSON of ``terraform show``, or its path. ``features`` and
    ``stack`` are as for ``compliance.run``. ``pinned`` is the environment that a plan of unknown
    origin must be of: the design that judges it is that of the modules which this one pins.
    Raises ``ComplianceError`` as ``compliance.run`` does, or if nothing is applied, and
    ``FinbaseError`` if the plan is of other modules.
    """
    planned = compliance.read_on_one_line(plan)
    document = planned.content
    if pinned:
        demand_same(read_shown(document), pinned, "check out the commit whose files were planned")
    as_run = json.dumps(as_it_runs(document, environment)).encode()

    def verdict(of: bytes | compliance.OneLinePlan) -> Verdict:
        return compliance.run(of, features, environment=environment, rendered=True, stack=stack)

    return Drift(
        environment,
        as_run,
        verdict(as_run),
        verdict(planned),
        tuple(deviations(document)),
        unconfigured(document),
        tuple(additions(running(document))),
    )


def deviations(plan: Mapping[str, Any]) -> Iterator[Deviation]:
    """Yield each change of a plan; changes of tags alone and renamed addresses are left out."""
    drifted = {
        resource["address"]: resource["change"] for resource in plan.get("resource_drift", ())
    }
    for resource in managed(plan):
        change = resource["change"]
        action = ACTIONS.get(tuple(change["actions"]))
        if action is None:
            continue
        arguments = differences(change) if action in ("change", "replace") else ()
        if action == "change" and not arguments:
            continue
        drift = drifted.get(resource["address"])
        outside = drift is not None and _outside(action, arguments, drift)
        yield Deviation(resource["address"], action, arguments, outside)


def _outside(action: Action, arguments: tuple[Argument, ...], drift: Change) -> bool:
    """Return whether a change takes back a drift of the same resource.

    A drift can also be of what only AWS sets, such as the time of the last backup.
    """
    if action == "add":
        return True
    return not _names(differences(drift)).isdisjoint(_names(arguments))


def _names(arguments: Iterable[Argument]) -> set[str]:
    """Return the arguments of the resource whose values will be known."""
    return {re.split(r"[.\[]", each.name)[0] for each in arguments if each.after != UNKNOWN}
