"""The stack as it runs, and what was added to it on AWS."""

from __future__ import annotations

from typing import Any

import pytest

from finbase.errors import ComplianceError
from finbase.plan.beside import additions
from finbase.plan.document import demand_whole
from finbase.plan.running import as_it_runs, unconfigured

GROUP = "aws_security_group.database"
RULE = {
    "protocol": "tcp",
    "from_port": 5432,
    "to_port": 5432,
    "self": False,
    "description": "",
    "cidr_blocks": [],
    "ipv6_cidr_blocks": [],
    "prefix_list_ids": [],
    "security_groups": [],
}
DESCRIBED = {
    "security_group_id": "sg-1",
    "ip_protocol": "tcp",
    "from_port": 5432,
    "to_port": 5432,
    "cidr_ipv4": None,
    "cidr_ipv6": None,
    "prefix_list_id": None,
    "referenced_security_group_id": "sg-2",
}


def running(address: str, **values: Any) -> dict[str, Any]:
    type_, name = address.split(".")
    provider = "registry.terraform.io/hashicorp/aws"
    entry = {"address": address, "mode": "managed", "type": type_, "name": name}
    return {**entry, "provider_name": provider, "schema_version": 0, "values": values}


def applied(*resources: dict[str, Any], outputs: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a plan of a stack with one topic, whose state has these resources."""
    topic = {"address": "aws_sns_topic.a", "mode": "managed", "type": "aws_sns_topic", "name": "a"}
    configuration = {"resources": [{**topic, "expressions": {}}]}
    configured = {name: {"expression": {"references": ["aws_sns_topic.a"]}} for name in outputs}
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {"resources": []}},
        "resource_drift": [{"address": "aws_sns_topic.a"}],
        "prior_state": {"values": {"root_module": {"resources": [*resources]}}},
        "configuration": {"root_module": {**configuration, "outputs": configured}},
    }


def test_as_it_runs_plans_the_state_without_changes() -> None:
    topic = running("aws_sns_topic.a", kms_master_key_id="alias/none")
    plan = as_it_runs(applied(topic, outputs=("arn",)), "development")
    demand_whole(plan, "development")
    (planned,) = plan["planned_values"]["root_module"]["resources"]
    assert planned["values"] == {"kms_master_key_id": "alias/none"}
    (change,) = plan["resource_changes"]
    assert change["change"]["actions"] == ["no-op"]
    assert plan["output_changes"]["arn"]["after_unknown"] is True
    assert "resource_drift" not in plan


def test_as_it_runs_refuses_a_state_without_resources() -> None:
    with pytest.raises(ComplianceError, match="development has no resources, so nothing runs"):
        as_it_runs(applied(), "development")


def test_unconfigured_lists_what_the_stack_lost() -> None:
    plan = applied(running("aws_sns_topic.a"), running("aws_sqs_queue.old"))
    assert unconfigured(plan) == ("aws_sqs_queue.old",)
    planned = as_it_runs(plan, "development")["planned_values"]["root_module"]["resources"]
    assert [resource["address"] for resource in planned] == ["aws_sns_topic.a"]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"cidr_blocks": ["0.0.0.0/0"]}, "ingress rule: tcp 5432-5432, 0.0.0.0/0"),
        ({"ipv6_cidr_blocks": ["::/0"]}, "ingress rule: tcp 5432-5432, ::/0"),
        ({"security_groups": ["sg-3"]}, "ingress rule: tcp 5432-5432, sg-3"),
        ({"prefix_list_ids": ["pl-1"]}, "ingress rule: tcp 5432-5432, pl-1"),
        ({"self": True}, "ingress rule: tcp 5432-5432, sg-1"),
        (
            {"protocol": "-1", "from_port": 0, "to_port": 0, "security_groups": ["sg-2"]},
            "ingress rule: all all ports, sg-2",
        ),
        ({"security_groups": ["sg-2"], "to_port": 5433}, "ingress rule: tcp 5432-5433, sg-2"),
    ],
)
def test_additions_finds_rules(entry: dict[str, Any], what: str) -> None:
    described = running("aws_vpc_security_group_ingress_rule.app", **DESCRIBED)
    known = {**RULE, "security_groups": ["sg-2"]}
    group = running(GROUP, id="sg-1", ingress=[known, {**RULE, **entry}], egress=[])
    assert [(a.address, a.what) for a in additions([group, described])] == [(GROUP, what)]


def test_additions_finds_routes() -> None:
    table = "aws_route_table.database"
    known = running("aws_route.nat", route_table_id="rtb-1", destination_cidr_block="0.0.0.0/0")
    routes = [{"cidr_block": "0.0.0.0/0"}, {"cidr_block": "10.9.0.0/16"}]
    resources = [running(table, id="rtb-1", route=routes), known]
    assert [(a.address, a.what) for a in additions(resources)] == [(table, "route to 10.9.0.0/16")]


def test_additions_finds_policies() -> None:
    role = running(
        "aws_iam_role.rotation",
        name="rotation",
        managed_policy_arns=["arn:own", "arn:aws:iam::aws:policy/AdministratorAccess"],
        inline_policy=[{"name": "own"}, {"name": "added"}],
    )
    attachment = running("aws_iam_role_policy_attachment.a", role="rotation", policy_arn="arn:own")
    policy = running("aws_iam_role_policy.a", role="rotation", name="own")
    assert [a.what for a in additions([role, attachment, policy])] == [
        "attached policy arn:aws:iam::aws:policy/AdministratorAccess",
        "inline policy added",
    ]
