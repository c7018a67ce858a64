"""Evidence is a sentence: whatever a plan lacks, no text has None, a Python value or an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fuzz.fast_judge import Judge, StepCrashError

# A document, such as the pattern of an event, is shown as the JSON that the design has.
JSON_DOCUMENT = r'\b(?:is|not|like|with) \\?\{".*\}'
OF_PYTHON = re.compile(
    r"\bNone\b|\bUNKNOWN\b|\bTrue\b|\bFalse\b|\[\]|\{\}|(?<![\w\])])\['|\{'|\{\"|<\w+[ .]"
    r"|\w+Error\b|Traceback|object at|\bset\("
)
"""A value or an error as Python writes it."""

WAYS = ("null", "unknown")


def resources(module: Any) -> Iterator[Any]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from resources(child)


def leaves(values: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every path below the values of a resource."""
    parts = values.items() if isinstance(values, dict) else enumerate(values)
    for key, part in parts:
        yield (*at, key)
        if isinstance(part, dict | list):
            yield from leaves(part, (*at, key))


def spoil(resource: Any, change: Any, path: tuple[str | int, ...], way: str) -> None:
    """Take out one value: AWS never set it, or only an apply shows it."""
    holder, unknown = resource["values"], change.setdefault("after_unknown", {})
    for key in path[:-1]:
        holder = holder[key]
        if isinstance(unknown, list):
            unknown.extend({} for _ in range(int(key) + 1 - len(unknown)))
        below: Any = [] if isinstance(holder, list) else {}
        if isinstance(unknown, dict):
            below = unknown.setdefault(str(key), below)
        else:
            unknown[int(key)] = unknown[int(key)] or below
            below = unknown[int(key)]
        unknown = below
    holder[path[-1]] = None
    if way == "unknown" and isinstance(unknown, dict):
        unknown[str(path[-1])] = True
    elif way == "unknown" and isinstance(unknown, list):
        unknown.extend(False for _ in range(int(path[-1]) + 1 - len(unknown)))
        unknown[int(path[-1])] = True


def spoilt(plan: Any, turn: int, way: str) -> bool:
    """Spoil the value of each resource whose turn it is; return whether any resource has one."""
    changes = {change["address"]: change["change"] for change in plan["resource_changes"]}
    some = False
    for resource in resources(plan["planned_values"]["root_module"]):
        paths = list(leaves(resource.get("values") or {}))
        if turn < len(paths):
            spoil(resource, changes[resource["address"]], paths[turn], way)
            some = True
    return some


def texts(judge: Judge, plan: Any) -> Iterator[str]:
    """Every line that the scenarios say of a plan."""
    try:
        messages = judge.messages(plan)
    except StepCrashError as error:
        yield f"crash: {error}"
        return
    for text in (*messages.values(), *judge.evidence):
        yield from text.splitlines()


def python_in(judge: Judge, plan: bytes, way: str, turns: range) -> dict[str, str]:
    """Return the lines that have a value of Python, without their keys, and one in full."""
    wrong: dict[str, str] = {}
    for turn in turns:
        damaged = json.loads(plan)
        if not spoilt(damaged, turn, way):
            break
        for line in texts(judge, damaged):
            if OF_PYTHON.search(re.sub(JSON_DOCUMENT, "", line)):
                wrong.setdefault(re.sub(r'\["[^"]*"\]|^\S+: ', "", line), f"{turn}: {line}")
    return wrong


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("way", "turns"),
    [
        ("null", range(0, 60, 4)),
        ("unknown", range(2, 60, 4)),
        *(pytest.param(way, range(60), marks=pytest.mark.soak) for way in WAYS),
    ],
)
def test_evidence_has_no_value_of_python(way: str, turns: range, planned: bytes) -> None:
    """Each turn spoils one value of every resource."""
    assert python_in(Judge(), planned, way, turns) == {}
