"""What messages about a mistake say to do, and that one mistake has one message."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.environment.refusals import FORMS_OF_KEYS
from finbase.environment.rules import examples
from finbase.environment.rules.handbook import bounds
from finbase.environment.schema import TOP
from finbase.errors import Diagnostic, InputError
from finbase.report.explain import Catalogue, explain
from tests.support.commands import ROOT
from tests.support.sample import changed, write

REGISTRY = Registry(ROOT)


def told(root: Path, change: dict[str, Any], drop: str = "") -> list[Diagnostic]:
    """The errors of the sample with a change, or its notes; without the value at ``drop``."""
    environment = changed(change)
    if drop:
        *way, last = ["modules", *drop.split(".")]
        node: Any = environment
        for step in way:
            node = node[step]
        del node[last]
    try:
        return list(load(write(root, environment), REGISTRY, root).notes)
    except InputError as error:
        return list(error.diagnostics)


def only(found: list[Diagnostic]) -> tuple[str, str]:
    (diagnostic,) = found
    return diagnostic.code, diagnostic.hint or ""


# A value in the form of another key.
@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (
            {"network.routes": examples.peered(transit_gateway_id="pcx-0123456789abcdef0")},
            "write it as `vpc_peering_connection_id`: peering connection of this VPC, which both "
            "sides have accepted",
        ),
        (
            {"access.clients": examples.client(cidr="sg-0123456789abcdef0")},
            "write it as `security_group_id`: security group of others, whose members are the "
            "client",
        ),
        # A form that no key has.
        (
            {"network.routes": examples.peered(transit_gateway_id="gateway")},
            "for example tgw-0123456789abcdef0",
        ),
        # An address without its prefix length.
        ({"network.zones.eu-west-1a.database_cidr": "10.20.14.0"}, "write 10.20.14.0/24"),
        ({"network.zones.eu-west-1a.private_cidr": "10.20.48.0"}, "write 10.20.48.0/20"),
        ({"network.cidr": "10.20.0.0"}, "write 10.20.0.0/16"),
        ({"access.clients": examples.client(cidr="10.80.0.0")}, "write 10.80.0.0/16"),
        ({"access.internet_cidrs": ["198.51.100.7"]}, "write 198.51.100.7/32"),
    ],
)
def test_hint_of_a_form(change: dict[str, Any], hint: str, tmp_path: Path) -> None:
    assert only(told(tmp_path, change)) == ("FB134", hint)


def test_page_about_peered_networks_shows_each_target(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "reach-a-peered-network.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.+?)^```", page, re.DOTALL | re.MULTILINE)
    routes = yaml.safe_load(block)["routes"]
    assert told(tmp_path, {"network.routes": routes}) == []
    schema = REGISTRY.current("network").input_schema()["properties"]["routes"]
    shown = {line.split(":")[0].strip(" +") for line in page.splitlines()}
    assert schema["additionalProperties"]["properties"].keys() <= shown


# Keys.
@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (
            {"access.clients": {"Office VPN": examples.client()["office"]}},
            "use at most 20 lowercase letters, digits and single hyphens, starting with a letter, "
            "such as office-vpn",
        ),
        (
            {"replica.instances": {"Reporting": {"instance_class": "db.r7g.large"}}},
            "use at most 20 lowercase letters, digits and single hyphens, starting with a letter, "
            "such as reporting",
        ),
        (
            {"tags.Cost-Unit": "x"},
            "use at most 64 lowercase letters, digits and underscores, starting with a letter, "
            "such as cost_unit",
        ),
        ({"tags.environment": "x"}, "use another name than project, environment, name, managed_by"),
    ],
)
def test_hint_of_a_key(change: dict[str, Any], hint: str, tmp_path: Path) -> None:
    assert only(told(tmp_path, change)) == ("FB137", hint)


def test_each_form_of_keys_has_words() -> None:
    def forms(schema: object) -> set[str]:
        if isinstance(schema, list):
            return {form for part in schema for form in forms(part)}
        if not isinstance(schema, dict):
            return set()
        own = schema.get("propertyNames")
        found = {own["pattern"]} if isinstance(own, dict) and "pattern" in own else set[str]()
        return found | {form for part in schema.values() for form in forms(part)}

    used = forms(dict(TOP.schema))
    for name in REGISTRY.names:
        for version in REGISTRY.versions(name):
            used |= forms(REGISTRY.get(name, version).section_schema())
    assert used == FORMS_OF_KEYS.keys()


@pytest.mark.parametrize(
    ("change", "key", "version"),
    [
        ({"access.version": "3.0.0", "access.clients": examples.client()}, "access", "3.1.0"),
        ({"network.version": "2.0.0", "network.routes": examples.peered()}, "network", "2.1.0"),
    ],
)
def test_key_of_a_newer_version(
    change: dict[str, Any], key: str, version: str, tmp_path: Path
) -> None:
    code, hint = only([d for d in told(tmp_path, change) if d.code == "FB130"])
    assert code == "FB130"
    assert hint == f"it exists from {key} {version}; raise `version` of `{key}` to that"


# One mistake, one message.
@pytest.mark.parametrize(
    ("change", "drop", "code", "hint"),
    [
        (
            {"database.max_alocated_storage": 1000},
            "database.max_allocated_storage",
            "FB130",
            "did you mean `max_allocated_storage`?",
        ),
        (
            {"network.zones.eu-west-1a.pubic_cidr": "10.20.0.0/24"},
            "network.zones.eu-west-1a.public_cidr",
            "FB130",
            "did you mean `public_cidr`?",
        ),
        ({"acces": {"version": "3.1.0"}}, "access", "FB140", "did you mean `access`?"),
        ({"kms.verson": "2.0.0"}, "kms.version", "FB132", "write `version` instead of `verson`"),
    ],
)
def test_misspelt_key_is_reported_once(
    change: dict[str, Any], drop: str, code: str, hint: str, tmp_path: Path
) -> None:
    assert only(told(tmp_path, change, drop)) == (code, hint)


def test_missing_key_beside_an_unknown_one_is_reported(tmp_path: Path) -> None:
    found = told(tmp_path, {"database.colour": "blue"}, "database.max_allocated_storage")
    assert sorted(d.code for d in found) == ["FB130", "FB132"]


@pytest.mark.parametrize(
    ("cidr", "version", "told_"),
    [
        ("10.0.0.0/8", "2.2.0", []),
        ("10.20.0.0/15", "2.2.0", []),
        ("10.20.0.0/15", "2.1.0", [("FB216", "pin `network` 2.2.0 or newer, which allows this")]),
        ("10.20.0.0/16", "2.2.0", [("FB216", "write the ranges of the peered networks")]),
        ("10.20.16.0/20", "2.1.0", [("FB216", "write the ranges of the peered networks")]),
        ("10.21.0.0/16", "2.1.0", []),
    ],
)
def test_route_may_lead_around_the_vpc_and_not_into_it(
    cidr: str, version: str, told_: list[tuple[str, str]], tmp_path: Path
) -> None:
    routes = examples.peered(destination_cidr=cidr)
    found = told(tmp_path, {"network.routes": routes, "network.version": version})
    assert [(d.code, d.hint) for d in found] == told_


# Clients that would get the same rule of a security group.
_GROUP = "sg-0123456789abcdef0"


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ({"cidr": "10.80.0.0/16"}, {"cidr": "10.80.0.0/16"}, "10.80.0.0/16"),
        ({"security_group_id": _GROUP}, {"security_group_id": _GROUP}, _GROUP),
        ({"cidr": "10.80.0.0/16"}, {"cidr": "10.80.0.0/16", "to": ["cache", "database"]}, None),
        ({"cidr": "10.80.0.0/16"}, {"cidr": "10.80.0.0/16", "to": ["cache"]}, ""),
        ({"cidr": "10.80.0.0/16"}, {"cidr": "10.80.0.0/17"}, ""),
        ({"cidr": "10.80.0.0/16"}, {"security_group_id": _GROUP}, ""),
        ({}, {}, ""),
    ],
)
def test_two_clients_with_one_source(
    first: dict[str, Any], second: dict[str, Any], refused: str | None, tmp_path: Path
) -> None:
    clients = examples.client(**first) | examples.client("branch", **second)
    found = told(tmp_path, {"access.clients": clients})
    source = "10.80.0.0/16" if refused is None else refused
    messages = [f"office and branch both let {source} reach the database"] if source else []
    assert [d.message for d in found if d.code == "FB220"] == messages


def test_other_spelling_of_a_range(tmp_path: Path) -> None:
    """Terraform does not read it, and a second client with it would have the same rule."""
    clients = examples.client(cidr="10.80.0.0/16") | examples.client("branch", cidr="10.80.0.0/016")
    found = [d for d in told(tmp_path, {"access.clients": clients}) if not d.note]
    assert [(d.code, d.hint) for d in found] == [
        ("FB203", "write 10.80.0.0/16"),
        ("FB220", "remove one of them, or its target in `to`"),
    ]


@pytest.mark.parametrize(
    ("change", "code", "hint"),
    [
        ({"network.cidr": "10.20.0.0/016"}, "FB134", "10.20.0.0/16"),
        ({"network.zones.eu-west-1a.database_cidr": "10.20.14.0/024"}, "FB134", ""),
        ({"network.routes": examples.peered(destination_cidr="10.80.0.0/016")}, "FB203", "0/16"),
        ({"access.internet_cidrs": ["198.51.100.0/024"]}, "FB134", "198.51.100.0/24"),
    ],
)
def test_prefix_length_with_a_leading_zero(
    change: dict[str, Any], code: str, hint: str, tmp_path: Path
) -> None:
    (found,) = (d for d in told(tmp_path, change) if not d.note)
    assert (found.code, hint in (found.hint or "")) == (code, True)


# Ranges and groups that are hardly meant.
@pytest.mark.parametrize(
    ("change", "noted"),
    [
        ({"network.routes": examples.peered(destination_cidr="172.17.4.0/24")}, ["FB321"]),
        ({"network.routes": examples.peered(destination_cidr="172.16.0.0/12")}, []),
        ({"access.internet_cidrs": ["10.20.0.0/16"]}, ["FB322"]),
        ({"access.internet_cidrs": ["10.0.0.0/8", "0.0.0.0/0"]}, []),
    ],
)
def test_range_that_is_hardly_meant_is_noted(
    change: dict[str, Any], noted: list[str], tmp_path: Path
) -> None:
    found = told(tmp_path, change)
    assert [d.code for d in found if d.code in ("FB321", "FB322")] == noted
    assert all(d.note for d in found)


# A client that answers cannot reach.
@pytest.mark.parametrize(
    ("routes", "noted"),
    [
        ({}, True),
        (examples.peered(destination_cidr="10.80.0.0/16"), True),
        (examples.peered(destination_cidr="10.81.0.0/16", tiers=["private"]), True),
        (examples.peered(destination_cidr="10.81.0.0/17"), True),
        (examples.peered(destination_cidr="10.81.0.0/16"), False),
        (examples.peered(destination_cidr="10.80.0.0/15"), False),
        (
            examples.peered(destination_cidr="10.81.0.0/17")
            | examples.peered("rest", destination_cidr="10.81.128.0/17"),
            False,
        ),
    ],
)
def test_client_range_without_a_route_is_noted(
    routes: dict[str, Any], noted: bool, tmp_path: Path
) -> None:
    change = {"access.clients": examples.client(cidr="10.81.0.0/16"), "network.routes": routes}
    found = told(tmp_path, change)
    assert [(d.code, d.note) for d in found] == [("FB316", True)] * noted


@pytest.mark.parametrize(
    "change",
    [
        {"access.clients": examples.client()},
        {"access.clients": examples.client(security_group_id="sg-0123456789abcdef0")},
        {"access.clients": examples.client(cidr="10.81.0.0/16"), "network.version": "2.0.0"},
        {
            "access.clients": examples.client(cidr="10.81.0.0/16"),
            "existing_network.cidr": "10.20.0.0/16",
        },
    ],
)
def test_client_without_routes_of_finbase_is_not_noted(
    change: dict[str, Any], tmp_path: Path
) -> None:
    assert told(tmp_path, change) == []


# A volume that is too small for what it is asked for.
@pytest.mark.parametrize("name", ["iops", "storage_throughput"])
def test_one_message_leads_from_a_small_volume_to_a_valid_one(name: str, tmp_path: Path) -> None:
    small = {"database.allocated_storage": 20, "database.max_allocated_storage": 50}
    for value in (1, 12_000, 99_999):
        found = only(told(tmp_path, {**small, f"database.{name}": value}))
        assert found == (
            "FB225",
            f"remove `{name}`, or raise `allocated_storage` to 400 and "
            "`max_allocated_storage` to 440",
        )
    raised = {"database.allocated_storage": 400, "database.max_allocated_storage": 440}
    assert told(tmp_path, small) == told(tmp_path, raised) == []
    # On a large volume, the number is the mistake.
    assert only(told(tmp_path, {**raised, f"database.{name}": 1}))[0] == "FB135"


@pytest.mark.parametrize("value", [None, "lots"])
def test_wrong_type_is_not_about_the_volume(value: object, tmp_path: Path) -> None:
    small = {"database.allocated_storage": 20, "database.max_allocated_storage": 50}
    assert only(told(tmp_path, {**small, "database.iops": value}))[0] == "FB131"


def test_wrong_iops_are_not_taken_for_the_default(tmp_path: Path) -> None:
    change = {"database.iops": 99_999, "database.storage_throughput": 4000}
    assert only(told(tmp_path, change))[0] == "FB135"


# A class that outgrew its alarm.
@pytest.mark.parametrize(
    ("change", "noted"),
    [
        ({"database.instance_class": "db.r7g.4xlarge", "monitoring.load_threshold": 4}, True),
        ({"database.instance_class": "db.r7g.8xlarge"}, True),  # The default is 16.
        ({"replica.instances": {"a": {"instance_class": "db.m7g.8xlarge"}}}, True),
        ({"database.instance_class": "db.r7g.4xlarge"}, False),
        ({"monitoring.load_threshold": 2}, False),
        ({"monitoring.load_threshold": 1}, True),
    ],
)
def test_load_alarm_below_the_vcpus_is_noted(
    change: dict[str, Any], noted: bool, tmp_path: Path
) -> None:
    assert [d.code for d in told(tmp_path, change)] == ["FB317"] * noted


# Examples.
def test_examples_of_a_bound_differ() -> None:
    for bound in bounds(REGISTRY):
        text = explain(bound.name, REGISTRY, Catalogue(), 10_000)
        examples_ = (*bound.accepted, *bound.refused)
        start = f"{list(examples_[0])[-1]}: "
        shown = [line.partition(start)[2] for line in text.splitlines() if f" {start}" in line]
        assert len(set(shown)) == len(shown) == len(examples_), bound.name
