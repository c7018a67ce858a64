"""``finbase plan``, ``apply`` and ``drift`` on the local AWS, with its S3 bucket for the state."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import Result

from finbase.judge.catalogue import load_failures
from finbase.sandbox import server
from finbase.sandbox.client import client
from finbase.terraform.program import find_terraform
from finbase.terraform.provider import find_provider
from finbase.terraform.workspace import Workspace
from tests.support.commands import finbase

NAME = "development"
REGION = "eu-west-1"
NOT_BY_API = {
    "F05": "the stack has no replica; on one, the setting of F04a is switched off alike",
    "F06b": "the fields are written when the secret is made, and nothing reads them back",
    "F06c": "the host is a field of the secret, too",
    "F07c": "AWS does not change the subnets of a serverless cache",
    "B12": "providers and programs are not on AWS",
    "B15": "extensions are in the database; the function compares them, and an alarm reports it",
}
"""The controls that nobody can switch off by the API of AWS, in the stack of this test."""
ADDED = {
    "ingress rule: tcp 5432-5432, 0.0.0.0/0",
    "route to 198.51.100.0/24",
    "attached policy arn:aws:iam::aws:policy/AdministratorAccess",
}
OWN = """Feature: Controls of our own
  Scenario: The size that was agreed on
    Given the planned stack
    Then every primary sets instance_class to db.t4g.medium
