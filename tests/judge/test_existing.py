"""What AWS has on applied or imported resources beside the stack fails, and nothing else does."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from finbase.judge.prove import applied_state
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import failed_ids, messages
from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

from existing import added_beside
from stack_graph import Stack

HTTPS = {"protocol": "tcp", "from_port": 443, "to_port": 443}
CLOSED: dict[str, list[str]] = {
    "cidr_blocks": [],
    "ipv6_cidr_blocks": [],
    "prefix_list_ids": [],
    "security_groups": [],
}
TYPES = {
    "ingress": "aws_security_group",
    "egress": "aws_security_group",
    "route": "aws_route_table",
    "inline_policy": "aws_iam_role",
    "managed_policy_arns": "aws_iam_role",
}


def rule(**values: Any) -> dict[str, Any]:
    """A separate rule of the group ``own``."""
    usual = {"ip_protocol": "tcp", "from_port": 443, "to_port": 443, "security_group_id": "own"}
    return {"type": "aws_vpc_security_group_ingress_rule", **usual, **values}


def route(**values: Any) -> dict[str, Any]:
    return {"type": "aws_route", "route_table_id": "own", **values}


def plan(argument: str, item: Any, *others: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A plan of an existing resource that has one item, and of others with their values."""
    own = {"id": "own", "name": "own", argument: [item]}
    resources, changes = [], []
    for number, values in enumerate([{"type": TYPES[argument], **own}, *others]):
        type_, actions = values["type"], values.get("actions", ["no-op"])
        address = f"{type_}.x{number}"
        identity = {"address": address, "mode": "managed", "type": type_, "name": f"x{number}"}
        resources.append({**identity, "values": values})
        after = None if actions == ["delete"] else values
        change = {"actions": actions, "before": values, "after": after, "after_unknown": {}}
        changes.append({**identity, "change": {**change, **(more if not number else {})}})
    return {
        "configuration": {"root_module": {"resources": []}},
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": changes,
    }


@pytest.mark.parametrize(
    ("argument", "item", "others", "added"),
    [
        ("ingress", HTTPS | CLOSED, [], False),
        ("ingress", HTTPS | {"cidr_blocks": ["0.0.0.0/0"]}, [], True),
        ("ingress", HTTPS | {"cidr_blocks": ["10.0.0.0/8"]}, [rule(cidr_ipv4="10.0.0.7/8")], False),
        (
            "ingress",
            HTTPS | {"security_groups": ["1/sg"]},
            [rule(referenced_security_group_id="sg")],
            False,
        ),
        ("ingress", HTTPS | {"self": True}, [rule(referenced_security_group_id="own")], False),
        ("ingress", HTTPS | {"self": True}, [], True),
        ("ingress", HTTPS | {"cidr_blocks": ["::/0"]}, [rule(cidr_ipv6="::/0", to_port=80)], True),
        (
            "ingress",
            HTTPS | {"cidr_blocks": ["10.0.0.0/8", "0.0.0.0/0"]},
            [rule(cidr_ipv4="10.0.0.0/8")],
            True,
        ),
        (
            "ingress",
            {"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["10.0.0.0/8"]},
            [rule(ip_protocol="-1", from_port=None, to_port=None, cidr_ipv4="10.0.0.0/8")],
            False,
        ),
        (
            "egress",
            HTTPS | {"cidr_blocks": ["10.0.0.0/8"]},
            [rule(cidr_ipv4="10.0.0.0/8")],
            True,  # That rule is of the other side.
        ),
        (
            "ingress",
            HTTPS | {"cidr_blocks": ["10.0.0.0/8"]},
            [rule(cidr_ipv4="10.0.0.0/8", security_group_id="another")],
            True,
        ),
        (
            "ingress",
            HTTPS | {"cidr_blocks": ["10.0.0.0/8"]},
            [rule(cidr_ipv4="10.0.0.0/8", actions=["delete"])],
            False,  # This plan removes it.
        ),
        (
            "ingress",
            HTTPS | {"cidr_blocks": ["10.0.0.0/8"]},
            [rule(cidr_ipv4="10.0.0.0/8", actions=["forget"])],
            True,  # Nobody removes it any more.
        ),
        (
            "route",
            {"cidr_block": "0.0.0.0/0", "gateway_id": "igw"},
            [route(destination_cidr_block="0.0.0.0/0", gateway_id="igw")],
            False,
        ),
        (
            "route",
            {"cidr_block": "0.0.0.0/0", "gateway_id": "igw"},
            [route(destination_cidr_block="0.0.0.0/0", nat_gateway_id="nat")],
            True,
        ),
        ("route", {"cidr_block": "10.9.0.0/16", "vpc_peering_connection_id": "pcx"}, [], True),
        (
            "inline_policy",
            {"name": "logs"},
            [{"type": "aws_iam_role_policy", "role": "own", "name": "logs"}],
            False,
        ),
        ("inline_policy", {"name": "logs"}, [], True),
        (
            "managed_policy_arns",
            "arn:x",
            [{"type": "aws_iam_role_policy_attachment", "role": "own", "policy_arn": "arn:x"}],
            False,
        ),
        ("managed_policy_arns", "arn:x", [], True),
    ],
)
def test_added_beside_compares_what_is_written(
    argument: str, item: Any, others: list[dict[str, Any]], added: bool
) -> None:
    stack = Stack(plan(argument, item, *others))
    assert added_beside(stack, stack.resources[0], argument) == [0] * added


def test_added_beside_judges_imported_resources() -> None:
    stack = Stack(plan("ingress", HTTPS | {"cidr_blocks": ["0.0.0.0/0"]}, importing={"id": "own"}))
    assert added_beside(stack, stack.resources[0], "ingress") == [0]


def changed_state() -> bytes:
    """Return the state of production after changes by hand, which Terraform would keep."""
    state = json.loads(applied_state(ROOT, "production"))
    resources = {f"{r.get('module')}.{r['type']}.{r['name']}": r for r in state["resources"]}

    def attributes(address: str) -> dict[str, Any]:
        found: dict[str, Any] = resources[address]["instances"][0]["attributes"]
        return found

    group = attributes("module.database.aws_security_group.database")
    group["ingress"].append({**group["ingress"][0], "cidr_blocks": ["0.0.0.0/0"]})
    table = attributes("module.network.aws_route_table.database")
    internet = attributes("module.network.aws_internet_gateway.main")["id"]
    table["route"].append({"cidr_block": "0.0.0.0/0", "gateway_id": internet})
    role = attributes("module.database.aws_iam_role.monitoring")
    role["managed_policy_arns"].append("arn:aws:iam::aws:policy/ReadOnlyAccess")
    return json.dumps(state).encode()


@pytest.mark.terraform
def test_changes_by_hand_fail(workspace: Workspace) -> None:
    stack = ROOT / "environments" / "production"
    planned = json.loads(workspace.plan(stack, project=ROOT, state=changed_state()))
    assert failed_ids(planned) == {"F02", "F06d", "F10", "B02", "B03"}
    text = "\n".join(messages(planned, without="none").values())
    for part in ("0.0.0.0/0", "ReadOnlyAccess", "which no resource of the plan writes"):
        assert part in text
