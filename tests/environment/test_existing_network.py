"""A module in the place of another one: what others take from `network` comes from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from finbase import codes
from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.environment.model import Environment
from finbase.environment.rules.examples import central_egress, client, existing_zones
from finbase.environment.rules.rule import Change
from finbase.errors import Diagnostic, InputError
from finbase.render.editor_schema import environment_schema, pinnable
from finbase.render.stack import blocks, exports
from tests.support.commands import ROOT
from tests.support.sample import EXISTING_NETWORK, SAMPLE, changed, write

REGISTRY = Registry(ROOT)
ZONES = {"existing_network.zones": EXISTING_NETWORK["zones"]}


def loaded(content: dict[str, Any], root: Path) -> Environment:
    return load(write(root, content), REGISTRY, root)


def refused(content: dict[str, Any], root: Path) -> list[Diagnostic]:
    with pytest.raises(InputError) as caught:
        loaded(content, root)
    return list(caught.value.diagnostics)


def test_others_take_the_network_from_what_stands_in_its_place(tmp_path: Path) -> None:
    environment = loaded(changed(ZONES), tmp_path)
    rendered = {block.label: block for block in blocks(environment)}
    assert "network" not in rendered
    taken = [
        (label, str(value))
        for label, block in rendered.items()
        for value in block.wiring.values()
        if "network." in str(value)
    ]
    assert {"database", "cache", "secret", "access", "monitoring", "roles"} == {
        of for of, _ in taken
    }
    assert all(value.startswith("module.existing_network.") for _, value in taken)
    order = [use.name for use in environment.modules]
    assert order.index("existing_network") < order.index("database")
    assert "existing_network_vpc_id" in dict(exports(environment))


def test_it_has_every_output_that_others_take_from_the_network() -> None:
    offered = {output.name for output in REGISTRY.current("existing_network").outputs}
    for name in REGISTRY.names:
        for wire in REGISTRY.current(name).wiring:
            assert wire.module != "network" or wire.output in offered, f"{name}.{wire.name}"


def test_two_modules_in_one_place_are_refused(tmp_path: Path) -> None:
    content = changed(ZONES)
    content["modules"]["network"] = SAMPLE["modules"]["network"]
    (problem,) = refused(content, tmp_path)
    assert problem.code == codes.SAME_PLACE
    assert problem.message == (
        "`existing_network` stands in the place of `network`, which is there, too"
    )
    assert problem.hint == "remove `network:` or `existing_network:`"


def test_a_place_without_module_names_both(tmp_path: Path) -> None:
    content = changed(ZONES)
    del content["modules"]["existing_network"]
    (problem,) = refused(content, tmp_path)
    assert problem.code == codes.MISSING_MODULE
    assert problem.message == "the required module `network` is missing"
    assert "`existing_network` can stand in its place" in str(problem.hint)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"zones": existing_zones("eu-west-1a")}, "FB202", "at least 2 zones, not 1"),
        ({"zones": existing_zones("eu-west-1a", "eu-west-2b")}, "FB201", "eu-west-2b is not"),
        (
            {"zones": existing_zones("eu-west-1a", "eu-west-1b", same=1)},
            "FB219",
            "subnet-0123456789abcde00 is already eu-west-1a.public_subnet_id",
        ),
        ({"cidr": "10.20.0.1/16"}, "FB203", "10.20.0.1/16 is an address inside"),
        (
            {"zones": {**EXISTING_NETWORK["zones"], "eu-west-1c": {}}},
            codes.MISSING_KEY,
            "private_subnet_id",
        ),
        (
            {"zones": central_egress()["existing_network.zones"]},
            "FB236",
            "eu-west-1a has no public subnet",
        ),
        (
            {"central_egress": central_egress()["existing_network.central_egress"]},
            "FB236",
            "eu-west-1b has a public subnet, but traffic leaves by `central_egress`",
        ),
        ({"vpc_id": "vpc-1"}, codes.FORM, "must be the id of a VPC"),
    ],
)
def test_file_with_a_mistake_is_refused(
    change: dict[str, Any], code: str, message: str, tmp_path: Path
) -> None:
    ways: Change = {f"existing_network.{name}": value for name, value in change.items()}
    problems = refused(changed(ways), tmp_path)
    assert (code, True) in {(p.code, message in p.message) for p in problems}, problems


def test_client_in_an_existing_network_is_refused(tmp_path: Path) -> None:
    inside = {"access.clients": client(cidr="10.20.16.0/20"), **ZONES}
    (problem,) = refused(changed(inside), tmp_path)
    assert problem.code == "FB212"
    loaded(changed({"access.clients": client(cidr="10.80.0.0/16"), **ZONES}), tmp_path)


def test_nobody_can_change_the_range_of_an_existing_network(tmp_path: Path) -> None:
    """FB206 is about a range that somebody still chooses."""
    loaded(changed({"existing_network.cidr": "172.17.0.0/16"}), tmp_path)


def test_editors_want_one_of_both() -> None:
    schema = environment_schema(pinnable(REGISTRY))
    validator = jsonschema_rs.Draft7Validator(schema)
    one, other = SAMPLE, changed(ZONES)
    both = {**one, "modules": {**one["modules"], **other["modules"]}}
    none = {
        **one,
        "modules": {name: part for name, part in one["modules"].items() if name != "network"},
    }
    assert [validator.is_valid(c) for c in (one, other, both, none)] == [True, True, False, False]
