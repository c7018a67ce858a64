"""A module beside the design lets no other account in, and reads no secret of the stack."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.judge.in_process import messages
from tests.judge.test_beside import ALL, LOCAL, UNKNOWN, Plan, add, added, into_module
from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

import beside
import design_calls
import design_judge
from stack_graph import Stack

pytestmark = pytest.mark.terraform

SECRET = "arn:aws:secretsmanager:eu-west-1:777788889999:secret:ledger-development/database"
STRANGER = "arn:aws:iam::999999999999:root"
OWN = "arn:aws:iam::777788889999:role/deploy"
ROTATION = "arn:aws:lambda:eu-west-1:777788889999:function:ledger-development-rotation"
LOGS = "arn:aws:logs:eu-west-1:777788889999:log-group"
LIMITED = {"StringEquals": {"aws:PrincipalArn": STRANGER}}


def refer(reference: str) -> dict[str, list[str]]:
    """Refer to an attribute, as the configuration in a plan does."""
    return {"references": [reference, reference.rpartition(".")[0]]}


GROUP = refer("module.secret.rotation_security_group_id")


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


PROVIDER = {"Federated": "arn:aws:iam::777788889999:oidc-provider/token.example.com"}


@pytest.mark.parametrize(
    "principal",
    [PROVIDER, {"Service": "rolesanywhere.amazonaws.com"}, {"Service": "ssm.amazonaws.com"}],
)
def test_role_for_logins_from_outside_fails(plan: Plan, principal: Any) -> None:
    condition = {"StringLike": {"token.example.com:sub": "repo:ledger/app:*"}}
    add(plan, "aws_iam_role", assume_role_policy=trust(principal, Condition=condition))
    assert failed(plan) == {"B08"}


@pytest.mark.parametrize("internal", [None, False, UNKNOWN])
def test_load_balancer_that_may_be_public_fails(plan: Plan, internal: Any) -> None:
    add(plan, "aws_lb", **({} if internal is None else {"internal": internal}))
    assert failed(plan) == {"B08"}


def test_internal_load_balancer_passes(plan: Plan) -> None:
    add(plan, "aws_lb", internal=True)
    assert failed(plan) == set()


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
        ("secretsmanager:GetSecretValue", f"{SECRET}/i*"),
        ("secretsmanager:GetSecretValue", "module.secret.aws_secretsmanager_secret.connection"),
        ("rds:ModifyDBInstance", "arn:aws:rds:eu-west-1:777788889999:db:ledger-development"),
        ("rds-db:connect", "arn:aws:rds-db:eu-west-1:777788889999:dbuser:*/ledger_owner"),
        ("rds:D*", "arn:aws:rds:eu-west-1:777788889999:db:ledger-development"),
        ("rds:CreateDBSnapshot", "module.database.aws_db_instance.primary"),
        ("secretsmanager:RotateSecret", "module.secret.aws_secretsmanager_secret.connection"),
        ("kms:ScheduleKeyDeletion", 'module.kms.aws_kms_key.main["database"]'),
        (
            "kms:Decrypt",
            f"arn:aws:kms:eu-west-1:777788889999:key/{'0' * 8}-0000-0000-0000-{'0' * 12}",
        ),
        ("lambda:UpdateFunctionCode", ROTATION),
        ("iam:PassRole", "arn:aws:iam::777788889999:role/ledger-development-rotation"),
        ("logs:DeleteLogGroup", f"{LOGS}:/aws/rds/instance/ledger-development/postgresql:*"),
    ],
)
def test_policy_that_reads_the_stack_fails(
    plan: Plan, type_: str, action: str, resource: str
) -> None:
    document = policy(Action=action, Resource=resource)
    add(plan, type_, name="extra", policy=document)
    assert failed(plan) == {"B11"}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("rds:DescribeDBInstances", "arn:aws:rds:eu-west-1:777788889999:db:ledger-development"),
        ("lambda:InvokeFunction", ROTATION.replace("rotation", "reports")),
        ("s3:PutObject", "arn:aws:s3:::reports/*"),
    ],
)
def test_policy_beside_the_stack_passes(plan: Plan, action: str, resource: str) -> None:
    add(plan, "aws_iam_policy", name="extra", policy=policy(Action=action, Resource=resource))
    assert failed(plan) == set()


@pytest.mark.parametrize(
    ("type_", "arguments"),
    [
        ("aws_cloudformation_stack", {"name": "x", "template_body": "{}"}),
        ("aws_cloudcontrolapi_resource", {"type_name": "AWS::EC2::SecurityGroupIngress"}),
        ("aws_iam_user", {"name": "x"}),
        ("aws_iam_access_key", {"user": "break-glass"}),
        ("aws_iam_openid_connect_provider", {"url": "token.example.org"}),
        ("aws_ssoadmin_permission_set_inline_policy", {"inline_policy": "{}"}),
        ("aws_cloudtrail", {"name": "x", "enable_logging": False}),
        ("aws_guardduty_detector", {"enable": False}),
        ("aws_ec2_client_vpn_network_association", {"subnet_id": "subnet-1"}),
        ("aws_ec2_instance_connect_endpoint", {"subnet_id": "subnet-1"}),
        ("aws_default_security_group", {"vpc_id": "vpc-1"}),
        (
            "aws_lambda_function",
            {"role": "arn:aws:iam::777788889999:role/x/Ledger-development-ROTATION"},
        ),
        ("aws_iam_instance_profile", {"role": "ledger-development-rotation"}),
        ("aws_lb", {"internal": True, "security_groups": GROUP}),
        ("aws_ssm_parameter", {"value": "{{resolve:secretsmanager:x}}"}),
        ("aws_ssm_parameter", {"name": "/aws/reference/secretsmanager/x"}),
    ],
)
def test_resource_of_another_kind_fails(plan: Plan, type_: str, arguments: dict[str, Any]) -> None:
    add(plan, type_, **arguments)
    into_module(plan)
    found = messages(plan, without="features/design.feature")
    assert f"{type_}.extra: " in found["B11"]


def test_policy_beside_an_applied_stack_passes(plan: Plan) -> None:
    """After an apply, a plan shows the ids of what belongs to no service, too."""
    address, known = "module.roles.terraform_data.declaration", {"id": "4f7f1d4c"}
    for module in plan["planned_values"]["root_module"]["child_modules"]:
        for resource in module["resources"]:
            if resource["address"] == address:
                resource["values"] |= known
    (change,) = (c["change"] for c in plan["resource_changes"] if c["address"] == address)
    change["after"] |= known
    del change["after_unknown"]["id"]
    bucket = policy(Action="s3:PutObject", Resource="arn:aws:s3:::reports/*")
    add(plan, "aws_iam_policy", name="extra", policy=bucket)
    assert failed(plan) == set()


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


QUEUE = "arn:aws:sqs:eu-west-1:999999999999:stolen"


@pytest.mark.parametrize(
    ("type_", "arguments"),
    [
        ("aws_cloudwatch_event_target", {"arn": QUEUE, "rule": "x"}),
        ("aws_sns_topic_subscription", {"endpoint": QUEUE, "protocol": "sqs"}),
        ("aws_cloudwatch_log_subscription_filter", {"destination_arn": QUEUE}),
        ("aws_cloudwatch_log_resource_policy", {"policy_document": trust({"AWS": STRANGER})}),
        ("aws_sqs_queue", {"redrive_policy": json.dumps({"deadLetterTargetArn": QUEUE})}),
        ("aws_pipes_pipe", {"target": "https://sqs.eu-west-1.amazonaws.com/999999999999/x"}),
        ("aws_s3_bucket_replication_configuration", {"rule": [{"account": "999999999999"}]}),
        ("aws_ecs_task_definition", {"image": "999999999999.dkr.ecr.eu-west-1.amazonaws.com/x"}),
        ("aws_route53_zone", {"name": "secretsmanager.eu-west-1.amazonaws.com"}),
        ("aws_route53_zone", {"name": "Eu-West-1.Amazonaws.com."}),
        ("aws_route53_zone", {"name": "com"}),
        ("aws_route53_record", {"name": "sts.eu-west-1.api.aws"}),
        ("aws_route53_resolver_rule", {"domain_name": "."}),
        ("aws_sns_topic_subscription", {"endpoint": "https://x.example", "protocol": "https"}),
        ("aws_sns_topic_subscription", {"endpoint": UNKNOWN, "protocol": "https"}),
        ("aws_sns_topic_subscription", {"endpoint": QUEUE.replace("9", "7"), "protocol": UNKNOWN}),
        ("aws_sns_topic_subscription", {"endpoint": "+4915112345678", "protocol": "sms"}),
        ("aws_cloudwatch_event_api_destination", {"invocation_endpoint": "https://x.example/a"}),
        ("aws_kinesis_firehose_delivery_stream", {"a": [{"url": "HTTPS://me@x.example:8443"}]}),
        ("aws_kinesis_firehose_delivery_stream", {"url": "https://amazonaws.com.x.example"}),
        ("aws_mwaa_environment", {"configuration": {"a": "smtp://x.example"}}),
        ("aws_budgets_budget", {"notification": [{"subscribers": ["someone@x.example"]}]}),
        ("aws_cognito_user_pool", {"a": json.dumps({"from": "Us <us@x.example>"})}),
        ("aws_s3_bucket_acl", {"bucket": "x", "acl": "public-read"}),
        ("aws_s3_bucket_acl", {"a": [{"grantee": [{"type": "CanonicalUser", "id": "2" * 64}]}]}),
        ("aws_s3_bucket_public_access_block", {"bucket": "x", "ignore_public_acls": False}),
        ("aws_ami_launch_permission", {"image_id": "ami-1", "group": "all"}),
        ("aws_lb", {"name": "x", "internal": False}),
        ("aws_instance", {"user_data_base64": "Y3VybCBodHRwOi8vMTk4LjUxLjEwMC43"}),
        ("aws_lambda_function_url", {"authorization_type": "NONE"}),
    ],
)
def test_value_for_strangers_fails(plan: Plan, type_: str, arguments: dict[str, Any]) -> None:
    add(plan, type_, **arguments)
    found = messages(plan, without="features/design.feature")
    assert "B08" in found
    assert f"{type_}.extra: " in found["B08"]


@pytest.mark.parametrize(
    ("type_", "arguments"),
    [
        ("aws_cloudwatch_event_target", {"arn": QUEUE.replace("9" * 12, "777788889999")}),
        ("aws_ssm_parameter", {"value": "a 1234567890123 +491234567890 0.123456789012"}),
        ("aws_ssm_parameter", {"value": "11111111-1111-1111-1111-111111111111"}),
        ("aws_ssm_parameter", {"value": "x", "tags": {"costs": "123456789012"}}),
        ("aws_ssm_parameter", {"value": "arn:aws:lambda:x:580247275435:layer:Insights"}),
        ("aws_ssm_parameter", {"value": "https://sqs.eu-west-1.amazonaws.com/777788889999/x"}),
        (
            "aws_ssm_parameter",
            {"value": "x", "description": "see https://example.com, a@b.example"},
        ),
        ("aws_ssm_parameter", {"value": "postgres@16 a@b s3://bucket.s3.amazonaws.com"}),
        ("aws_route53_zone", {"name": "ledger.example.com"}),
    ],
)
def test_value_of_the_own_account_passes(plan: Plan, type_: str, arguments: dict[str, Any]) -> None:
    add(plan, type_, **arguments)
    assert failed(plan) == set()


FIRST = "ledger-development/database/initial-1"
JSON = refer("data.aws_iam_policy_document.extra.json")
CONNECTION = refer("module.secret.arn")


@pytest.mark.parametrize(
    ("type_", "arguments"),
    [
        ("aws_secretsmanager_secret_version", {"secret_id": CONNECTION, "secret_string": "x"}),
        ("aws_secretsmanager_secret_version", {"secret_id": f"{SECRET}/connection"}),
        (
            "aws_secretsmanager_secret_version",
            {"secret_id": FIRST},
        ),
        ("aws_secretsmanager_secret_version", {"secret_id": UNKNOWN}),
        ("aws_secretsmanager_secret_policy", {"secret_arn": UNKNOWN, "policy": "{}"}),
    ],
)
def test_resource_that_names_a_secret_fails(
    plan: Plan, type_: str, arguments: dict[str, Any]
) -> None:
    add(plan, type_, **arguments)
    assert "B11" in failed(plan)


@pytest.mark.parametrize("secret", [CONNECTION, UNKNOWN, "ledger-development/database/connection"])
def test_reader_of_a_secret_fails(plan: Plan, secret: Any) -> None:
    add(plan, "aws_secretsmanager_secret_version", secret_id=secret)
    convert(plan)
    assert failed(plan) == {"B11"}


def test_reader_of_another_secret_passes(plan: Plan) -> None:
    add(plan, "aws_secretsmanager_secret_version", secret_id="partner/api")
    convert(plan)
    assert failed(plan) == set()


def test_ephemeral_reader_without_sources_fails(plan: Plan) -> None:
    version = "ephemeral.aws_secretsmanager_secret_version.read"
    add(plan, "aws_ssm_parameter", value_wo=refer(f"{version}.secret_string"))
    assert failed(plan) == {"B11"}


OWN_MODULE = """
ephemeral "aws_secretsmanager_secret_version" "read" {
  secret_id = SECRET
}

