"""Resources beside the modules that open or replace their parts are judged, too.

Each case is a real plan with an additional or earlier resource, judged in this process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from tests.judge.in_process import messages

Plan: TypeAlias = dict[str, Any]

pytestmark = pytest.mark.terraform

NAME = "ledger-development-rotation"
LAMBDA = f"arn:aws:lambda:eu-west-1:777788889999:function:{NAME}"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
CONNECTION = "ledger-development/database/connection"
LOCAL = {"references": ["local.other"]}
UNKNOWN = object()
"""A value that is known after apply only, and comes from a local."""
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
OPEN = {"cidr_blocks": ["0.0.0.0/0"], "from_port": 0, "to_port": 65535, "protocol": "tcp"}


def failed_ids(plan: Plan) -> set[str]:
    """Return the failures of the review that the scenarios find without the design profile.

    The profile refuses every resource beside the design, so it would hide what these find, and a
    control of the baseline may find the same resource.
    """
    found = messages(plan, without="features/design.feature")
    return {id_ for id_ in found if id_.startswith("F")}


def add(plan: Plan, type_: str, **arguments: Any) -> None:
    """Plan one more resource, whose arguments are literals, references or unknown until apply."""
    known = {k: v for k, v in arguments.items() if v is not UNKNOWN and not refers(v)}
    unknown = {k: True for k in arguments if k not in known}
    identity = {
        "address": f"{type_}.extra",
        "mode": "managed",
        "type": type_,
        "name": "extra",
        "provider_config_key": "aws",
    }
    written = {
        key: {"constant_value": value} if key in known else LOCAL if value is UNKNOWN else value
        for key, value in arguments.items()
    }
    change = {"actions": ["create"], "before": None, "after": known}
    change["after_unknown"] = {"id": True, **unknown}
    plan["planned_values"]["root_module"].setdefault("resources", []).append(
        identity | {"values": known}
    )
    plan["resource_changes"].append(identity | {"change": change})
    plan["configuration"]["root_module"].setdefault("resources", []).append(
        identity | {"expressions": written}
    )


def into_module(plan: Plan) -> None:
    """Move what was added to the root into a module of the project itself, and wire its values."""
    root = plan["configuration"]["root_module"]
    call: dict[str, Any] = {"source": "../../modules/exports/1.0.0", "expressions": {}}
    resources = added(root)
    for resource in resources:
        for name, value in resource["expressions"].items():
            first = value.get("references", [""])[0]
            if first.startswith("module."):
                wire = f"{resource['type']}_{name}"
                call["expressions"][wire] = value
                resource["expressions"][name] = {"references": [f"var.{wire}"]}
    variables: dict[str, Any] = {name: {} for name in call["expressions"]}
    call["module"] = {"resources": resources, "variables": variables}
    planned = plan["planned_values"]["root_module"]
    moved = added(planned)
    addresses = {resource["address"] for resource in moved}
    for part in (*moved, *plan["resource_changes"]):
        if part["address"] in addresses:
            part["address"] = f"module.exports.{part['address']}"
    planned["child_modules"].append({"address": "module.exports", "resources": moved})
    root["module_calls"]["exports"] = call


def added(module: dict[str, Any]) -> list[dict[str, Any]]:
    """Take from the root what was added to it: not what keeps a protected database."""
    resources = module.pop("resources", [])
    module["resources"] = [r for r in resources if r["name"].startswith("keep_")]
    return [r for r in resources if not r["name"].startswith("keep_")]


def refers(value: Any) -> bool:
    return isinstance(value, Mapping) and "references" in value


def output(name: str) -> dict[str, list[str]]:
    return {"references": [f"module.secret.{name}", "module.secret"]}


def changes(plan: Plan, type_: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The values and the change of every planned resource of a type."""
    found = {each["address"]: each["change"] for each in plan["resource_changes"]}
    modules = [plan["planned_values"]["root_module"]]
    for module in modules:
        modules += module.get("child_modules", ())
        for each in module.get("resources", ()):
            if each["type"] == type_:
                yield each["values"], found[each["address"]]


