"""The verdict of the features on a plan without a process and without a report: milliseconds.

The sentences of the feature files are matched by radish to the project's own steps, as
terraform-compliance has it do. Each campaign has the real thing judge a sample, and compares.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

ROOT = Path(__file__).resolve().parents[2]
FEATURES = ROOT / "features"


class StepCrashError(Exception):
    """A step ended with something else than a finding."""


class _Step(NamedTuple):
    run: Callable[..., None]
    arguments: Mapping[str, Any]
    table: Any
    scenario: Any


_Scenario: TypeAlias = list[_Step]


class Judge:
    """All scenarios, as places such as ``features/x.feature:12``, and how to judge them."""

    def __init__(self) -> None:
        self._scenarios: Mapping[str, _Scenario] = _scenarios()
        self.evidence: list[str] = []  # What passed steps say of the last plan.
        self._findings = sys.modules["findings"]

    @property
    def places(self) -> tuple[str, ...]:
        """Every scenario there is."""
        return tuple(self._scenarios)

    def failed(
        self,
        plan: Mapping[str, Any],
        places: tuple[str, ...] = (),
        stack: Path = Path("no-stack"),
    ) -> set[str]:
        """Return the scenarios, of all or of ``places``, that the plan fails."""
        return set(self.messages(plan, places, stack))

    def fails(self, plan: Mapping[str, Any]) -> bool:
        """Return whether the plan fails a scenario; judge none after the first that it fails."""
        return any(message for _, message in self._judge(plan, self.places, Path("no-stack")))

    def messages(
        self,
        plan: Mapping[str, Any],
        places: tuple[str, ...] = (),
        stack: Path = Path("no-stack"),
    ) -> dict[str, str]:
        """Return the message of each scenario, of all or of ``places``, that the plan fails.

        ``stack`` is the folder that was planned, if the steps are to read its HCL. Raises
        ``StepCrashError`` where a step neither passes nor fails.
        """
        judged = self._judge(plan, places or self.places, stack)
        return {place: message for place, message in judged if message}

    def _judge(
        self, plan: Mapping[str, Any], places: tuple[str, ...], stack: Path
    ) -> Iterator[tuple[str, str]]:
        from radish import world

        self.evidence.clear()
        name = str(stack / "plan.json")
        world.config.user_data["plan_file"] = name
        self._findings._PLANS.clear()
        self._findings._STACKS.clear()
        self._findings._PLANS[name] = plan
        try:
            self._findings.planned_stack()
        except Exception as error:
            raise StepCrashError(f"reading the stack: {error!r}") from error
        for place in places:
            yield place, self._message(place)

    def _message(self, place: str) -> str:
        from terraform_compliance.common.exceptions import Failure

        for step in self._scenarios[place]:
            fake = SimpleNamespace(
                table=step.table,
                parent=step.scenario,
                embed=self._keep,
                context=SimpleNamespace(no_failure=False),
            )
            try:
                step.run(fake, **step.arguments)
            except Failure as failure:
                return str(failure)
            except Exception as error:
                raise StepCrashError(f"{place}: {error!r}") from error
        return ""

    def _keep(self, text: str) -> None:
        text.encode()  # What cannot be written to a report is a crash as well.
        self.evidence.append(text)


@cache
def _scenarios() -> Mapping[str, _Scenario]:
    return dict(_read())


def _read() -> Iterator[tuple[str, _Scenario]]:
    from radish import world
    from radish.core import Core
    from radish.loader import load_modules
    from radish.matcher import merge_step
    from radish.scenariooutline import ScenarioOutline
    from radish.stepregistry import StepRegistry
    from terraform_compliance.steps import steps as stock  # noqa: F401 - registers itself

    load_modules(str(FEATURES / "steps"))
    world.config = SimpleNamespace(
        user_data={"plan_file": "fuzz", "exit_on_failure": True, "no_failure": False}
    )
    core = Core()
    core.parse_features([str(path) for path in sorted(FEATURES.glob("*.feature"))], None)
    for feature in core.features:
        name = f"features/{Path(feature.path).name}"
        for scenario in feature.all_scenarios:
            if isinstance(scenario, ScenarioOutline):
                continue
            row = "example" in type(scenario).__name__.lower()
            place = f"{name}:{scenario.steps[-1].line if row else scenario.line}"
            steps = []
            for step in scenario.steps[1:]:
                merge_step(step, StepRegistry().steps)
                arguments = step.argument_match.evaluate()[1]
                steps.append(_Step(step.definition_func, arguments, step.table, scenario))
            yield place, steps
