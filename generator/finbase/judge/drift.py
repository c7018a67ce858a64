"""Judge a stack twice: as it runs, and as the next apply would make it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finbase.environment.model import Environment
from finbase.judge import compliance
from finbase.judge.catalogue import Failure
from finbase.judge.shown import demand_same, read_shown
from finbase.judge.verdict import FailureRow, Scenario, Verdict
from finbase.plan.altered import Alteration, alterations
from finbase.plan.beside import Addition, additions
from finbase.plan.effects import UNKNOWN, Argument, differences
from finbase.plan.model import Action, Change, managed
from finbase.plan.refusals import Refusal, refusals
from finbase.plan.running import as_it_runs, running, unconfigured, unconfirmed
from finbase.plan.summary import ACTIONS

_INAPPLICABLE = "not applicable"
_DRIFT = Failure(
    id="drift",
    severity="high",
    title="The stack runs as rendered",
    requirement="no difference between what runs and what is rendered",
    overlaps=(),
)


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
    ``additions`` are parts of resources that somebody added on AWS, which no apply removes, and
    ``alterations`` are attributes that somebody changed there, which no apply changes back.
    ``unconfirmed`` lists subscriptions that deliver nothing, because nobody has confirmed them.
    ``refused`` says why the next apply is refused; a function that runs other code is one reason.
    ``running_plan`` describes the stack as it runs: the JSON of a plan that changes nothing.
    """

    environment: str
    running_plan: bytes
    running: Verdict
    planned: Verdict
    deviations: tuple[Deviation, ...]
    unconfigured: tuple[str, ...]
    additions: tuple[Addition, ...]
    alterations: tuple[Alteration, ...]
    unconfirmed: tuple[str, ...]
    refused: tuple[Refusal, ...]

    @property
    def clean(self) -> bool:
        """Whether both verdicts pass and nothing differs."""
        return self.running.passed and self.planned.passed and not any(True for _ in self.beside())

    def beside(self) -> Iterator[tuple[str, str]]:
        """Yield each difference that no control names: the address, and what differs."""
        gone = set(self.unconfigured)
        for deviation in self.deviations:
            if deviation.address not in gone:
                names = ", ".join(dict.fromkeys(each.name for each in deviation.arguments))
                of = f": {names}" if names else ""
                yield deviation.address, f"the next apply would {deviation.action} it{of}"
        for address in self.unconfigured:
            yield address, "it is not rendered; the next apply would destroy it"
        for addition in self.additions:
            yield addition.address, f"added on AWS: {addition.what}"
        for alteration in self.alterations:
            for each in alteration.arguments:
                what = f"{each.name}: {each.before} → {each.after}"
                yield alteration.address, f"changed on AWS, and no apply changes it back: {what}"
        for address in self.unconfirmed:
            yield address, "it waits for a confirmation, and delivers nothing until then"
        for refusal in self.refused:
            yield refusal.address, f"{refusal.kind}: it {refusal.why}; {refusal.fix}"

    def running_with_drift(self) -> Verdict:
        """Return the verdict on the running stack; a control "drift" fails for each difference."""
        differing = [
            Scenario(
                feature=_DRIFT.title,
                name=address,
                tags=(),
                failure_ids=(_DRIFT.id,),
                severity=_DRIFT.severity,
                requirements=(),
                status="failed",
                evidence=f"{address}: {what}",
                location=f"environments/{self.environment}.yaml:1",
                step=_DRIFT.requirement,
            )
            for address, what in self.beside()
        ]
        if not differing:
            return self.running
        return replace(
            self.running,
            scenarios=(*self.running.scenarios, *differing),
            failures=(*self.running.failures, _DRIFT),
        )

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
        tuple(alterations(document)),
        unconfirmed(document),
        tuple(refusals(document)),
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
    return {each.attribute for each in arguments if each.after != UNKNOWN}