def make(plan: Plan, type_: str, block: str, blocks: list[Any], before: Any = None) -> None:
    """Let a dynamic block make blocks, in new resources or in those that had others before."""
    for values, change in changes(plan, type_):
        values[block] = blocks
        change["after"] = values
        change["after_unknown"].pop(block, None)
        if before is not None:
            before_it = {**values, block: before}
            change |= {"actions": ["update"], "before": before_it, "after_unknown": {}}


def depose(plan: Plan, *types: str) -> None:
    """Delete a deposed object of every resource, or of those of some types."""
    gone: Plan = {"actions": ["delete"], "before": {}, "after": None, "after_unknown": {}}
    plan["resource_changes"] += [
        {**each, "deposed": "abcd1234", "change": gone}
        for each in plan["resource_changes"]
        if each["mode"] == "managed" and (not types or each["type"] in types)
    ]


# --- what was there before -------------------------------------------------------------------


def test_deposed_objects_are_ignored(plan: Plan) -> None:
    depose(plan)
    assert failed_ids(plan) == set()


def test_dynamic_rule_beside_deposed_group_fails(plan: Plan) -> None:
    make(plan, "aws_security_group", "ingress", [OPEN])
    depose(plan, "aws_security_group")
    assert failed_ids(plan) == {"F02"}


@pytest.mark.parametrize("before", [[], [{**OPEN, "to_port": 443}]])
def test_dynamic_rule_in_update_fails(plan: Plan, before: Any) -> None:
    make(plan, "aws_security_group", "ingress", [OPEN], before)
    assert failed_ids(plan) == {"F02"}


def test_dynamic_rule_unknown_in_update_fails(plan: Plan) -> None:
    make(plan, "aws_security_group", "egress", [], [OPEN])
    for _, change in changes(plan, "aws_security_group"):
        change["after_unknown"]["egress"] = True
    assert failed_ids(plan) == {"F02"}


@pytest.mark.parametrize(
    ("type_", "block"),
    [
        ("aws_security_group", "ingress"),
        ("aws_route_table", "route"),
    ],
)
def test_blocks_read_back_pass(plan: Plan, type_: str, block: str) -> None:
    make(plan, type_, block, [OPEN], [OPEN])
    assert failed_ids(plan) == set()


@pytest.mark.parametrize(
    ("role", "name", "failed"),
    [("flow-logs", "write-flow-logs", set()), ("rotation", "added", {"F06d"})],
)
def test_policies_read_back_pass_if_written(
    plan: Plan, role: str, name: str, failed: set[str]
) -> None:
    """AWS lists the policy of ``aws_iam_role_policy`` with its role; any other was added there."""
    policies = [{"name": name, "policy": "{}"}]
    for values, change in changes(plan, "aws_iam_role"):
        if values["name"].endswith(role):
            values["inline_policy"] = policies
            change["after"] = values
            change["after_unknown"].pop("inline_policy", None)
            before = {**values, "inline_policy": policies}
            change |= {"actions": ["update"], "before": before, "after_unknown": {}}
    assert failed_ids(plan) == failed


def test_dynamic_routes_fail(plan: Plan) -> None:
    make(plan, "aws_route_table", "route", [{"cidr_block": "0.0.0.0/0"}])
    assert failed_ids(plan) == {"F10"}


def test_dynamic_role_policy_fails(plan: Plan) -> None:
    make(plan, "aws_iam_role", "inline_policy", [{"name": "all", "policy": "{}"}])
    assert failed_ids(plan) == {"F06d"}


# --- who may call the rotation function, and what it may do -----------------------------------

EVERYBODY = {"principal": "*", "action": "lambda:InvokeFunction"}


@pytest.mark.parametrize(
    "named",
    [
        NAME,
        LAMBDA,
        f"{LAMBDA}:live",
        f"777788889999:function:{NAME}",
        f"777788889999:function:{NAME}:live",
        f"function:{NAME}:$LATEST",
        output("rotation_function_name"),
        UNKNOWN,
    ],
)
@pytest.mark.parametrize(
    ("type_", "more"),
    [
        ("aws_lambda_permission", EVERYBODY),
        ("aws_lambda_function_url", {"authorization_type": "NONE"}),
        ("aws_lambda_event_source_mapping", {"event_source_arn": "arn:aws:sqs:x"}),
    ],
)
def test_second_caller_fails(plan: Plan, type_: str, more: dict[str, str], named: Any) -> None:
    add(plan, type_, function_name=named, **more)
    assert failed_ids(plan) == {"F06d"}


