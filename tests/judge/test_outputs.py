"""An output that shows a secret fails B08, whatever hides it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.in_process import messages

SECRET = "aws_secretsmanager_secret_version.x.secret_string"
VERSION = {
    "address": "aws_secretsmanager_secret_version.x",
    "mode": "managed",
    "type": "aws_secretsmanager_secret_version",
    "name": "x",
    "values": {"secret_string": "correct-horse", "arn": "arn:x"},
    "sensitive_values": {"secret_string": True},
}


def failures(name: str, value: Any, *references: str) -> str:
    """Return what B08 says about one output of a stack that finbase did not render."""
    output = {"expression": {"references": [*references]}}
    plan = {
        "configuration": {
            "root_module": {
                "resources": [{k: VERSION[k] for k in ("address", "mode", "type", "name")}],
                "outputs": {name: output},
                "variables": {"token": {"sensitive": True}, "region": {}},
            }
        },
        "planned_values": {
            "outputs": {name: {"value": value}},
            "root_module": {"resources": [VERSION]},
        },
        "resource_changes": [
            {**VERSION, "change": {"actions": ["create"], "after": VERSION["values"]}}
        ],
    }
    return messages(plan, without="features/design.feature").get("B08", "")


@pytest.mark.parametrize(
    ("name", "value", "references", "reason"),
    [
        ("login", "other", [SECRET], f"comes from the sensitive {SECRET}"),
        ("login", "x", ["aws_secretsmanager_secret_version.x"], "comes from the sensitive"),
        ("login", {"a": ["correct-horse"]}, ["local.login"], "the value of a sensitive attribute"),
        ("login", "other", ["local.db_password"], "comes from local.db_password"),
        ("login", "other", ["var.token"], "comes from the sensitive var.token"),
        ("admin_password", "other", ["local.x"], "its name says"),
    ],
)
def test_outputs_of_secrets_fail(name: str, value: Any, references: list[str], reason: str) -> None:
    text = failures(name, value, *references)
    assert f"output {name}: " in text
    assert reason in text


@pytest.mark.parametrize(
    ("name", "value", "references"),
    [
        ("arn", "arn:x", ["aws_secretsmanager_secret_version.x.arn"]),
        ("password_secret_arn", "arn:x", ["local.x"]),
        ("region", "eu-west-1", ["var.region"]),
        ("password", None, ["local.x"]),
        ("fields", ["host", "password"], ["local.credentials"]),
    ],
)
def test_other_outputs_pass(name: str, value: Any, references: list[str]) -> None:
    assert "output" not in failures(name, value, *references)
