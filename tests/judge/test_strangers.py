"""A module beside the design lets no other account in, and reads no secret of the stack."""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import pytest

from finbase.terraform.workspace import Workspace
from tests.judge.in_process import messages
from tests.judge.test_beside import UNKNOWN, Plan, add
from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

import design_judge
from stack_graph import Stack

pytestmark = pytest.mark.terraform

SECRET = "arn:aws:secretsmanager:eu-west-1:777788889999:secret:ledger-development/database"
STRANGER = "arn:aws:iam::999999999999:root"
OWN = "arn:aws:iam::777788889999:role/deploy"
LIMITED = {"StringEquals": {"aws:PrincipalArn": STRANGER}}


@pytest.fixture(scope="module")
def planned(workspace: Workspace) -> Plan:
    stack = ROOT / "environments" / "development"
    document: Plan = json.loads(workspace.plan(stack, project=ROOT))
    return document


@pytest.fixture
def plan(planned: Plan) -> Plan:
    return copy.deepcopy(planned)


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def trust(principal: Any, **more: Any) -> str:
    return policy(Action="sts:AssumeRole", Principal=principal, **more)


def failed(plan: Plan) -> set[str]:
    return {*messages(plan, without="features/design.feature")}


def test_plan_without_additions_passes(plan: Plan) -> None:
    assert failed(plan) == set()


@pytest.mark.parametrize(
    "document",
    [
        trust({"AWS": STRANGER}),
        trust({"AWS": "999999999999"}),
        trust({"AWS": STRANGER}, Condition=LIMITED),
        trust({"AWS": [OWN, STRANGER]}),
        trust({"AWS": "*"}, Condition=LIMITED),
        trust({"Federated": "accounts.example.com"}),
        UNKNOWN,
    ],
)
def test_role_for_strangers_fails(plan: Plan, document: Any) -> None:
    add(plan, "aws_iam_role", name="extra", assume_role_policy=document)
    assert failed(plan) == {"B08"}


@pytest.mark.parametrize(
    ("type_", "arguments"),
    [
        ("aws_s3_bucket_policy", {"policy": trust({"AWS": STRANGER})}),
        ("aws_ecr_repository_policy", {"policy": trust({"AWS": STRANGER})}),
        ("aws_kms_grant", {"grantee_principal": STRANGER}),
        ("aws_lambda_permission", {"principal": "999999999999"}),
        ("aws_ram_principal_association", {"principal": "999999999999"}),
        ("aws_db_snapshot", {"shared_accounts": ["999999999999"]}),
        ("aws_db_snapshot", {"shared_accounts": ["all"]}),
    ],
)
def test_resource_for_strangers_fails(plan: Plan, type_: str, arguments: dict[str, Any]) -> None:
    add(plan, type_, **arguments)
    assert "B08" in failed(plan)


@pytest.mark.parametrize("principal", [{"Service": "lambda.amazonaws.com"}, {"AWS": OWN}])
def test_role_of_the_own_account_passes(plan: Plan, principal: Any) -> None:
    add(plan, "aws_iam_role", name="extra", assume_role_policy=trust(principal))
    assert failed(plan) == set()


@pytest.mark.parametrize("type_", ["aws_iam_policy", "aws_iam_role_policy", "aws_iam_user_policy"])
@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("secretsmanager:GetSecretValue", f"{SECRET}/connection-*"),
        ("secretsmanager:Get*", f"{SECRET}/connection-Ab12Cd"),
        ("secretsmanager:BatchGetSecretValue", f"{SECRET[:-20]}*"),
        ("secretsmanager:GetSecretValue", "module.secret.aws_secretsmanager_secret.connection"),
        ("rds:ModifyDBInstance", "arn:aws:rds:eu-west-1:777788889999:db:ledger-development"),
    ],
)
def test_policy_that_reads_the_stack_fails(
    plan: Plan, type_: str, action: str, resource: str
) -> None:
    document = policy(Action=action, Resource=resource)
    add(plan, type_, name="extra", policy=document)
    assert failed(plan) == {"B11"}


def test_policy_for_another_secret_passes(plan: Plan) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:777788889999:secret:partner/api-*"
    document = policy(Action="secretsmanager:GetSecretValue", Resource=arn)
    add(plan, "aws_iam_policy", name="extra", policy=document)
    assert failed(plan) == set()


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::aws:policy/SecretsManagerReadWrite",
        "arn:aws:iam::777788889999:policy/made-by-hand",
    ],
)
def test_attachment_of_a_hidden_policy_fails(plan: Plan, arn: str) -> None:
    add(plan, "aws_iam_role_policy_attachment", role="extra", policy_arn=arn)
    assert failed(plan) == {"B11"}


def test_resource_that_names_a_database_is_refused(plan: Plan) -> None:
    add(plan, "aws_db_instance_role_association", db_instance_identifier="ledger-development")
    judge = design_judge._Judge(Stack(plan))
    (resource,) = judge.stack.all("aws_db_instance_role_association")
    texts = [deviation.text for deviation in judge._unsealed(resource)]
    assert any("names module.database.aws_db_instance.primary" in text for text in texts)