"""


@pytest.mark.terraform
def test_plan_and_apply_through_the_life_of_a_stack(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws, programs = tmp_path / "aws", tmp_path / "programs"
    aws.mkdir()
    programs.mkdir()
    terraform = find_terraform()
    config = programs / "mirror.tfrc"
    config.write_text(find_provider(terraform).cli_config(terraform.host, programs))
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
    with server.running(aws, account_id="777788889999", region=REGION) as sandbox:
        for name, value in server.environment(sandbox).items():
            monkeypatch.setenv(name, value)
        s3 = client("s3", sandbox, REGION)
        s3.create_bucket(
            Bucket="ledger-development-terraform-state",
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )

        make_confidential(project)
        first = change(project)
        assert first["add"] > 90
        assert apply(project).exit_code == 0

        # The first commands start the provider each time, as users do; the others use one.
        (tmp_path / "work").mkdir()
        with Workspace(terraform, tmp_path / "work", environ=server.environment(sandbox)) as space:
            stack = project / "environments" / NAME
            overrides = server.overrides(sandbox)
            copy = space.prepare(stack, project=project, overrides=overrides, applies=True)

            def live(variables: Mapping[str, str]) -> None:
                assert variables
                for name, value in variables.items():
                    monkeypatch.setenv(name, value)
                change_and_drift(project, partial(client, endpoint=sandbox, region=REGION))

            copy.attach(live)


def change_and_drift(project: Path, api: Callable[[str], Any]) -> None:
    """Apply a change, be refused another, and find what was switched off meanwhile."""
    own = project / "features" / "own.feature"
    own.write_text(OWN)
    edit(project, "freeable_memory_threshold_mib: 256", "freeable_memory_threshold_mib: 200")
    # The plan is empty but for the change.
    assert {name: count for name, count in change(project).items() if count} == {"change": 1}
    assert apply(project).exit_code == 0

    edit(project, "instance_class: db.t4g.medium", "instance_class: db.t4g.large")
    assert change(project)["change"]
    refused = apply(project)
    assert refused.exit_code == 1
    assert "The size that was agreed on" in refused.stderr
    assert "nothing was applied" in refused.stderr
    (instance,) = api("rds").describe_db_instances()["DBInstances"]
    assert instance["DBInstanceClass"] == "db.t4g.medium"

    edit(project, "instance_class: db.t4g.large", "instance_class: db.t4g.medium")
    own.unlink()
    quiet = finbase(project, "drift", NAME)
    assert quiet.exit_code == 0, quiet.output
    switch_off(api)
    report = project / "drift.json"
    drifted = finbase(project, "drift", NAME, "--json", str(report))
    assert drifted.exit_code == 1, drifted.stderr
    found = json.loads(report.read_text())
    known = {failure.id for failure in load_failures(project / "features")}
    assert {c["id"] for c in found["controls"]} == known - NOT_BY_API.keys()
    # No apply removes what was added, so these fail afterwards, too.
    after = {c["id"] for c in found["controls"] if c["planned"] == "failed"}
    assert {"F02", "B03"} <= after <= {"F02", "F06d", "F08", "F10", "B03", "B11"}
    assert {a["what"] for a in found["additions"]} == ADDED
    other_code = {
        altered["address"]
        for altered in found["alterations"]
        if "code_sha256" in {argument["name"] for argument in altered["arguments"]}
    }
    assert other_code == {
        "module.roles.aws_lambda_function.roles",
        "module.secret.aws_lambda_function.rotation",
    }


def switch_off(api: Callable[[str], Any]) -> None:
    """Switch off, by the API of AWS, what controls demand; add what no resource describes."""
    rds, ec2, secrets = api("rds"), api("ec2"), api("secretsmanager")
    (instance,) = rds.describe_db_instances()["DBInstances"]
    rds.modify_db_instance(
        DBInstanceIdentifier=instance["DBInstanceIdentifier"],
        ApplyImmediately=True,
        AutoMinorVersionUpgrade=False,
        BackupRetentionPeriod=0,
        CloudwatchLogsExportConfiguration={"DisableLogTypes": ["postgresql"]},
        CopyTagsToSnapshot=False,
        DeletionProtection=False,
        EnableIAMDatabaseAuthentication=False,
        EnablePerformanceInsights=False,
        MultiAZ=False,
        PreferredMaintenanceWindow="mon:10:00-mon:11:00",
        PubliclyAccessible=True,
        StorageType="gp2",
    )
    (group,) = instance["DBParameterGroups"]
    values = {"rds.force_ssl": "0", "pgaudit.log": "none", "log_connections": "0"}
    rds.modify_db_parameter_group(
        DBParameterGroupName=group["DBParameterGroupName"],
        Parameters=[
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "immediate"}
            for name, value in values.items()
        ],
    )
    (own,) = instance["VpcSecurityGroups"]
    everybody = [{"CidrIp": "0.0.0.0/0"}]
    ports = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": everybody}
    ec2.authorize_security_group_ingress(GroupId=own["VpcSecurityGroupId"], IpPermissions=[ports])
    for secret in secrets.list_secrets()["SecretList"]:
        if secret.get("RotationEnabled"):
            secrets.cancel_rotate_secret(SecretId=secret["ARN"])
            secrets.update_secret(SecretId=secret["ARN"], Description="-")
            secrets.delete_resource_policy(SecretId=secret["ARN"])
            secrets.replicate_secret_to_regions(
                SecretId=secret["ARN"], AddReplicaRegions=[{"Region": "eu-west-2"}]
            )
    for key in api("kms").list_keys()["Keys"]:
        with suppress(ClientError):  # A key that AWS manages.
            api("kms").disable_key_rotation(KeyId=key["KeyId"])
    _change_network_and_roles(ec2, api("iam"))
    elasticache = api("elasticache")
    (cache,) = elasticache.describe_serverless_caches()["ServerlessCaches"]
    for setting in (
        {"SnapshotRetentionLimit": 0},
        {"CacheUsageLimits": {"ECPUPerSecond": {"Maximum": 15_000_000}}},
        {"RemoveUserGroup": True},
    ):
        elasticache.modify_serverless_cache(
            ServerlessCacheName=cache["ServerlessCacheName"], **setting
        )
    _change_alerts_and_logs(api("sns"), api("cloudwatch"), api("logs"))
    functions = api("lambda")
    for function in functions.list_functions()["Functions"]:
        functions.update_function_code(FunctionName=function["FunctionName"], ZipFile=_code())


def _code() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", "def handler(event, context): pass\n")
    return archive.getvalue()


def _change_alerts_and_logs(sns: Any, cloudwatch: Any, logs: Any) -> None:
    for topic in sns.list_topics()["Topics"]:
        sns.set_topic_attributes(
            TopicArn=topic["TopicArn"],
            AttributeName="KmsMasterKeyId",
            AttributeValue="alias/aws/sns",
        )
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    cloudwatch.disable_alarm_actions(AlarmNames=[alarm["AlarmName"] for alarm in alarms])
    for log_group in logs.describe_log_groups()["logGroups"]:
        logs.put_retention_policy(logGroupName=log_group["logGroupName"], retentionInDays=1)


def _change_network_and_roles(ec2: Any, iam: Any) -> None:
    tables = ec2.describe_route_tables()["RouteTables"]
    table, gateway = next(
        (table["RouteTableId"], route["NatGatewayId"])
        for table in tables
        for route in table["Routes"]
        if route.get("NatGatewayId")
    )
    gateways = [found["NatGatewayId"] for found in ec2.describe_nat_gateways()["NatGateways"]]
    ec2.delete_nat_gateway(NatGatewayId=next(other for other in gateways if other != gateway))
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    ec2.create_route(
        RouteTableId=table, DestinationCidrBlock="198.51.100.0/24", NatGatewayId=gateway
    )
    iam.attach_role_policy(
        RoleName=f"ledger-{NAME}-rotation",
        PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
    )


def make_confidential(project: Path) -> None:
    """Let the environment hold data that more controls protect, without what these refuse."""
    path = project / "environments" / f"{NAME}.yaml"
    text = path.read_text().replace("classification: internal", "classification: confidential")
    weaker = (
        r"    (deletion_window_in_days|recovery_window_in_days|skip_final_snapshot|keep_logs): .*\n"
    )
    text, count = re.subn(weaker, "", text)
    assert count == 7
    path.write_text(text)
    render(project)


def change(project: Path) -> dict[str, int]:
    """Plan, and return how many resources the plan adds, changes and so on."""
    file = project / "plan.json"
    planned = finbase(project, "plan", NAME, "--json", str(file))
    assert planned.exit_code in (0, 1), planned.output
    counts: dict[str, int] = json.loads(file.read_text())["counts"]
    file.unlink()
    return counts


def apply(project: Path) -> Result:
    return finbase(project, "apply", NAME)


def edit(project: Path, find: str, replace: str) -> None:
    """Change the environment, and render it."""
    path = project / "environments" / f"{NAME}.yaml"
    text = path.read_text()
    assert text.count(find) == 1
    path.write_text(text.replace(find, replace))
    render(project)


def render(project: Path) -> None:
    rendered = finbase(project, "render", NAME)
    assert rendered.exit_code == 0, rendered.stderr
