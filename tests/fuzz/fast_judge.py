"""The verdict of the features on a plan without a process and without a report: milliseconds.

The sentences of the feature files are matched by radish to the project's own steps, as
terraform-compliance has it do. The three scenarios of stock steps are judged here by what
they say. Each campaign has the real thing judge a sample, and compares.
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
_STOCK = {
    "I have aws_kms_key defined": ("aws_kms_key", "multi_region"),
    "I have aws_secretsmanager_secret defined": ("aws_secretsmanager_secret", "description"),
    "I have aws_elasticache_subnet_group defined": ("aws_elasticache_subnet_group", ""),
}


class StepCrashError(Exception):
    """A step ended with something else than a finding."""


class _Step(NamedTuple):
    run: Callable[..., None]
    arguments: Mapping[str, Any]
    table: Any


_Scenario: TypeAlias = list[_Step] | tuple[str, str]
"""The steps of a scenario; of one of stock steps, a type and an argument."""


class Judge:
    """All scenarios, as places such as ``features/x.feature:12``, and how to judge them."""

    def __init__(self) -> None:
        self._scenarios: Mapping[str, _Scenario] = _scenarios()
        self._findings = sys.modules["findings"]

    @property
    def places(self) -> tuple[str, ...]:
        """Every scenario there is."""
        return tuple(self._scenarios)

    def failed(self, plan: Mapping[str, Any], places: tuple[str, ...] = ()) -> set[str]:
        """Name the scenarios, of all or of the given ones, that the plan fails.

        Raises ``StepCrashError`` where a step neither passes nor fails.
        """
        self._findings._PLANS["fuzz"] = plan
        self._findings._STACKS.pop("fuzz", None)
        try:
            stack = self._findings.planned_stack()
        except Exception as error:
            raise StepCrashError(f"reading the stack: {error!r}") from error
        return {place for place in places or self.places if not self._passes(stack, place)}

    def _passes(self, stack: Any, place: str) -> bool:
        steps = self._scenarios[place]
        if isinstance(steps, tuple):
            return _stock(stack, *steps)
        from terraform_compliance.common.exceptions import Failure

        for step in steps:
            fake = SimpleNamespace(
                table=step.table,
                embed=_forget,
                context=SimpleNamespace(no_failure=False),
            )
            try:
                step.run(fake, **step.arguments)
            except Failure:
                return False
            except Exception as error:
                raise StepCrashError(f"{place}: {error!r}") from error
        return True


def _forget(text: str) -> None:
    text.encode()  # What cannot be written to a report is a crash as well.


def _stock(stack: Any, kind: str, argument: str) -> bool:
    found = [each.values.get(argument) for each in stack.all(kind)]
    if kind == "aws_elasticache_subnet_group":
        return not found
    if kind == "aws_kms_key":
        return bool(found) and all(each is False for each in found)
    return bool(found) and all(isinstance(t, str) and any(map(str.isalpha, t)) for t in found)


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
            first, *others = scenario.steps
            row = "example" in type(scenario).__name__.lower()
            place = f"{name}:{scenario.steps[-1].line if row else scenario.line}"
            if stock_step := _STOCK.get(first.sentence.removeprefix("Given ")):
                yield place, stock_step
                continue
            steps = []
            for step in others:
                merge_step(step, StepRegistry().steps)
                arguments = step.argument_match.evaluate()[1]
                steps.append(_Step(step.definition_func, arguments, step.table))
            yield place, steps
