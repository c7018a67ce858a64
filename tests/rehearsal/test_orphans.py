"""Match resources that are in no state with the addresses of the plan that creates them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finbase.rehearsal.inventory import Resource
from finbase.rehearsal.orphans import import_blocks, orphans


def state_of(*resources: tuple[str, str, Mapping[str, Any]]) -> dict[str, Any]:
    values = [
        {"mode": "managed", "address": address, "type": type_, "values": dict(values)}
        for address, type_, values in resources
    ]
    return {"values": {"root_module": {"child_modules": [{"resources": values}]}}}


def plan_of(*resources: tuple[str, str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "resource_changes": [
            {
                "mode": "managed",
                "address": address,
                "type": type_,
                "change": {"actions": ["create"], "before": None, "after": dict(after)},
            }
            for address, type_, after in resources
        ]
    }


def resource(type_: str, identifier: str, *facts: str, **more: bool) -> Resource:
    return Resource(type_, identifier, frozenset(facts), **more)


def test_orphans_match_addresses_by_facts() -> None:
    existing = [
        resource("aws_vpc", "vpc-1", "ledger"),
        resource("aws_kms_key", "k-1", "for logs"),
        resource("aws_kms_key", "k-2", "for secrets"),
        resource("aws_kms_key", "k-3", "gone", retained=True),
        resource("aws_eip", "eip-1", "other's"),
        resource("aws_flow_log", "fl-1"),
        resource("aws_route", "rtb-1_0.0.0.0/0", "rtb-1", "0.0.0.0/0", composed=True),
        resource("aws_route", "rtb-2_0.0.0.0/0", "rtb-2", "0.0.0.0/0", composed=True),
        resource("aws_vpc_security_group_ingress_rule", "sgr-1", "sg-1", "sg-2", "tcp", "5432"),
    ]
    state = state_of(
        ("m.vpc", "aws_vpc", {"id": "vpc-1"}),
        ("m.one", "aws_route", {"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0"}),
    )
    rule = {
        "security_group_id": "sg-1",
        "referenced_security_group_id": "sg-2",
        "ip_protocol": "tcp",
        "from_port": 5432,
        "to_port": 5432,
    }
    plan = plan_of(
        ("m.logs", "aws_kms_key", {"description": "for logs"}),
        ("m.secrets", "aws_kms_key", {"description": "for secrets"}),
        ("m.eip", "aws_eip", {"tags_all": {"Name": "ledger"}}),
        ("m.flow", "aws_flow_log", {"traffic_type": "ALL"}),
        ("m.two", "aws_route", {"route_table_id": "rtb-2", "destination_cidr_block": "0.0.0.0/0"}),
        ("m.other", "aws_vpc_security_group_ingress_rule", rule | {"from_port": 1, "to_port": 1}),
        ("m.rule", "aws_vpc_security_group_ingress_rule", rule),
    )
    assert {orphan.resource.id: orphan.address for orphan in orphans(existing, state, plan)} == {
        "k-1": "m.logs",
        "k-2": "m.secrets",
        "eip-1": None,
        "fl-1": "m.flow",
        "rtb-2_0.0.0.0/0": "m.two",
        "sgr-1": "m.rule",
    }


def test_orphans_match_generated_names() -> None:
    """The plan shows the prefix only; the provider adds a time and a counter."""
    generated, other = "initial-2026113001193442500000000e", "initial-of-somebody"
    existing = [
        resource("aws_secretsmanager_secret", "arn:1", generated),
        resource("aws_secretsmanager_secret", "arn:2", other),
    ]
    plan = plan_of(("m.initial", "aws_secretsmanager_secret", {"name_prefix": "initial-"}))
    assert {o.resource.id: o.address for o in orphans(existing, state_of(), plan)} == {
        "arn:1": "m.initial",
        "arn:2": None,
    }


def test_orphans_use_an_address_once() -> None:
    existing = [resource("aws_eip", "eip-1", "ledger"), resource("aws_eip", "eip-2", "ledger")]
    plan = plan_of(("m.eip", "aws_eip", {"tags_all": {"Name": "ledger"}}))
    assert [orphan.address for orphan in orphans(existing, {}, plan)] == ["m.eip", None]


def test_import_blocks_quote_ids_only() -> None:
    lost = orphans([resource("aws_eip", "eip-1")], {}, plan_of(('m.a["x"]', "aws_eip", {})))
    assert import_blocks(lost) == 'import {\n  to = m.a["x"]\n  id = "eip-1"\n}\n'