@pytest.mark.parametrize("named", [f"{NAME}-of-others", f"{LAMBDA}-of-others", f"other:{NAME}"])
def test_caller_of_another_function_passes(plan: Plan, named: str) -> None:
    add(plan, "aws_lambda_permission", function_name=named, **EVERYBODY)
    add(plan, "aws_lambda_function_url", function_name=named)
    assert failed_ids(plan) == set()


@pytest.mark.parametrize("part", [{"function_name": f"{NAME}:live"}, {"qualifier": "live"}])
def test_permission_for_alias_fails(plan: Plan, part: dict[str, str]) -> None:
    for values, change in changes(plan, "aws_lambda_permission"):
        values |= part
        change["after"] = values
    assert failed_ids(plan) == {"F06d"}


@pytest.mark.parametrize(
    ("type_", "path", "more"),
    [
        ("aws_iam_policy_attachment", "roles", {"policy_arn": ADMINISTRATOR}),
        ("aws_iam_role_policy_attachment", "role", {"policy_arn": ADMINISTRATOR}),
        (
            "aws_iam_role_policy_attachments_exclusive",
            "role_name",
            {"policy_arns": [ADMINISTRATOR]},
        ),
        ("aws_iam_role_policy", "role", {"policy": json.dumps({"Statement": ALL})}),
        ("aws_kms_grant", "grantee_principal", {"operations": ["Decrypt"]}),
    ],
)
@pytest.mark.parametrize("named", [NAME, f"arn:aws:iam::777788889999:role/{NAME}", UNKNOWN, None])
def test_further_rights_of_role_fail(
    plan: Plan, type_: str, path: str, more: dict[str, Any], named: Any
) -> None:
    name = named or f"{NAME}-of-others"
    add(plan, type_, **{path: [name] if path == "roles" and name is not UNKNOWN else name}, **more)
    assert failed_ids(plan) == ({"F06d"} if named else set())


# --- the secret, and keys ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        output("arn"),
        CONNECTION,
        f"arn:aws:secretsmanager:eu-west-1:777788889999:secret:{CONNECTION}-a1B2c3",
        UNKNOWN,
    ],
)
def test_second_secret_version_is_judged(plan: Plan, secret: Any) -> None:
    add(plan, "aws_secretsmanager_secret_version", secret_id=secret, secret_string="plain")
    assert failed_ids(plan) == {"F06b"}


def test_version_of_another_secret_passes(plan: Plan) -> None:
    add(plan, "aws_secretsmanager_secret_version", secret_id="others", secret_string="plain")
    assert failed_ids(plan) == set()


@pytest.mark.parametrize("secret", [CONNECTION, UNKNOWN])
def test_second_rotation_fails(plan: Plan, secret: Any) -> None:
    rules = [{"automatically_after_days": 999}]
    add(plan, "aws_secretsmanager_secret_rotation", secret_id=secret, rotation_rules=rules)
    assert "F06d" in failed_ids(plan)


@pytest.mark.parametrize(
    ("type_", "multi_region", "fine"),
    [
        ("aws_kms_external_key", {}, False),
        ("aws_kms_external_key", {"multi_region": True}, False),
        ("aws_kms_external_key", {"multi_region": False}, True),
        ("aws_kms_replica_key", {"primary_key_arn": "arn:aws:kms:x"}, False),
        ("aws_kms_replica_external_key", {"primary_key_arn": "arn:aws:kms:x"}, False),
    ],
)
def test_keys_of_any_type_are_judged(
    plan: Plan, type_: str, multi_region: dict[str, Any], fine: bool
) -> None:
    add(plan, type_, **multi_region)
    assert failed_ids(plan) == (set() if fine else {"F08"})