data "aws_iam_policy_document" "extra" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [ARN]
  }
}

resource "aws_sns_topic_subscription" "extra" {
  endpoint = "arn:aws:sqs:eu-west-1:ACCOUNT:${aws_sns_topic.extra.id}"
  tags     = { number = "123456789012" }
  size     = 123456789012
}
"""
OWN_SECRET = "aws_secretsmanager_secret.extra.arn"


@pytest.mark.parametrize(
    ("secret", "arn", "account", "wrong"),
    [
        (OWN_SECRET, OWN_SECRET, "777788889999", ""),
        (OWN_SECRET, f'"${{{OWN_SECRET}}}*"', "777788889999", ""),
        ("var.secret", OWN_SECRET, "777788889999", "secret_id = var.secret can be a secret of"),
        ('"x"', OWN_SECRET, "777788889999", 'secret_id = "x" can be a secret of the design'),
        (OWN_SECRET, f'"${{substr({OWN_SECRET}, 0, 9)}}*"', "777788889999", "are computed by"),
        (OWN_SECRET, f'replace({OWN_SECRET}, "x", "*")', "777788889999", "are computed by"),
        (OWN_SECRET, f'"${{replace({OWN_SECRET}, "x", "y")}}*"', "777788889999", "are computed by"),
        (OWN_SECRET, OWN_SECRET, "999999999999", "names the account 999999999999"),
        (OWN_SECRET, f'"https://x.example/${{{OWN_SECRET}}}"', "777788889999", "host x.example"),
        (OWN_SECRET, f'"https://${{{OWN_SECRET}}}"', "777788889999", "the host of an expression"),
    ],
)
def test_sources_of_a_module_are_read(
    plan: Plan, tmp_path: Path, secret: str, arn: str, account: str, wrong: str
) -> None:
    code = OWN_MODULE.replace("SECRET", secret).replace("ARN", arn).replace("ACCOUNT", account)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "main.tf").write_text(code)
    (tmp_path / "main.tf").write_text('module "own" {\n  source = "./own"\n}\n')
    document(plan, refer(OWN_SECRET))
    root = plan["configuration"]["root_module"]
    (configured,) = added(root)
    root["module_calls"]["own"] = {"source": "./own", "module": {"resources": [configured]}}
    planned = plan["planned_values"]["root_module"]
    (resource,) = added(planned)
    for part in (resource, plan["resource_changes"][-1]):
        part["address"] = f"module.own.{part['address']}"
    planned["child_modules"].append({"address": "module.own", "resources": [resource]})
    stack = Stack(plan, tmp_path)
    texts = [
        *beside.read_secrets(stack),
        *beside.foreign_accounts(stack, "777788889999"),
        *beside.hosts_outside(stack),
    ]
    assert any(wrong in text for text in texts) if wrong else texts == []


@pytest.mark.parametrize(
    "resources",
    [UNKNOWN, CONNECTION, refer("terraform_data.extra.output"), None],
    ids=["local", "secret", "terraform_data", "dynamic"],
)
def test_document_that_hides_a_secret_fails(plan: Plan, resources: Any) -> None:
    add(plan, "terraform_data", input=CONNECTION)
    document(plan, LOCAL if resources is UNKNOWN else resources)
    add(
        plan,
        "aws_iam_policy",
        name="extra",
        policy=JSON,
    )
    assert failed(plan) == {"B11"}


def test_document_of_an_own_secret_passes(plan: Plan) -> None:
    add(plan, "aws_secretsmanager_secret", name="partner/api", kms_key_id="x")
    document(plan, refer("aws_secretsmanager_secret.extra.arn"))
    add(
        plan,
        "aws_iam_policy",
        name="extra",
        policy=JSON,
    )
    assert "B11" not in failed(plan)


def document(plan: Plan, resources: dict[str, Any] | None) -> None:
    """Add a document that reads secrets which are known after apply."""
    action = "secretsmanager:GetSecretValue"
    add(plan, "aws_iam_policy_document", statement=UNKNOWN)
    convert(plan)
    planned = plan["planned_values"]["root_module"]["resources"][-1]
    planned["values"] = {"statement": [{"actions": [action], "resources": [None]}]}
    configured = plan["configuration"]["root_module"]["resources"][-1]
    statement = {"actions": {"constant_value": [action]}, "resources": resources}
    configured["expressions"] = {"statement": [statement]} if resources else {}
    after = {"id": True, "json": True, "statement": [{"resources": [True]}]}
    plan["resource_changes"][-1]["change"]["after_unknown"] = after


@pytest.mark.parametrize("type_", ["terraform_data", "aws_ssm_parameter"])
@pytest.mark.parametrize("attribute", ["secret_string", "secret_string_wo", ""])
def test_copy_of_a_secret_value_fails(plan: Plan, type_: str, attribute: str) -> None:
    outputs = plan["configuration"]["root_module"]["module_calls"]["secret"]["module"]["outputs"]
    version = "aws_secretsmanager_secret_version.connection"
    names = [f"{version}.{attribute}", version] if attribute else [version]
    outputs["value"] = {"expression": {"references": names}}
    add(plan, type_, input=refer("module.secret.value"))
    assert failed(plan) == {"B11"}


def test_list_of_secrets_fails(plan: Plan) -> None:
    add(plan, "aws_secretsmanager_secrets")
    convert(plan)
    assert failed(plan) == {"B11"}


def convert(plan: Plan) -> None:
    """Make a data source of the added resource."""
    for part in (
        plan["configuration"]["root_module"]["resources"][-1],
        plan["planned_values"]["root_module"]["resources"][-1],
        plan["resource_changes"][-1],
    ):
        part |= {"mode": "data", "address": f"data.{part['address']}"}


@pytest.mark.parametrize(
    ("address", "argument"),
    [
        ("module.database.aws_db_instance.primary", "password_wo_version"),
        (
            "module.database.aws_secretsmanager_secret_version.initial",
            "secret_string_wo_version",
        ),
        (
            "module.secret.aws_secretsmanager_secret_version.connection",
            "secret_string_wo_version",
        ),
    ],
)
def test_number_of_its_own_fails(plan: Plan, address: str, argument: str) -> None:
    """Another number would write the password in one place, and not in the others."""
    _, module, type_, name = address.split(".")
    calls = plan["configuration"]["root_module"]["module_calls"]
    (written,) = [
        resource
        for resource in calls[module]["module"]["resources"]
        if (resource["type"], resource["name"]) == (type_, name)
    ]
    written["expressions"][argument] = {"constant_value": 7}
    assert "F06b" in messages(plan, without="no-file")


@pytest.mark.parametrize("part", ["statement", "condition"])
def test_hidden_statement_is_said_to_be_hidden(plan: Plan, part: str) -> None:
    address = "module.secret.data.aws_iam_policy_document.rotation"
    (change,) = [c for c in plan["resource_changes"] if c["address"] == address]
    unknown = change["change"]["after_unknown"]
    (module,) = [
        m
        for m in plan["planned_values"]["root_module"]["child_modules"]
        if m["address"] == "module.secret"
    ]
    (planned,) = [r for r in module["resources"] if r["address"] == address]
    if part == "statement":
        del planned["values"]["statement"]
        unknown["statement"] = True
    else:
        planned["values"]["statement"][0].pop("condition")
        unknown["statement"][0]["condition"] = True
    text = "\n".join(messages(plan, without="no-file").values())
    assert f"{address}: statement has statements that are not shown by this plan" in text
    assert "lacks the statement" not in text


GIT = "git::https://git.example.com/shared.git//modules/secret/2.2.0?ref=v1"


def test_code_from_elsewhere_is_named(plan: Plan) -> None:
    """A module of another repository can have the name of one of the design."""
    plan["configuration"]["root_module"]["module_calls"]["secret"]["source"] = GIT
    assert design_calls.from_elsewhere(Stack(plan)) == [f"module secret (from {GIT})"]


def test_code_from_elsewhere_fails_beside_the_hcl(plan: Plan, tmp_path: Path) -> None:
    project = tmp_path / "environments" / "development"
    shutil.copytree(ROOT / "environments" / "development", project)
    shutil.copytree(ROOT / "modules", tmp_path / "modules")
    main = project / "main.tf"
    main.write_text(main.read_text().replace("../../modules/secret/2.2.0", GIT))
    plan["configuration"]["root_module"]["module_calls"]["secret"]["source"] = GIT
    said = [d.text for d in design_judge._Judge(Stack(plan, project)).deviations()]
    assert said == [
        # What this module reads from the other one cannot be followed either.
        "module.roles.data.aws_iam_policy_document.roles: statement has the statement: Allow to "
        "secretsmanager:GetSecretValue on var.connection_secret_arn; the design says: policy roles",
        f"module.secret: its HCL was not read, because its source is {GIT}; "
        "use a folder of the project",
    ]


EVERYTHING = {"effect": "Allow", "action": "*", "resource": "*"}
MISREAD = [
    json.dumps({"Version": "2012-10-17", "statement": [EVERYTHING]}),
    json.dumps({"Version": "2012-10-17", "Statement": [{**ALL, "Effect": "allow"}]}),
    policy(action="*", resource="*"),
    policy(Action="logs:PutLogEvents", action="*", Resource=f"{LOGS}:/own:*"),
    '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}], "Statement": []}',
    '{"Statement": "all"}',
]
"""Policies of which a reader that knows only the names of AWS sees less than the provider."""


@pytest.mark.parametrize("document", MISREAD)
def test_policy_that_two_readers_read_differently_fails(plan: Plan, document: str) -> None:
    add(plan, "aws_iam_role_policy", name="extra", policy=document)
    assert failed(plan) == {"B11"}


@pytest.mark.parametrize("document", MISREAD)
def test_policy_of_a_topic_that_two_readers_read_differently_fails(
    plan: Plan, document: str
) -> None:
    add(plan, "aws_sns_topic_policy", policy=document)
    assert failed(plan) == {"B08"}


def test_merged_policy_that_two_readers_read_differently_fails(plan: Plan) -> None:
    add(plan, "aws_secretsmanager_secret", name="partner/api", kms_key_id="x")
    document(plan, refer("aws_secretsmanager_secret.extra.arn"))
    merged = {"source_policy_documents": [MISREAD[0]]}
    plan["planned_values"]["root_module"]["resources"][-1]["values"] |= merged
    add(plan, "aws_iam_policy", name="extra", policy=JSON)
    assert "B11" in failed(plan)


def test_images_expire_by_a_policy_of_their_own(plan: Plan) -> None:
    add(plan, "aws_ecr_lifecycle_policy", repository="own", policy=json.dumps({"rules": []}))
    assert failed(plan) == set()


ACCOUNT = "777788889999"
CLOUDFRONT = {"Service": "cloudfront.amazonaws.com"}


def equals(variable: str, value: Any) -> dict[str, Any]:
    return {"StringEquals": {variable: value}}


@pytest.mark.parametrize(
    ("principal", "condition"),
    [
        ({"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2"}, {}),
        ({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}, {}),
        ({"AWS": "arn:aws:iam::aws:role/x"}, {}),
        (CLOUDFRONT, {}),
        (CLOUDFRONT, equals("aws:SourceOrgID", "o-of-others")),
        (CLOUDFRONT, equals("aws:SourceAccount", [ACCOUNT, "*"])),
        (CLOUDFRONT, {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}}),
        (CLOUDFRONT, {"ForAllValues:StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        ({"Service": "s3.amazonaws.com"}, {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::reports"}}),
        ({"Service": "others"}, equals("aws:SourceAccount", ACCOUNT)),
    ],
)
def test_policy_for_whom_the_account_does_not_know_fails(
    plan: Plan, principal: Any, condition: Any
) -> None:
    document = policy(
        Action="s3:GetObject",
        Resource="arn:aws:s3:::own/*",
        Principal=principal,
        **({"Condition": condition} if condition else {}),
    )
    add(plan, "aws_s3_bucket_policy", policy=document)
    assert "B08" in failed(plan)


@pytest.mark.parametrize(
    ("principal", "condition"),
    [
        ({"AWS": [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", OWN]}, {}),
        ({"Service": "logging.s3.amazonaws.com"}, equals("aws:SourceAccount", ACCOUNT)),
        (
            {"Service": "events.amazonaws.com"},
            {"ArnLike": {"aws:SourceArn": f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/own"}},
        ),
    ],
)
def test_policy_for_the_own_account_passes(plan: Plan, principal: Any, condition: Any) -> None:
    document = policy(
        Action="sns:Publish",
        Resource="*",
        Principal=principal,
        **({"Condition": condition} if condition else {}),
    )
    add(plan, "aws_sns_topic_policy", policy=document)
    assert failed(plan) == set()


@pytest.mark.parametrize(
    ("arguments", "fine"),
    [
        ({"principal": "s3.amazonaws.com"}, False),
        ({"principal": "s3.amazonaws.com", "source_arn": "arn:aws:s3:::reports"}, False),
        ({"principal": "*", "principal_org_id": "o-of-others"}, False),
        ({"principal": "arn:aws:iam::cloudfront:user/x"}, False),
        ({"principal": "s3.amazonaws.com", "source_account": ACCOUNT}, True),
        ({"principal": "events.amazonaws.com", "source_arn": UNKNOWN}, True),
        ({"principal": OWN}, True),
    ],
)
def test_callers_of_functions_are_of_the_own_account(
    plan: Plan, arguments: dict[str, Any], *, fine: bool
) -> None:
    add(plan, "aws_lambda_permission", **arguments)
    assert ("B08" not in failed(plan)) is fine


@pytest.mark.parametrize("group", ["AllUsers", "AuthenticatedUsers"])
def test_bucket_for_a_group_of_everybody_fails(plan: Plan, group: str) -> None:
    uri = f"http://acs.amazonaws.com/groups/global/{group}"
    grant = {"permission": "READ", "grantee": [{"type": "Group", "uri": uri}]}
    add(plan, "aws_s3_bucket_acl", access_control_policy=[{"grant": [grant]}])
    assert failed(plan) == {"B08"}


@pytest.mark.parametrize("name", ["on.aws", "x.lambda-url.eu-west-1.on.aws", "aws"])
def test_zone_of_aws_fails(plan: Plan, name: str) -> None:
    add(plan, "aws_route53_zone", name=name)
    assert failed(plan) == {"B08"}
