# mypy: ignore-errors
"""Database, its secrets and their rotation, and the cache."""

from __future__ import annotations

from types import SimpleNamespace

from cdktf import DataResource
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.data_aws_iam_policy_document import DataAwsIamPolicyDocument
from cdktf_cdktf_provider_aws.db_instance import DbInstance
from cdktf_cdktf_provider_aws.db_parameter_group import DbParameterGroup
from cdktf_cdktf_provider_aws.db_subnet_group import DbSubnetGroup
from cdktf_cdktf_provider_aws.elasticache_serverless_cache import ElasticacheServerlessCache
from cdktf_cdktf_provider_aws.elasticache_user import ElasticacheUser
from cdktf_cdktf_provider_aws.elasticache_user_group import ElasticacheUserGroup
from cdktf_cdktf_provider_aws.iam_policy import IamPolicy
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy_attachment import IamRolePolicyAttachment
from cdktf_cdktf_provider_aws.lambda_function import LambdaFunction
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from cdktf_cdktf_provider_aws.secretsmanager_secret import SecretsmanagerSecret
from cdktf_cdktf_provider_aws.secretsmanager_secret_policy import SecretsmanagerSecretPolicy
from cdktf_cdktf_provider_aws.secretsmanager_secret_rotation import SecretsmanagerSecretRotation
from cdktf_cdktf_provider_aws.secretsmanager_secret_version import SecretsmanagerSecretVersion
from network import group
from settings import (
    ACCOUNT,
    DATABASE_NAME,
    DATABASE_PORT,
    LOG_DAYS,
    NAME,
    REGION,
    USERNAME,
    policy,
    tag,
    trust,
)

_PARAMETERS = {
    "rds.force_ssl": ("1", None),
    "log_connections": ("1", None),
    "log_disconnections": ("1", None),
    "log_statement": ("ddl", None),
    "log_duration": ("1", None),
    "log_parameter_max_length": ("0", None),
    "log_parameter_max_length_on_error": ("0", None),
    "shared_preload_libraries": ("pg_stat_statements,pgaudit", "pending-reboot"),
    "pgaudit.log": ("ddl,role,write", "pending-reboot"),
    "pgaudit.log_parameter": ("0", "pending-reboot"),
}


def cache(scope, net, keys):
    """Make the serverless cache; the result is its security group."""
    made = group(scope, "cache", "Serverless cache", net.vpc.id)
    user = ElasticacheUser(
        scope,
        "cache-user",
        user_id=NAME,
        user_name=NAME,
        engine="valkey",
        access_string="on ~* +@all -@dangerous +info",
        authentication_mode={"type": "iam"},
        tags=tag(),
    )
    users = ElasticacheUserGroup(
        scope,
        "cache-users",
        user_group_id=NAME,
        engine="valkey",
        user_ids=[user.user_id],
        tags=tag(),
    )
    ElasticacheServerlessCache(
        scope,
        "cache",
        name=NAME,
        description="Sessions, rate limits and idempotency keys",
        engine="valkey",
        major_engine_version="8",
        kms_key_id=keys["cache"].arn,
        subnet_ids=net.database[:3],
        security_group_ids=[made.id],
        user_group_id=users.user_group_id,
        cache_usage_limits=[
            {
                "dataStorage": [{"maximum": 1, "unit": "GB"}],
                "ecpuPerSecond": [{"maximum": 1000}],
            }
        ],
        daily_snapshot_time="02:00",
        snapshot_retention_limit=7,
        tags=tag(),
    )
    return made


