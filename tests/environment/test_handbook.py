"""What people can look up about single values and about reading, as it stands in the data files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from finbase.contract.contract import Input, Schema
from finbase.environment.rules import handbook
from finbase.environment.rules.handbook import Bound, Reading, bounds, find_input, place, readings
from finbase.environment.schema import TOP
from tests.support.sample import REGISTRY

FOLDER = Path(handbook.__file__).parent


def data(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return loaded


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("environment", "environment"),
        ("tags.owner", "tags.owner"),
        ("network.cidr", "network.cidr"),
        ("network.zones.a.b", "network.zones.a.b"),
        ("replica.instance_class", "replica.instances.reporting.instance_class"),
        ("replica.parameters.work_mem", "replica.instances.reporting.parameters.work_mem"),
        ("queue.length", "queue.length"),
    ],
)
def test_place(name: str, way: str) -> None:
    assert place(REGISTRY, name) == way


def test_place_in_instance() -> None:
    assert place(REGISTRY, "replica.x", "ledger") == "replica.instances.ledger.x"
    assert place(REGISTRY, "network.x", "ledger") == "network.x"


def test_find_input() -> None:
    assert find_input(REGISTRY, "region") is TOP.inputs["region"]
    (cidr,) = (i for i in REGISTRY.current("network").inputs if i.name == "cidr")
    assert find_input(REGISTRY, "network.cidr") is cidr
    for name in ("network", "network.", "network.cidr.x", "queue.cidr", "queue", ""):
        assert find_input(REGISTRY, name) is None


def test_find_input_part() -> None:
    part = TOP.inputs["tags"].schema["properties"]["owner"]
    assert find_input(REGISTRY, "tags.owner") == Input(
        name="owner",
        schema=part,
        description=part["description"],
        rule=part["rule"],
        required=True,
        sensitive=False,
        ephemeral=False,
    )


def test_bounds_combine_contract_and_data() -> None:
    entries = data("bounds")
    found = {bound.name: bound for bound in bounds(REGISTRY)}
    assert list(found) == list(entries)
    for name, entry in entries.items():
        way = ".".join([place(REGISTRY, name), *([entry["at"]] if "at" in entry else [])])
        beside = entry.get("with", {})
        given = find_input(REGISTRY, name)
        assert given is not None
        assert found[name] == Bound(
            name=name,
            input=given,
            why=entry["why"],
            source=entry["source"],
            accepted=tuple({**beside, way: value} for value in entry["accepted"]),
            refused=tuple({**beside, way: value} for value in entry["refused"]),
        )
    assert any("at" in entry for entry in entries.values())
    assert any("with" in entry for entry in entries.values())


def test_readings_match_data() -> None:
    entries = data("reading")
    assert readings() == tuple(
        Reading(
            code=code,
            why=entry["why"],
            source=entry.get("source", ""),
            accepted=entry["accepted"],
            refused=entry["refused"],
        )
        for code, entry in entries.items()
    )
    assert {"source" in entry for entry in entries.values()} == {True, False}


@pytest.mark.parametrize(
    ("schema", "codes"),
    [
        ({"type": "string"}, ()),
        ({"type": "string", "description": "d", "default": "x"}, ()),
        ({"type": "string", "pattern": "x", "maxLength": 3}, ("FB134", "FB136")),
        ({"type": "string", "minLength": 1, "maxLength": 3}, ("FB136",)),
        ({"items": {"type": "string", "enum": ["a"]}, "maxItems": 2}, ("FB133", "FB136")),
        ({"additionalProperties": False}, ()),
        ({"additionalProperties": {"type": "number", "minimum": 1}}, ("FB135",)),
        ({"propertyNames": {"pattern": "x", "minLength": 3}}, ("FB137",)),
        ({"properties": {"a": {"minimum": 1}, "b": {"pattern": "x"}}}, ("FB134", "FB135")),
        ({"allOf": [{"pattern": "x"}, {"items": {"maximum": 1}}]}, ("FB134", "FB135")),
        ({"not": {"pattern": "x"}}, ("FB138",)),
    ],
)
def test_bound_codes(schema: Schema, codes: tuple[str, ...]) -> None:
    given = Input("x", schema, "d", None, True, False, False)
    assert Bound("m.x", given, "", "", (), ()).codes == codes
