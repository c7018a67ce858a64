"""What a module of the project itself may have, take and change: everything else fails."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.judge.in_process import message
from tests.judge.test_beside import UNKNOWN, Plan, add, into_module
from tests.judge.test_strangers import convert, policy, refer
from tests.support.commands import ROOT

pytestmark = pytest.mark.terraform

ARN = "arn:aws:{}:eu-west-1:777788889999:{}"
DATABASE = refer("module.database.arn")
SECRET = refer("module.secret.arn")
GROUP = refer("module.access.application_security_group_id")
NETWORK = refer("module.network.vpc_id")
SUBNETS = refer("module.network.private_subnet_ids")


def said(plan: Plan) -> str:
    """Return what B11 says of the added resources, in a module of the project itself."""
    into_module(plan)
    return message(plan, "B11")


@pytest.mark.parametrize(
    "type_",
    [
        *("aws_rolesanywhere_trust_anchor", "aws_ssm_activation", "aws_iot_role_alias"),
        *("aws_rds_integration", "aws_backup_plan", "aws_backup_selection"),
        *("aws_db_snapshot_copy", "aws_db_instance_automated_backups_replication"),
        *("aws_vpclattice_resource_configuration", "aws_globalaccelerator_accelerator"),
        *("aws_redshiftserverless_workgroup", "aws_apprunner_service", "aws_lightsail_instance"),
        *("aws_sns_topic_data_protection_policy", "aws_cloudwatch_log_resource_policy"),
        *("aws_service_discovery_private_dns_namespace", "aws_route53_resolver_firewall_rule"),
        *("aws_vpc_dhcp_options_association", "aws_route53_zone_association"),
        *("aws_dms_endpoint", "aws_quicksight_data_source", "aws_codebuild_project"),
        *("aws_vpc_block_public_access_options", "aws_backup_global_settings"),
        *("aws_eip_association", "aws_network_acl_association", "aws_ec2_tag"),
        *("aws_eks_cluster", "aws_transfer_server", "aws_opensearch_domain", "aws_new_thing"),
        *("aws_kms_grant", "aws_db_instance", "aws_cloudwatch_log_subscription_filter"),
    ],
)
def test_type_that_is_not_listed_fails(plan: Plan, type_: str) -> None:
    add(plan, type_, description="x")
    assert f"{type_}.extra: a module of the project may not have this type" in said(plan)


@pytest.mark.parametrize(
    ("type_", "arguments", "what"),
    [
        ("aws_ssm_parameter", {"value": DATABASE}, "database.aws_db_instance.primary.arn"),
        ("aws_lambda_function", {"role": refer("module.database.monitoring_role_arn")}, "role"),
        ("aws_lb", {"internal": True, "security_groups": GROUP}, "security_groups"),
        ("terraform_data", {"input": SECRET}, "aws_secretsmanager_secret.connection.arn"),
        ("aws_ecs_task_definition", {"container_definitions": SECRET}, "container_definitions"),
        ("aws_sns_topic_subscription", {"topic_arn": refer("module.monitoring.topic_arn")}, "arn"),
        ("aws_instance", {"subnet_id": refer("module.network.database_subnet_ids")}, "subnet_id"),
    ],
)
def test_value_that_is_not_lent_fails(
    plan: Plan, type_: str, arguments: dict[str, Any], what: str
) -> None:
    add(plan, type_, **arguments)
    lines = [line for line in said(plan).splitlines() if "which the design does not lend" in line]
    assert any(f"{type_}.extra: " in line and what in line for line in lines), said(plan)


@pytest.mark.parametrize(
    ("type_", "arguments"),
    [
        ("aws_security_group", {"name": "x", "vpc_id": NETWORK}),
        ("aws_lambda_function", {"vpc_config": [{"subnet_ids": ["x"]}]}),
        ("aws_instance", {"subnet_id": SUBNETS, "vpc_security_group_ids": GROUP}),
        ("aws_ssm_parameter", {"value": refer("module.database.address")}),
        ("aws_cloudwatch_metric_alarm", {"alarm_actions": refer("module.monitoring.topic_arn")}),
        ("aws_cloudwatch_metric_alarm", {"dimensions": {"DBInstance": "ledger-development"}}),
        ("aws_sqs_queue", {"kms_master_key_id": refer("module.kms.notifications_key_arn")}),
        ("aws_ecs_cluster", {"name": "ledger-development"}),
        ("aws_ecs_task_definition", {"family": "ledger-development"}),
        ("aws_lambda_function", {"environment": [{"variables": {"N": "ledger-development"}}]}),
    ],
)
def test_value_that_is_lent_passes(plan: Plan, type_: str, arguments: dict[str, Any]) -> None:
    add(plan, type_, **arguments)
    assert said(plan) == ""


@pytest.mark.parametrize(
    ("type_", "arguments"),
    [
        # AWS replaces what has the same name.
        ("aws_cloudwatch_event_rule", {"name": "ledger-development-key-deletion"}),
        ("aws_sns_topic", {"name": "ledger-development-notifications"}),
        ("aws_cloudwatch_event_target", {"rule": "ledger-development-key-deletion"}),
        ("aws_cloudwatch_log_group", {"name": "/aws/rds/instance/ledger-development/postgresql"}),
        ("aws_ssm_parameter", {"value": ARN.format("rds", "db:ledger-development")}),
        ("aws_ssm_parameter", {"value": ARN.format("sns", "ledger-development-notifications")}),
        (
            "aws_lambda_function",
            {"role": "arn:aws:iam::777788889999:role/a/Ledger-development-rotation"},
        ),
        ("aws_ecs_service", {"cluster": "LEDGER-development"}),
        ("aws_ecs_task_definition", {"secrets": ["ledger-development/database/connection"]}),
        (
            "aws_lambda_function",
            {
                "secret": ARN.format(
                    "secretsmanager", "secret:ledger-development/database/connection-AbCd12"
                )
            },
        ),
    ],
)
def test_name_of_the_design_fails(plan: Plan, type_: str, arguments: dict[str, Any]) -> None:
    add(plan, type_, **arguments)
    assert f"{type_}.extra: " in said(plan)
    assert "which the design does not lend" in said(plan)


def test_name_that_a_function_chooses_fails(plan: Plan) -> None:
    """The references of coalesce() lead elsewhere, and its value is a name of the design."""
    add(plan, "aws_s3_bucket", name="x")
    add(plan, "aws_ecs_service", cluster="ledger-development")
    written = plan["configuration"]["root_module"]["resources"][-1]["expressions"]
    written["cluster"] = refer("aws_s3_bucket.extra.bucket")
    assert "aws_ecs_service.extra: cluster takes" in said(plan)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("gateway", "igw-0123456789abcdef0"),
        ("table", ["rtb-0123456789abcdef0"]),
        ("group", "sg-0123456789abcdef0"),
        ("network", {"vpc": "vpc-0123456789abcdef0"}),
        ("key", ARN.format("kms", "key/01234567-89ab-cdef-0123-456789abcdef")),
        ("key", f"mrk-{'0' * 32}"),
    ],
)
def test_id_that_may_be_of_the_design_fails(plan: Plan, argument: str, value: Any) -> None:
    """A first plan does not show the ids of the design, so a literal id can be one of them."""
    add(plan, "aws_ssm_parameter", **{argument: value})
    assert "this plan does not show whether" in said(plan)


def test_id_where_it_is_lent_passes(plan: Plan) -> None:
    add(plan, "aws_security_group", name="x", vpc_id="vpc-0123456789abcdef0")
    assert said(plan) == ""


@pytest.mark.parametrize(
    ("type_", "argument", "value"),
    [
        ("aws_iam_role_policy", "role", "finbase-ledger-development-plan"),
        ("aws_iam_role_policy_attachment", "role", "reports"),
        ("aws_s3_object", "bucket", "ledger-terraform-state"),
        ("aws_s3_bucket_versioning", "bucket", "ledger-terraform-state"),
        ("aws_s3_bucket_policy", "bucket", UNKNOWN),
        ("aws_cloudwatch_event_target", "rule", "of-others"),
        ("aws_vpc_security_group_ingress_rule", "security_group_id", GROUP),
        ("aws_lambda_permission", "function_name", "of-others"),
        ("aws_autoscaling_attachment", "autoscaling_group_name", "of-others"),
        ("aws_autoscaling_group_tag", "autoscaling_group_name", "of-others"),
        ("aws_ecs_service", "task_definition", "of-others:1"),
        ("aws_dynamodb_table", "restore_source_name", "of-others"),
    ],
)
def test_change_of_others_fails(plan: Plan, type_: str, argument: str, value: Any) -> None:
    add(plan, type_, **{argument: value})
    assert f"{type_}.extra: {argument} must be of an aws_" in said(plan)


@pytest.mark.parametrize("number", [0, 1])
def test_every_block_that_may_name_others_is_judged(plan: Plan, number: int) -> None:
    add(plan, "aws_lb_target_group", name="own")
    own: dict[str, Any] = refer("aws_lb_target_group.extra.arn")
    blocks = [{"target_group_arn": own}, {"target_group_arn": own}]
    blocks[number] = {"target_group_arn": {"constant_value": "of-others"}}
    add(plan, "aws_ecs_service", load_balancer=UNKNOWN)
    into_module(plan)
    exports = plan["configuration"]["root_module"]["module_calls"]["exports"]["module"]
    exports["resources"][-1]["expressions"]["load_balancer"] = blocks
    found = message(plan, "B11")
    assert "load_balancer.target_group_arn must be of an aws_lb_target_group" in found


def test_dynamic_block_that_may_name_others_fails(plan: Plan) -> None:
    add(plan, "aws_launch_template", iam_instance_profile=[{"name": "of-others"}])
    expressions = plan["configuration"]["root_module"]["resources"][-1]["expressions"]
    del expressions["iam_instance_profile"]
    assert "iam_instance_profile is a dynamic block; write the block itself" in said(plan)


def test_change_of_its_own_passes(plan: Plan) -> None:
    add(plan, "aws_s3_bucket", bucket="reports")
    add(plan, "aws_s3_bucket_versioning", bucket=refer("aws_s3_bucket.extra.id"))
    assert said(plan) == ""


PRINCIPAL = "${aws:PrincipalTag/Project}"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        (
            "secretsmanager:GetSecretValue",
            ARN.format("secretsmanager", f"secret:{PRINCIPAL}/database/connection-??????"),
        ),
        ("kms:Decrypt", ARN.format("kms", f"key/{PRINCIPAL}")),
        ("secretsmanager:GetSecretValue", ARN.format("secretsmanager", "secret:${*}")),
        ("iam:PutRolePolicy", "arn:aws:iam::777788889999:role/reports"),
        ("iam:PassRole", "arn:aws:iam::777788889999:role/finbase-ledger-development-plan"),
        ("sts:AssumeRole", "arn:aws:iam::777788889999:role/finb*"),
        ("iam:CreateAccessKey", "arn:aws:iam::777788889999:user/x"),
        ("cloudtrail:StopLogging", ARN.format("cloudtrail", "trail/x")),
        ("cloudwatch:DisableAlarmActions", ARN.format("cloudwatch", "alarm:x")),
        ("events:DisableRule", ARN.format("events", "rule/x")),
        ("sns:Publish", ARN.format("sns", "ledger-development-notifications")),
        ("sns:SetTopicAttributes", ARN.format("sns", "x")),
        ("pi:DescribeDimensionKeys", "arn:aws:pi:eu-west-1:777788889999:metrics/rds/db-1"),
        ("rds:DownloadDBLogFilePortion", ARN.format("rds", "db:x")),
        ("ec2:AuthorizeSecurityGroupIngress", ARN.format("ec2", "security-group/sg-1")),
        ("backup:StartRestoreJob", ARN.format("backup", "recovery-point:x")),
        ("dms:CreateEndpoint", ARN.format("dms", "endpoint:x")),
        ("logs:PutLogEvents", "arn:aws:logs:eu-west-1:777788889999:*:*/postgresql:log-stream:*"),
        ("logs:PutLogEvents", ARN.format("logs", "log-group:/aws/rds/instance/?edger*")),
        ("lambda:InvokeFunction", ARN.format("lambda", "function:ledger?development-rotation:*")),
        ("kms:Decrypt", ARN.format("kms", "k*")),
    ],
)
def test_action_that_is_not_listed_fails(plan: Plan, action: str, resource: str) -> None:
    document = policy(Action=action, Resource=resource)
    add(plan, "aws_iam_policy", name="extra", policy=document)
    assert f"aws_iam_policy.extra: {action} " in said(plan)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:PutObject", "arn:aws:s3:::reports/*"),
        ("sqs:SendMessage", ARN.format("sqs", "reports")),
        ("dynamodb:PutItem", ARN.format("dynamodb", "table/reports")),
        ("lambda:InvokeFunction", ARN.format("lambda", "function:reports")),
        ("ecs:RunTask", ARN.format("ecs", "task-definition/reports:1")),
        ("sqs:SendMessage", ARN.format("sqs", "ledger-development")),
        ("lambda:InvokeFunction", ARN.format("lambda", "function:ledger-development-report")),
        ("lambda:InvokeFunction", ARN.format("lambda", "function:report*")),
        ("ecr:GetAuthorizationToken", "*"),
    ],
)
def test_action_that_is_listed_passes(plan: Plan, action: str, resource: str) -> None:
    document = policy(Action=action, Resource=resource)
    add(plan, "aws_iam_policy", name="extra", policy=document)
    assert said(plan) == ""


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("service-role/AWSLambdaENIManagementAccess", True),
        ("service-role/AWSLambdaBasicExecutionRole", False),
        ("service-role/AWSLambdaVPCAccessExecutionRole", False),
        ("service-role/AWSLambdaSQSQueueExecutionRole", False),
        ("service-role/AmazonECSTaskExecutionRolePolicy", False),
        ("ReadOnlyAccess", False),
        ("SecurityAudit", False),
        ("CloudWatchLogsReadOnlyAccess", False),
        ("service-role/AWSBackupServiceRolePolicyForRestores", False),
        ("AmazonSSMManagedInstanceCore", False),
    ],
)
def test_policies_of_aws_are_a_list(plan: Plan, name: str, fine: bool) -> None:
    add(plan, "aws_iam_role", name="extra")
    arn = f"arn:aws:iam::aws:policy/{name}"
    role = refer("aws_iam_role.extra.name")
    add(plan, "aws_iam_role_policy_attachment", role=role, policy_arn=arn)
    assert (said(plan) == "") is fine


def test_data_source_that_names_the_design_fails(plan: Plan) -> None:
    add(plan, "aws_lambda_invocation", function_name="ledger-development-rotation")
    convert(plan)
    assert "data.aws_lambda_invocation.extra: function_name takes" in said(plan)


@pytest.mark.parametrize(
    ("type_", "arguments"),
    [
        ("aws_lambda_invocation", {"function_name": "ledger-development-rotation:$LATEST"}),
        ("aws_ssm_parameter", {"name": "/of/others"}),
        ("aws_s3_object", {"bucket": "ledger-production-terraform-state"}),
        ("aws_secretsmanager_secret_version", {"secret_id": "of-others"}),
        ("aws_new_thing", {}),
    ],
)
@pytest.mark.parametrize("is_planned", [True, False], ids=["planned", "in a check block"])
def test_lookup_of_aws_fails(
    plan: Plan, type_: str, arguments: dict[str, Any], *, is_planned: bool
) -> None:
    """Such a data source can wait for the apply, by ``depends_on``, or run in every plan."""
    add(plan, type_, **arguments)
    convert(plan)
    if not is_planned:
        plan["planned_values"]["root_module"]["resources"].pop()
    address = f"module.exports.data.{type_}.extra"
    assert f"{address}: a module of the project may not have this data source" in said(plan)


@pytest.mark.parametrize("type_", ["aws_partition", "aws_region", "aws_arn", "aws_default_tags"])
def test_data_source_without_lookup_passes(plan: Plan, type_: str) -> None:
    add(plan, type_)
    convert(plan)
    assert said(plan) == ""


CODE = """
locals {
  hidden = lower(var.value)
}