def database(scope, net, keys):
    """Make the instance and all that it needs; the result is what other parts refer to."""
    subnets = DbSubnetGroup(
        scope,
        "subnets",
        name=NAME,
        description=f"Database subnets of {NAME}",
        subnet_ids=net.database,
        tags=tag(),
    )
    made = group(scope, "database", "PostgreSQL primary and replicas", net.vpc.id)
    logs = [
        CloudwatchLogGroup(
            scope,
            f"database-{name}",
            name=f"/aws/rds/instance/{NAME}/{name}",
            retention_in_days=LOG_DAYS,
            kms_key_id=keys["logs"].arn,
        )
        for name in ("postgresql", "upgrade")
    ]
    role = IamRole(
        scope,
        "monitoring",
        name=f"{NAME}-database-monitoring",
        description=f"Lets Enhanced Monitoring of {NAME} write its samples",
        assume_role_policy=trust("monitoring.rds.amazonaws.com"),
    )
    attached = IamRolePolicyAttachment(
        scope,
        "monitoring-policy",
        role=role.name,
        policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
    )
    parameters = DbParameterGroup(
        scope,
        "parameters",
        name_prefix=f"{NAME}-postgres17-",
        family="postgres17",
        description=f"Forced TLS and audit trail of {NAME}",
        parameter=[
            {"name": name, "value": value, **({"applyMethod": method} if method else {})}
            for name, (value, method) in _PARAMETERS.items()
        ],
        tags=tag(),
        lifecycle={"create_before_destroy": True},
    )
    first = SecretsmanagerSecret(
        scope,
        "initial",
        name=f"{NAME}/database/initial",
        description=(
            f"First password of {USERNAME} on the database {NAME}, dead after the first rotation"
        ),
        kms_key_id=keys["secrets"].arn,
        recovery_window_in_days=7,
        tags=tag("database-initial"),
    )
    version = SecretsmanagerSecretVersion(
        scope,
        "initial-version",
        secret_id=first.id,
        secret_string_wo='${sha256("${uuid()}${uuid()}")}',
        secret_string_wo_version=1,
    )
    # The provider for CDK has no ephemeral resources: they are written as they stand in JSON.
    scope.add_override(
        "ephemeral.aws_secretsmanager_secret_version.initial",
        {"secret_id": version.secret_id, "version_id": version.version_id},
    )
    instance = DbInstance(
        scope,
        "primary",
        identifier=NAME,
        engine="postgres",
        engine_version="17",
        instance_class="db.t4g.medium",
        db_name=DATABASE_NAME,
        username=USERNAME,
        password_wo="${ephemeral.aws_secretsmanager_secret_version.initial.secret_string}",
        password_wo_version=1,
        port=DATABASE_PORT,
        iam_database_authentication_enabled=True,
        storage_type="gp3",
        allocated_storage=20,
        max_allocated_storage=50,
        storage_encrypted=True,
        kms_key_id=keys["database"].arn,
        multi_az=False,
        publicly_accessible=False,
        db_subnet_group_name=subnets.name,
        vpc_security_group_ids=[made.id],
        parameter_group_name=parameters.name,
        ca_cert_identifier="rds-ca-rsa2048-g1",
        backup_retention_period=7,
        backup_window="03:00-04:00",
        copy_tags_to_snapshot=True,
        delete_automated_backups=False,
        deletion_protection=False,
        skip_final_snapshot=True,
        final_snapshot_identifier=(
            f"{NAME}-final-${{substr(sha256({version.fqn}.version_id), 0, 8)}}"
        ),
        maintenance_window="mon:04:00-mon:05:00",
        auto_minor_version_upgrade=True,
        apply_immediately=False,
        enabled_cloudwatch_logs_exports=["postgresql", "upgrade"],
        monitoring_interval=60,
        monitoring_role_arn=role.arn,
        performance_insights_enabled=True,
        performance_insights_retention_period=7,
        performance_insights_kms_key_id=keys["database"].arn,
        tags=tag(),
        depends_on=[*logs, attached],
    )
    return SimpleNamespace(instance=instance, group=made, log=logs[0], version=version)


