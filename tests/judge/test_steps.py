"""What the steps read beside the graph: policies, and windows of time."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

import design_policies
from kinds import of_kind
from policies import Statement, allowed, named
from stack_graph import Resource, Stack
from windows import business, daily, overlap, weekly

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def at(stack: Stack, address: str) -> Resource:
    return next(each for each in stack.resources if each.address == address)


# --- kinds --------------------------------------------------------------------------------

WRITTEN = {"expressions": {"replicate_source_db": {"references": ["aws_db_instance.x.arn"]}}}
KNOWN = {"values": {"replicate_source_db": "arn:aws:rds:eu-west-1:111111111111:db:x"}}


@pytest.mark.parametrize(
    ("configured", "planned", "unknown", "kind"),
    [
        (WRITTEN, {}, {"replicate_source_db": True}, "replica"),
        ({}, {}, {"replicate_source_db": True}, "replica"),
        ({}, KNOWN, {}, "replica"),
        ({}, {"values": {"replicate_source_db": None}}, {}, "primary"),
        ({}, {"values": {"replicate_source_db": ""}}, {}, "primary"),
        ({}, {}, {}, "primary"),
    ],
)
def test_of_kind_recognises_replicas(
    configured: Any, planned: Any, unknown: Any, kind: str
) -> None:
    one = {"address": "aws_db_instance.y", "mode": "managed", "type": "aws_db_instance"}
    one |= {"name": "y"}
    change = {"actions": ["create"], "after_unknown": unknown}
    stack = Stack(
        {
            "configuration": {"root_module": {"resources": [one | configured]}},
            "planned_values": {"root_module": {"resources": [one | {"values": {}} | planned]}},
            "resource_changes": [one | {"change": change}],
        }
    )
    other = {"replica": "primary", "primary": "replica"}[kind]
    assert len(of_kind(stack, kind)) == len(of_kind(stack, "instance")) == 1
    assert of_kind(stack, other) == ()


# --- policies ------------------------------------------------------------------------------

READ = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": ["a", "b"]}
DENY = {"Effect": "Deny", "Action": "*", "Resource": "*"}


def holder(policy: Any) -> tuple[Stack, Resource]:
    """A stack with one role, whose trust policy is known."""
    role = {"address": "aws_iam_role.x", "mode": "managed", "type": "aws_iam_role", "name": "x"}
    values = {"values": {"policy": json.dumps(policy)}}
    stack = Stack(
        {
            "configuration": {"root_module": {"resources": [role]}},
            "planned_values": {"root_module": {"resources": [role | values]}},
        }
    )
    return stack, at(stack, "aws_iam_role.x")


@pytest.mark.parametrize(
    ("statement", "statements"),
    [
        ([], []),
        (DENY, []),
        ([DENY, READ], [Statement(("kms:Decrypt",), ("a", "b"), ())]),
        (
            {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "a"},
            [Statement(("NotAction", "NotResource"), (), ())],
        ),
        (
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"},
            [Statement(("sts:AssumeRole",), (), ("*",))],
        ),
        (
            {"Effect": "Allow", "Action": ["x"], "Principal": {"Service": ["a", "b"], "AWS": "c"}},
            [Statement(("x",), (), ("Service a", "Service b", "AWS c"))],
        ),
    ],
)
def test_allowed_reads_known_policy(statement: Any, statements: list[Statement]) -> None:
    assert allowed(*holder({"Statement": statement}), "policy") == statements


def made(of_documents: dict[str, list[dict[str, Any]]]) -> tuple[Stack, Resource]:
    """A policy that is unknown, made of a document, made of others."""
    first, *others = of_documents
    resources: list[dict[str, Any]] = [
        {"address": "aws_kms_key.x", "mode": "managed", "type": "aws_kms_key", "name": "x"},
        {
            "address": "aws_iam_policy.x",
            "mode": "managed",
            "type": "aws_iam_policy",
            "name": "x",
            "expressions": {"policy": refer(document(first), "json")},
        },
    ]
    for name, blocks in of_documents.items():
        merged = [part for other in others for part in refer(document(other), "json")["references"]]
        expressions: dict[str, Any] = {"statement": [block["written"] for block in blocks]}
        if name == first and merged:
            expressions["source_policy_documents"] = {"references": merged}
        resources.append(
            {
                "address": document(name),
                "mode": "data",
                "type": "aws_iam_policy_document",
                "name": name,
                "expressions": expressions,
                "values": {"statement": [block["planned"] for block in blocks]},
            }
        )
    unknown = {"address": "aws_iam_policy.x", "change": {"after_unknown": {"policy": True}}}
    root = {"resources": resources}
    stack = Stack(
        {
            "configuration": {"root_module": root},
            "planned_values": {"root_module": root},
            "resource_changes": [unknown],
        }
    )
    return stack, at(stack, "aws_iam_policy.x")


def document(name: str) -> str:
    return f"data.aws_iam_policy_document.{name}"


def refer(address: str, attribute: str) -> dict[str, list[str]]:
    return {"references": [f"{address}.{attribute}", address]}


KEY = {
    "written": {"resources": refer("aws_kms_key.x", "arn")},
    "planned": {"effect": None, "actions": ["kms:Decrypt"], "resources": [None]},
}
ALL = {
    "written": {"resources": {"constant_value": ["*"]}},
    "planned": {"effect": "Allow", "not_actions": ["iam:*"], "resources": ["*"]},
}


def test_allowed_reads_policy_document() -> None:
    stack, policy = made({"own": [KEY]})
    assert allowed(stack, policy, "policy") == [
        Statement(("kms:Decrypt",), ("aws_kms_key.x",), ()),
    ]
    assert list(named(stack, policy, "policy")) == ["aws_kms_key.x"]


def test_allowed_reads_merged_documents() -> None:
    stack, policy = made({"own": [KEY], "more": [ALL]})
    assert allowed(stack, policy, "policy") == [
        Statement(("kms:Decrypt",), ("aws_kms_key.x",), ()),
        Statement(("NotAction",), ("*",), ()),
    ]


def test_named_follows_documents_that_were_read() -> None:
    stack, _ = made({"own": [KEY]})
    plan = json.loads(json.dumps(stack._plan))
    planned = plan["planned_values"]["root_module"]
    read = [r for r in planned["resources"] if r["mode"] == "data"]
    gone = {**read[0], "address": document("gone"), "name": "gone"}
    plan["planned_values"] = {
        "root_module": {"resources": [r for r in planned["resources"] if r["mode"] == "managed"]}
    }
    plan["prior_state"] = {"values": {"root_module": {"resources": [*read, gone]}}}
    stack = Stack(plan)
    assert list(named(stack, at(stack, "aws_iam_policy.x"), "policy")) == ["aws_kms_key.x"]
    assert not any(resource.name == "gone" for resource in stack.resources)


def test_allowed_returns_none_for_unknown_policy() -> None:
    stack, policy = made({"own": [KEY]})
    by_hand = policy._replace(
        configuration={"expressions": {"policy": refer("aws_kms_key.x", "arn")}}
    )
    assert allowed(stack, by_hand, "policy") is None
    assert list(named(stack, by_hand, "policy")) == ["aws_kms_key.x"]


SERVICES = [
    {"type": "Service", "identifiers": ["everybody.example"]},
    {"type": "Service", "identifiers": ["lambda.amazonaws.com"]},
]


@pytest.mark.parametrize(
    ("principals", "names"),
    [
        (SERVICES, ("Service everybody.example", "Service lambda.amazonaws.com")),
        (SERVICES[::-1], ("Service lambda.amazonaws.com", "Service everybody.example")),
        ([{"type": "AWS", "identifiers": [None]}], ("AWS (not shown by this plan)",)),
        ([{"type": "AWS"}], ("AWS (not shown by this plan)",)),
    ],
)
def test_allowed_merges_principals(principals: Any, names: tuple[str, ...]) -> None:
    """A later block of a type hides no earlier one, and a hidden name counts."""
    written = {"actions": {"constant_value": ["sts:AssumeRole"]}}
    planned = {"actions": ["sts:AssumeRole"], "principals": principals}
    stack, policy = made({"own": [{"written": written, "planned": planned}]})
    assert allowed(stack, policy, "policy") == [Statement(("sts:AssumeRole",), (), names)]


def test_block_merges_principals_and_conditions() -> None:
    condition = {"test": "StringEquals", "variable": "aws:SourceAccount"}
    block = {
        "actions": ["kms:Decrypt"],
        "principals": SERVICES,
        "condition": [condition | {"values": ["1"]}, condition | {"values": ["2"]}],
    }
    assert design_policies.block_line(block) == (
        "Allow Service everybody.example, Service lambda.amazonaws.com to kms:Decrypt "
        "if StringEquals aws:SourceAccount 1, 2"
    )


def test_statement_maps_account_to_root() -> None:
    root = {"Effect": "Allow", "Action": "kms:*", "Principal": {"AWS": "111122223333"}}
    assert (
        design_policies.statement_line(root) == "Allow AWS arn:aws:iam::111122223333:root to kms:*"
    )


# --- windows -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("03:00-04:00", "mon:04:00-mon:05:00", False),
        ("03:00-04:01", "mon:04:00-mon:05:00", True),
        ("04:59-05:30", "mon:04:00-mon:05:00", True),
        ("05:00-05:30", "mon:04:00-mon:05:00", False),
        ("23:30-00:30", "sun:23:45-mon:00:15", True),
        ("00:00-00:30", "sun:23:45-mon:00:15", True),
        ("03:00-04:00", "sat:02:00-sun:02:00", True),
    ],
)
def test_overlap_of_windows(one: str, other: str, meet: bool) -> None:
    assert overlap(daily(one), weekly(other)) is meet
    assert overlap(weekly(other), daily(one)) is meet


@pytest.mark.parametrize(
    "text", ["", "None", "03:00", "03:00-", "mon:03:00", "xyz:03:00-xyz:04:00"]
)
def test_invalid_windows_have_no_spans(text: str) -> None:
    assert not daily(text)
    assert not weekly(text)


@pytest.mark.parametrize(
    ("hours", "free"),
    [
        ("06:00-18:00", "sat:06:00-sun:18:00"),  # a weekend
        ("15:00-02:00", "mon:02:00-mon:15:00"),  # west of UTC: Monday starts in the afternoon
        ("15:00-02:00", "sat:02:00-mon:15:00"),  # and Friday ends on Saturday
        ("21:00-08:00", "fri:08:00-sun:21:00"),  # east of UTC: Monday starts on Sunday
    ],
)
def test_business_leaves_weekend_free(hours: str, free: str) -> None:
    assert not overlap(business(hours), weekly(free))


def test_business_covers_working_days() -> None:
    for day in DAYS[:5]:
        assert overlap(business("06:00-18:00"), weekly(f"{day}:12:00-{day}:12:30"))
    for start in ("sun", *DAYS[:4]):
        assert overlap(business("21:00-08:00"), weekly(f"{start}:22:00-{start}:22:30"))