resource "aws_ssm_parameter" "extra" {
  for_each = toset([local.hidden])
  value    = each.value
}
"""
ROOT_CODE = """
module "exports" {
  source = "../../modules/exports/1.0.0"
  value  = module.database.%s
}
"""


@pytest.mark.parametrize(("output", "fine"), [("arn", False), ("address", True)])
def test_hcl_shows_what_a_local_hides(plan: Plan, tmp_path: Path, output: str, fine: bool) -> None:
    """A local, a function and a loop are between the argument and the design."""
    stack = tmp_path / "environments" / "development"
    shutil.copytree(ROOT / "environments" / "development", stack)
    shutil.copytree(ROOT / "modules", tmp_path / "modules")
    own = tmp_path / "modules" / "exports" / "1.0.0"
    own.mkdir(parents=True)
    (own / "main.tf").write_text(CODE)
    with (stack / "main.tf").open("a") as main:
        main.write(ROOT_CODE % output)
    calls = plan["configuration"]["root_module"]["module_calls"]
    expression = {"references": ["each.value"]}
    block = {"mode": "managed", "type": "aws_ssm_parameter", "name": "extra"}
    calls["exports"] = {
        "source": "../../modules/exports/1.0.0",
        "module": {
            "resources": [
                {
                    **block,
                    "address": "aws_ssm_parameter.extra",
                    "expressions": {"value": expression},
                }
            ]
        },
    }
    address = 'module.exports.aws_ssm_parameter.extra["x"]'
    child = {
        "address": "module.exports",
        "resources": [{**block, "address": address, "index": "x", "values": {}}],
    }
    plan["planned_values"]["root_module"]["child_modules"].append(child)
    change = {"actions": ["create"], "after": {}, "after_unknown": {"value": True}}
    plan["resource_changes"].append({**block, "address": address, "change": change})
    found = _b11(plan, stack)
    assert ("value takes module.database.aws_db_instance.primary.arn" in found) is not fine, found


def _b11(plan: Plan, stack: Path) -> str:
    from tests.fuzz.fast_judge import Judge

    judge = Judge()
    places = tuple(place for place in judge.places if "baseline_permissions" in place)
    return "\n".join(judge.messages(plan, places, stack=stack).values())


def own_group(plan: Plan, class_: Any = "INFREQUENT_ACCESS", name: str = "/own/reports") -> None:
    add(plan, "aws_cloudwatch_log_group", name=name, log_group_class=class_)


@pytest.mark.parametrize(
    ("class_", "resource", "fine"),
    [
        ("INFREQUENT_ACCESS", "log-group:/own/reports:*", True),
        ("INFREQUENT_ACCESS", "log-group:/own/reports:log-stream:a*", True),
        ("INFREQUENT_ACCESS", "log-group:/own/*", False),
        ("INFREQUENT_ACCESS", "log-group:/own/reports*:*", False),
        ("INFREQUENT_ACCESS", "log-group:/of/others:*", False),
        ("INFREQUENT_ACCESS", "log-group:/own/reports-${aws:username}:*", False),
        ("STANDARD", "log-group:/own/reports:*", False),
        (UNKNOWN, "log-group:/own/reports:*", False),
    ],
)
def test_lines_of_a_log_write_no_metric(
    plan: Plan, class_: Any, resource: str, *, fine: bool
) -> None:
    """CloudWatch makes metrics of JSON in any line of a group of the standard class."""
    own_group(plan, class_)
    document = policy(Action="logs:PutLogEvents", Resource=ARN.format("logs", resource))
    add(plan, "aws_iam_policy", name="extra", policy=document)
    assert (said(plan) == "") is fine


OF_NAMESPACE = "cloudwatch:namespace"


@pytest.mark.parametrize(
    ("condition", "fine"),
    [
        ({"StringEquals": {OF_NAMESPACE: "Reports"}}, True),
        ({"StringLike": {"CloudWatch:Namespace": ["Reports", "Reports/*"]}}, True),
        ({}, False),
        ({"StringLike": {OF_NAMESPACE: "*"}}, False),
        ({"StringLike": {OF_NAMESPACE: "f?nbase"}}, False),
        ({"StringLike": {OF_NAMESPACE: "A*"}}, False),
        ({"StringEquals": {OF_NAMESPACE: ["Reports", "AWS/RDS"]}}, False),
        ({"StringEquals": {OF_NAMESPACE: "finbase/ledger-development"}}, False),
        ({"StringEquals": {OF_NAMESPACE: "${aws:PrincipalTag/x}"}}, False),
        ({"StringEqualsIfExists": {OF_NAMESPACE: "Reports"}}, False),
        ({"StringNotEquals": {OF_NAMESPACE: "Finbase"}}, False),
        ({"StringEquals": {"aws:SourceAccount": "777788889999"}}, False),
    ],
)
def test_metrics_of_the_design_have_one_writer(
    plan: Plan, condition: dict[str, Any], *, fine: bool
) -> None:
    document = policy(Action="cloudwatch:PutMetricData", Resource="*", Condition=condition)
    add(plan, "aws_iam_policy", name="extra", policy=document)
    assert (said(plan) == "") is fine


@pytest.mark.parametrize(
    ("space", "fine"),
    [("Reports", True), ("Finbase", False), ("FINBASE", False), ("AWS/RDS", False), (None, False)],
)
def test_filter_of_a_log_writes_no_metric_of_the_design(
    plan: Plan, space: str | None, *, fine: bool
) -> None:
    metric = {"name": "x", "namespace": space, "value": "-1000"}
    add(plan, "aws_cloudwatch_log_metric_filter", name="x", metric_transformation=[metric])
    assert (said(plan) == "") is fine
