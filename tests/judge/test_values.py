"""Values mean the same in a first plan and in that of an applied stack, or prove nothing."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

from kinds import is_named
from stack_graph import UNKNOWN, Resource, Stack

KEYS = ("a", "b")


def subnet(key: str, *, applied: bool) -> dict[str, Any]:
    values = {"id": f"subnet-{key}", "arn": f"arn:aws:ec2:::subnet/{key}"} if applied else {}
    return {"type": "aws_subnet", "name": "x", "index": key, "values": {"zone": key, **values}}


def stack(
    value: Any,
    *references: str,
    literal: Any = UNKNOWN,
    applied: bool,
    variables: Any = None,
    by_value: bool = False,
) -> tuple[Stack, Resource]:
    """A stack of two subnets and a resource, whose ``argument`` has a value and an expression."""
    expression = {"references": [*references]} if references else {"constant_value": literal}
    unknown = value is UNKNOWN
    own: dict[str, Any] = {
        "type": "aws_own",
        "name": "x",
        "values": {} if unknown else {"argument": value},
    }
    own |= {"expressions": {"argument": expression}} if references or literal is not UNKNOWN else {}
    resources = [own, *(subnet(key, applied=applied) for key in KEYS)]
    for resource in resources:
        index = f'["{resource["index"]}"]' if "index" in resource else ""
        resource |= {"address": f"{resource['type']}.x{index}", "mode": "managed"}
    after_unknown: dict[str, Any] = {"argument": unknown} if unknown else {}
    if isinstance(value, list):
        after_unknown = {"argument": [item is UNKNOWN for item in value]}
        own["values"]["argument"] = [None if item is UNKNOWN else item for item in value]
    changes: list[Any] = [{"address": "aws_own.x", "change": {"after_unknown": after_unknown}}]
    for key in () if applied else KEYS:
        unknown_subnet = {"id": True, "arn": True}
        change = {"after_unknown": unknown_subnet}
        changes.append({"address": f'aws_subnet.x["{key}"]', "change": change})
    plan = {
        "variables": {name: {"value": value} for name, value in (variables or {}).items()},
        "configuration": {"root_module": {"resources": resources}},
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": changes,
    }
    graph = Stack(json.loads(json.dumps(plan)), by_value=by_value)
    return graph, next(r for r in graph.resources if r.type == "aws_own")


A, B = 'aws_subnet.x["a"].id', 'aws_subnet.x["b"].id'
LOCAL = "local.subnet"


@pytest.mark.parametrize(
    ("value", "references", "applied", "meant"),
    [
        (UNKNOWN, [A], False, "a"),
        (UNKNOWN, ["aws_subnet.x"], False, "ab"),
        (UNKNOWN, [A, LOCAL], False, ""),
        (UNKNOWN, ['aws_subnet.x["a"].zone'], False, ""),
        ("subnet-a", [A], True, "a"),
        ("subnet-a", [A, B], True, "a"),
        ("subnet-a", ["aws_subnet.x"], True, "a"),
        ("subnet-a", [A, LOCAL], True, "a"),
        ("arn:aws:ec2:::subnet/a", [A], True, "a"),
        ("subnet-b", [A], True, ""),
        ("subnet-of-others", [A], True, ""),
        ("b", ["aws_subnet.x"], True, ""),
        ("", [A], True, ""),
        (None, [A], False, ""),
        ([UNKNOWN, UNKNOWN], ["aws_subnet.x"], False, "ab"),
        ([UNKNOWN, "subnet-of-others"], ["aws_subnet.x"], False, ""),
        (["subnet-b", "subnet-a"], ["aws_subnet.x"], True, "ab"),
        (["subnet-a"], ["aws_subnet.x"], True, "a"),
        (["subnet-a", "subnet-of-others"], ["aws_subnet.x"], True, ""),
        ([], ["aws_subnet.x"], True, ""),
    ],
)
def test_some_compares_known_values(
    value: Any, references: list[str], applied: bool, meant: str
) -> None:
    graph, own = stack(value, *references, applied=applied)
    assert "".join(sorted(str(r.key) for r in graph.some(own, "argument", "aws_subnet"))) == meant


@pytest.mark.parametrize(
    ("value", "references", "meant"),
    [
        ("subnet-b", [LOCAL], "b"),
        ("subnet-of-others", [LOCAL], ""),
        (UNKNOWN, [LOCAL], ""),
        (None, [LOCAL], ""),
        ("subnet-b", [A], "b"),
        ("subnet-b", [], ""),
    ],
)
def test_some_by_value_follows_known_ids(value: Any, references: list[str], meant: str) -> None:
    """The plan of an applied stack that finbase did not render shows what a local hides."""
    graph, own = stack(value, *references, applied=True, by_value=True)
    assert "".join(sorted(str(r.key) for r in graph.some(own, "argument", "aws_subnet"))) == meant


@pytest.mark.parametrize(
    ("value", "references", "is_set", "shows"),
    [
        (True, ["var.upgrades"], True, True),
        ("true", ["var.upgrades"], True, True),
        (True, ["var.settings.upgrades", "var.settings"], True, True),
        (True, ['var.settings["upgrades"]', "var.settings"], True, True),
        (True, ["var.settings"], True, False),
        (True, ["local.upgrades"], True, False),
        (True, ["var.null"], False, False),
        (None, ["local.upgrades"], False, False),
        ("", ["var.upgrades"], False, False),
        (UNKNOWN, ["local.upgrades"], True, False),
        (UNKNOWN, [A], True, True),
        (UNKNOWN, [A, "local.upgrades"], True, False),
        (UNKNOWN, ["var.upgrades"], True, False),
        (True, [], False, False),
    ],
)
def test_shows_refuses_defaults(
    value: Any, references: list[str], is_set: bool, shows: bool
) -> None:
    variables = {"upgrades": True, "settings": {"upgrades": True}, "null": None}
    graph, own = stack(value, *references, applied=False, variables=variables)
    assert (graph.is_set(own, "argument"), graph.shows(own, "argument")) == (is_set, shows)


@pytest.mark.parametrize("value", [7, "7", 7.0])
def test_shows_converts_literals(value: Any) -> None:
    graph, own = stack(value, literal=7, applied=True)
    assert graph.shows(own, "argument")


def keys(*sources: str) -> Stack:
    """A stack of modules that each have a key named database."""
    key = {"mode": "managed", "type": "aws_kms_key", "name": "database"}
    calls, modules = {}, []
    for number, source in enumerate(sources):
        calls[f"m{number}"] = {"source": source, "module": {"resources": [key]}}
        address = f"module.m{number}"
        resources = [{**key, "address": f"{address}.aws_kms_key.database"}]
        modules.append({"address": address, "resources": resources})
    root = {"child_modules": modules}
    configuration = {"root_module": {"module_calls": calls}}
    return Stack({"configuration": configuration, "planned_values": {"root_module": root}})


@pytest.mark.parametrize(
    ("sources", "named"),
    [
        (["../../modules/kms/1.0.0"], [True]),
        (["./own"], [True]),
        (["../../modules/kms/1.0.0", "../../modules/database/1.0.1"], [True, False]),
        (["git::https://x/y//modules/kms?ref=v1", "./own"], [True, False]),
        (["./own", "./other"], [False, False]),
        (["../../modules/kms/1.0.0", "../../modules/kms/1.1.0"], [False, False]),
    ],
)
def test_is_named_compares_modules(sources: list[str], named: list[bool]) -> None:
    graph = keys(*sources)
    assert [is_named(graph, key, "database") for key in graph.all("aws_kms_key")] == named
