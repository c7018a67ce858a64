"""References are followed to their end, and what a plan does not show proves nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT

PLANS = ROOT / "tests" / "fixtures" / "plans"
sys.path.append(str(ROOT / "features" / "steps" / "shared"))


from stack_graph import (  # noqa: E402
    UNKNOWN,
    Resource,
    Stack,
    dotted,
    module_path,
    prefix,
    tokens,
    whole,
)

TYPE = "terraform_data"


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(json.loads((PLANS / "nested.json").read_text()))


def at(stack: Stack, address: str) -> Resource:
    return next(each for each in stack.resources if each.address == address)


def meant(stack: Stack, address: str) -> str | None:
    """The address of the one instance that ``input`` refers to."""
    found = stack.one(at(stack, address), "input", TYPE)
    return found.address if found else None


def texts(stack: Stack, address: str) -> list[str]:
    return [origin.text for origin in stack.trace(at(stack, address), "input")]


# --- keys --------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["a", "b"])
def test_graph_each_key(stack: Stack, zone: str) -> None:
    gateway = f'module.network.terraform_data.gateway["{zone}"]'
    assert meant(stack, gateway) == f'module.network.terraform_data.subnet["{zone}"]'


def test_graph_count_index(stack: Stack) -> None:
    assert meant(stack, "module.network.terraform_data.counted_reader[1]") == (
        "module.network.terraform_data.counted[1]"
    )


def test_graph_literal_key(stack: Stack) -> None:
    assert meant(stack, 'module.network.terraform_data.literal_key["b"]') == (
        'module.network.terraform_data.gateway["a"]'
    )


def test_graph_for_each_over_instances(stack: Stack) -> None:
    assert meant(stack, 'module.network.terraform_data.chained["b"]') == (
        'module.network.terraform_data.subnet["b"]'
    )


@pytest.mark.parametrize("name", ["first", "computed_key", "conditional_key", "conditional"])
def test_graph_computed_choice(stack: Stack, name: str) -> None:
    for zone in ("a", "b"):
        assert meant(stack, f'module.network.terraform_data.{name}["{zone}"]') is None


def test_graph_literal_beside_a_reference(stack: Stack) -> None:
    assert meant(stack, "module.network.terraform_data.hidden_literal") is None


def test_graph_value_differs_from_reference(stack: Stack) -> None:
    gateway = at(stack, 'module.network.terraform_data.gateway["a"]')
    known = gateway._replace(values={"input": "else"}, unknown={})
    assert stack.one(known, "input", TYPE) is None


def test_graph_other_type(stack: Stack) -> None:
    gateway = at(stack, 'module.network.terraform_data.gateway["a"]')
    assert stack.one(gateway, "input", "aws_subnet") is None


# --- modules -----------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["blue", "green"])
def test_graph_follows_variables_and_outputs(stack: Stack, store: str) -> None:
    assert meant(stack, f'module.store["{store}"].terraform_data.subnet') == (
        'module.network.terraform_data.subnet["a"]'
    )


def test_graph_follows_nested_modules(stack: Stack) -> None:
    inner = 'module.store["blue"].module.inner.terraform_data.own'
    assert meant(stack, inner) == 'module.network.terraform_data.subnet["a"]'
    assert meant(stack, 'module.store["blue"].terraform_data.inner') == inner


def test_graph_each_key_in_a_call(stack: Stack) -> None:
    assert meant(stack, 'module.store["green"].terraform_data.companion') == (
        'terraform_data.companion["green"]'
    )


def test_graph_key_of_a_passed_collection(stack: Stack) -> None:
    assert meant(stack, 'module.store["blue"].terraform_data.by_zone["b"]') == (
        'module.network.terraform_data.subnet["b"]'
    )


def test_graph_key_of_a_module(stack: Stack) -> None:
    assert meant(stack, "terraform_data.reader") == 'module.store["blue"].terraform_data.subnet'


def test_graph_several_references(stack: Stack) -> None:
    readers = at(stack, "terraform_data.all_readers")
    assert [each.address for each in stack.some(readers, "input", TYPE)] == [
        'module.store["blue"].terraform_data.subnet',
        'module.store["green"].terraform_data.subnet',
    ]
    assert meant(stack, "terraform_data.all_readers") is None


def test_graph_whole_resource(stack: Stack) -> None:
    subnets = at(stack, 'module.store["blue"].terraform_data.subnets')
    assert [each.key for each in stack.some(subnets, "input", TYPE)] == ["a", "b"]


# --- what ends without a resource ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("local", "local.name"),
        ("owner", "var.owner"),
        ("size", 'the default of module.store["blue"].var.size'),
        ("null", "the literal None"),
        ("function", "an expression without references"),
    ],
)
def test_graph_end_without_a_resource(stack: Stack, name: str, end: str) -> None:
    assert texts(stack, f'module.store["blue"].terraform_data.{name}') == [end]


@pytest.mark.parametrize(
    ("name", "written"),
    [("size", True), ("owner", True), ("local", True), ("null", False), ("unset", False)],
)
def test_graph_null_is_not_set(stack: Stack, name: str, written: bool) -> None:
    resource = at(stack, f'module.store["blue"].terraform_data.{name}')
    assert stack.is_set(resource, "input") is written
    assert not stack.is_set(resource, "triggers_replace")


# --- values --------------------------------------------------------------------------------


def test_graph_known_unset_and_unknown_values(stack: Stack) -> None:
    subnet = at(stack, 'module.network.terraform_data.subnet["a"]')
    assert subnet.planned("input") == "a"
    assert subnet.planned("id") is UNKNOWN
    assert subnet.planned("triggers_replace") is None
    assert subnet.planned("no.such.0.path") is None


def test_graph_parts_of_unknown_values(stack: Stack) -> None:
    subnet = at(stack, 'module.network.terraform_data.subnet["a"]')
    nested = subnet._replace(
        values={"rules": [{"days": 30}, {}]}, unknown={"rules": [{}, {"days": True}]}
    )
    assert nested.planned("rules.0.days") == 30
    assert nested.planned("rules.1.days") is UNKNOWN
    assert nested.planned("rules.2.days") is None
    assert subnet.planned("id.0.anything") is UNKNOWN


def test_graph_outputs(stack: Stack) -> None:
    outputs = {name: (value, ends) for name, value, ends in stack.outputs()}
    assert outputs["owner"][0] == "payments"
    assert outputs["subnets"][0] is UNKNOWN
    assert [end.text for end in outputs["name"][1]] == ["local.name"]
    assert [each.key for end in outputs["subnets"][1] for each in end.resources] == ["a", "b"]


def test_graph_depends_on(stack: Stack) -> None:
    inner = at(stack, 'module.store["blue"].terraform_data.inner')
    assert inner.depends_on == ("terraform_data.subnet",)


def test_graph_walks_blocks(stack: Stack) -> None:
    written = {"rules": [{"days": {"constant_value": 30}, "on": [{"to": {"references": []}}]}]}
    resource = at(stack, "terraform_data.reader")._replace(configuration={"expressions": written})
    assert list(resource.paths("rules")) == ["rules.0.days", "rules.0.on.0.to"]
    assert list(resource.paths("else")) == []
    assert resource.writes("rules")
    assert not resource.writes("days")


def test_graph_of_an_empty_plan() -> None:
    empty = Stack({"configuration": {"root_module": {}}, "planned_values": {"root_module": {}}})
    assert empty.resources == ()
    assert list(empty.outputs()) == []
    assert list(empty.providers()) == []


@pytest.mark.terraform
def test_graph_source_matches_terraform(tmp_path: Path, stack: Stack) -> None:
    with Workspace(find_terraform(), tmp_path) as workspace:
        made = Stack(json.loads(workspace.plan(PLANS / "nested", project=PLANS)))
    addresses = [each.address for each in stack.resources]
    assert [each.address for each in made.resources] == addresses
    for address in addresses:
        assert texts(made, address) == texts(stack, address)
        assert at(made, address).planned("input") == at(stack, address).planned("input")


# --- addresses -----------------------------------------------------------------------------

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
KEYS = st.none() | st.integers(0, 99) | st.from_regex(r"[a-z0-9./: -]{1,12}", fullmatch=True)


@given(st.lists(st.tuples(NAMES, KEYS), max_size=4))
def test_graph_module_path_roundtrip(path: list[tuple[str, Any]]) -> None:
    assert module_path(prefix(tuple(path)).rstrip(".")) == tuple(path)


@given(NAMES, NAMES, KEYS, NAMES)
def test_graph_splits_references(
    kind: str, name: str, key: str | int | None, attribute: str
) -> None:
    index = "" if key is None else f"[{json.dumps(key)}]"
    parts = [kind, name, *([] if key is None else [key if isinstance(key, int) else (key,)])]
    assert tokens(f"{kind}.{name}{index}.{attribute}") == [*parts, attribute]


def test_graph_drops_shorter_references() -> None:
    references = ['a.b["c"].d', 'a.b["c"]', "a.b", "a.b", "each.key", "each.key"]
    assert list(whole(references)) == ['a.b["c"].d', "a.b", "each.key", "each.key"]


def test_graph_joins_attributes() -> None:
    assert dotted(["a", 0, ("b",)]) == "a.0.b"
