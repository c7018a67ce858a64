"""The rule that reports who reads the connection secret, as it was applied."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.load import load
from finbase.environment.rules.readers import pattern_of_reads
from tests.support.commands import ROOT
from tests.support.reported import SECRET, read, read_by, reports

ACCOUNT = "arn:aws:iam::777788889999"
ROLE = f"{ACCOUNT}:role/"
ARN = f"arn:aws:secretsmanager:eu-west-1:777788889999:secret:{SECRET}-AbCdEf"


@pytest.fixture(scope="module")
def pattern() -> str:
    """The pattern of the rule of development."""
    state = (ROOT / "features" / "applied" / "development.state.gz").read_bytes()
    (found,) = (
        resource["instances"][0]["attributes"]["event_pattern"]
        for resource in json.loads(gzip.decompress(state))["resources"]
        if (resource["type"], resource["name"]) == ("aws_cloudwatch_event_rule", "connection_read")
    )
    return str(found)


@pytest.mark.parametrize("secret", [SECRET, ARN])
@pytest.mark.parametrize(
    ("role", "reported"),
    [
        ("ledger-development-roles", False),
        ("ledger-development-rotation", False),
        ("finbase-ledger-development-plan", False),
        ("finbase-ledger-development-apply", False),
        ("ledger-app", True),
        ("ledger-migrations", True),
        ("break-glass", True),
        ("ledger-development-roles-of-somebody", True),
    ],
)
def test_all_but_functions_and_pipeline_are_reported(
    pattern: str, role: str, reported: bool, secret: str
) -> None:
    assert reports(pattern, read_by(ROLE + role, secret=secret)) is reported


@pytest.mark.parametrize(
    "identity",
    [
        {"type": "IAMUser", "arn": f"{ACCOUNT}:user/admin"},
        {"type": "Root", "arn": f"{ACCOUNT}:root"},
        {"type": "FederatedUser", "arn": f"{ACCOUNT}:federated-user/admin"},
    ],
)
def test_users_are_reported(pattern: str, identity: dict[str, Any]) -> None:
    assert reports(pattern, read(identity))


def test_denied_read_is_reported_and_another_secret_is_not(pattern: str) -> None:
    assert reports(pattern, read_by(f"{ROLE}ledger-app", error="AccessDeniedException"))
    other = "ledger-development/roles/app"
    assert not reports(pattern, read_by(f"{ROLE}ledger-app", secret=other))


def test_rule_measures_the_pattern_that_was_applied(pattern: str) -> None:
    """FB279 makes the pattern itself, to count its characters."""
    environment = load(ROOT / "environments" / "development.yaml", Registry(ROOT), ROOT)
    stack = replace(environment, account_id="777788889999", region="eu-west-1")
    pipeline = [f"{ROLE}finbase-ledger-development-{name}" for name in ("apply", "plan")]
    use = environment.module("roles")
    assert use is not None
    assert pattern_of_reads(stack, "ledger-development", pipeline, use.version) == pattern


@pytest.mark.parametrize("arns", [[f"{ROLE}plan"], [f"{ROLE}plan", f"{ACCOUNT}:user/plan"]])
def test_pattern_has_both_secrets_and_users_of_iam(arns: list[str]) -> None:
    """From roles 1.3.0 on; the module's tests compare it with what Terraform makes."""
    environment = load(ROOT / "environments" / "development.yaml", Registry(ROOT), ROOT)
    stack = replace(environment, account_id="777788889999", region="eu-west-1")
    pattern = pattern_of_reads(stack, "ledger-development", arns, Version.parse("1.3.0"))
    assert not reports(pattern, read_by(f"{ROLE}plan"))
    for name in ("plan", "admin"):
        user = {"type": "IAMUser", "arn": f"{ACCOUNT}:user/{name}"}
        assert reports(pattern, read(user)) is (user["arn"] not in arns)
    for secret in ("initial-20261130", "connection"):
        for before in ("", "arn:aws:secretsmanager:eu-west-1:777788889999:secret:"):
            named = f"{before}ledger-development/database/{secret}"
            assert reports(pattern, read_by(f"{ROLE}ledger-app", secret=named))
    assert not reports(pattern, read_by(f"{ROLE}a", secret="ledger-development/roles/app"))
    assert reports(pattern, read({"type": "AWSService"}))