def secret(scope, net, keys, base):
    """Make the connection secret and its rotation; the result is what other parts refer to."""
    made = SecretsmanagerSecret(
        scope,
        "connection",
        name=f"{NAME}/database/connection",
        description=(
            f"Connection of {USERNAME} to the database {NAME}: host, port, name and "
            "rotated password"
        ),
        kms_key_id=keys["secrets"].arn,
        recovery_window_in_days=7,
        tags=tag("database-connection"),
    )
    SecretsmanagerSecretPolicy(
        scope,
        "connection-policy",
        secret_arn=made.arn,
        policy=policy(
            {
                "Sid": "OnlyOverTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "secretsmanager:*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ),
    )
    fields = DataResource(
        scope,
        "fields",
        input={
            "engine": "postgres",
            "host": base.instance.address,
            "port": base.instance.port,
            "dbname": DATABASE_NAME,
            "username": USERNAME,
        },
    )
    password = "ephemeral.aws_secretsmanager_secret_version.initial.secret_string"
    version = SecretsmanagerSecretVersion(
        scope,
        "connection-version",
        secret_id=made.id,
        secret_string_wo=(
            f"${{jsonencode(merge({fields.fqn}.input, {{ password = {password} }}))}}"
        ),
        secret_string_wo_version=1,
        version_stages=["AWSCURRENT", "initial"],
        lifecycle={"ignore_changes": ["version_stages"]},
    )
    rotation = group(scope, "rotation", "Rotation function of the connection secret", net.vpc.id)
    function = _function(scope, net, keys, made, base, rotation)
    SecretsmanagerSecretRotation(
        scope,
        "rotation-schedule",
        secret_id=made.id,
        rotation_lambda_arn=function.function.arn,
        rotate_immediately=False,
        rotation_rules={"automatically_after_days": 30, "duration": "2h"},
        depends_on=[function.attached, function.permission, version],
    )
    return SimpleNamespace(group=rotation, function=function.function)


def _function(scope, net, keys, made, base, rotation):
    log = CloudwatchLogGroup(
        scope,
        "rotation-log",
        name=f"/aws/lambda/{NAME}-rotation",
        retention_in_days=LOG_DAYS,
        kms_key_id=keys["logs"].arn,
    )
    role = IamRole(
        scope,
        "rotation-role",
        name=f"{NAME}-rotation",
        description=f"Rotates the connection secret of {NAME}",
        assume_role_policy=trust("lambda.amazonaws.com"),
    )
    document = DataAwsIamPolicyDocument(
        scope,
        "rotation-document",
        statement=[
            _allowed(
                "RotateThisSecret",
                [
                    "secretsmanager:DescribeSecret",
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:ListSecretVersionIds",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:UpdateSecretVersionStage",
                ],
                made.arn,
            ),
            _allowed(
                "UseTheKeyForThisSecret",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                keys["secrets"].arn,
                ("StringEquals", "kms:EncryptionContext:SecretARN", made.arn),
                ("StringEquals", "kms:ViaService", f"secretsmanager.{REGION}.amazonaws.com"),
            ),
            _allowed("SeeThisInstance", ["rds:DescribeDBInstances"], base.instance.arn),
            _allowed("WriteItsLog", ["logs:CreateLogStream", "logs:PutLogEvents"], f"{log.arn}:*"),
            _allowed(
                "AttachToTheNetwork",
                [
                    "ec2:AssignPrivateIpAddresses",
                    "ec2:CreateNetworkInterface",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:UnassignPrivateIpAddresses",
                ],
                "*",
            ),
            {
                **_allowed(
                    "NotFromTheCodeItself",
                    ["ec2:*"],
                    "*",
                    (
                        "ArnEquals",
                        "lambda:SourceFunctionArn",
                        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}-rotation",
                    ),
                ),
                "effect": "Deny",
            },
        ],
    )
    allowed = IamPolicy(
        scope,
        "rotation-policy",
        name=f"{NAME}-rotation",
        description=f"What rotating the connection secret of {NAME} needs, and no more",
        policy=document.json,
    )
    attached = IamRolePolicyAttachment(
        scope, "rotation-attachment", role=role.name, policy_arn=allowed.arn
    )
    function = LambdaFunction(
        scope,
        "rotation",
        function_name=f"{NAME}-rotation",
        description=f"Rotates the connection secret of {NAME}",
        role=role.arn,
        runtime="python3.13",
        architectures=["arm64"],
        handler="rotation.handler",
        filename="${path.module}/rotation.zip",
        source_code_hash='${filebase64sha256("${path.module}/rotation.zip")}',
        timeout=60,
        memory_size=256,
        vpc_config={"subnet_ids": net.private, "security_group_ids": [rotation.id]},
        tags=tag("rotation"),
        depends_on=[log, attached],
    )
    permission = LambdaPermission(
        scope,
        "rotation-permission",
        statement_id="SecretsManagerRotatesThisSecret",
        action="lambda:InvokeFunction",
        function_name=function.function_name,
        principal="secretsmanager.amazonaws.com",
        source_account=ACCOUNT,
        source_arn=made.arn,
    )
    return SimpleNamespace(function=function, attached=attached, permission=permission)


def _allowed(sid, actions, resource, *conditions):
    return {
        "sid": sid,
        "actions": actions,
        "resources": [resource],
        "condition": [
            {"test": test, "variable": variable, "values": [value]}
            for test, variable, value in conditions
        ],
    }
