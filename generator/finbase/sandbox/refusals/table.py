"""All rules that AWS's service models do not state, in the order in which they are checked."""

from __future__ import annotations

from finbase.sandbox.refusals import (
    awslambda,
    ec2,
    elasticache,
    kms,
    other,
    policies,
    rds,
    rds_events,
    rds_parameters,
    rds_storage,
    refused,
)
from finbase.sandbox.refusals.rule import Check, Rule

_DOCS = "https://docs.aws.amazon.com/"
_RDS = _DOCS + "AmazonRDS/latest/APIReference/API_{}.html"
_STORAGE = _DOCS + "AmazonRDS/latest/UserGuide/CHAP_Storage.html"
_UPGRADE = _DOCS + "AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.PostgreSQL.html"
_CACHE = _DOCS + "AmazonElastiCache/latest/APIReference/API_{}.html"
_ISSUE = "https://github.com/{}"

_NEW = ("CreateDBInstance",)
_COPIES = (
    "CreateDBInstanceReadReplica",
    "RestoreDBInstanceFromDBSnapshot",
    "RestoreDBInstanceToPointInTime",
)
_CHANGE = ("ModifyDBInstance",)
_DELETE = ("DeleteDBInstance",)
_SUBSCRIPTIONS = ("CreateEventSubscription", "ModifyEventSubscription")
_INSTANCES = (*_NEW, *_COPIES, *_CHANGE)
_VALUE, _COMBINATION = "InvalidParameterValue", "InvalidParameterCombination"


def _rds(check: Check, operations: tuple[str, ...], source: str, code: str = _COMBINATION) -> Rule:
    return _rule("rds", check, operations, code, source)


def _rule(service: str, check: Check, operations: tuple[str, ...], code: str, source: str) -> Rule:
    """Return a rule that has the name of its function."""
    name = getattr(check, "__name__", "").replace("_", "-")
    says = (check.__doc__ or "").partition("\n")[0].rstrip(".")
    return Rule(f"{service}-{name}", service, operations, code, check, source, says)


_FUNCTIONS: tuple[Rule, ...] = (
    _rds(
        rds.invalid_identifier,
        (
            *_INSTANCES,
            *_DELETE,
            "CreateDBParameterGroup",
            "CreateDBSnapshot",
            "ModifyDBParameterGroup",
        ),
        _RDS.format("CreateDBInstance"),
        _VALUE,
    ),
    _rds(rds.invalid_password, (*_NEW, *_CHANGE), _RDS.format("CreateDBInstance"), _VALUE),
    _rds(rds.reserved_user, _NEW, _RDS.format("CreateDBInstance"), _VALUE),
    _rds(rds.invalid_window, (*_NEW, *_CHANGE), _RDS.format("CreateDBInstance"), _VALUE),
    _rds(
        rds.overlapping_windows,
        (*_NEW, *_CHANGE),
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/49828"),
        _VALUE,
    ),
    _rds(
        rds.unknown_version,
        _INSTANCES,
        _ISSUE.format("tryretool/terraform-retool-modules/issues/70"),
    ),
    _rds(
        rds.unknown_class,
        _INSTANCES,
        _ISSUE.format("ryanmurakami/trash-panda-buffet/issues/5"),
        _VALUE,
    ),
    _rds(
        rds.unknown_group,
        _INSTANCES,
        _RDS.format("CreateDBInstance"),
        _VALUE,
    ),
    _rds(
        rds.other_network,
        _INSTANCES,
        _ISSUE.format("terraform-aws-modules/terraform-aws-rds/issues/451"),
    ),
    _rds(rds.interval_without_role, _CHANGE, _RDS.format("ModifyDBInstance")),
    _rds(
        rds.restore_without_backups,
        ("RestoreDBInstanceToPointInTime",),
        _RDS.format("RestoreDBInstanceToPointInTime"),
        "PointInTimeRestoreNotEnabled",
    ),
    _rds(
        rds_events.unknown_category,
        _SUBSCRIPTIONS,
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/9463"),
        "SubscriptionCategoryNotFound",
    ),
    _rds(
        rds_events.unknown_topic,
        _SUBSCRIPTIONS,
        _RDS.format("CreateEventSubscription"),
        "SNSTopicArnNotFound",
    ),
    _rds(
        rds_events.unknown_source,
        (*_SUBSCRIPTIONS, "AddSourceIdentifierToSubscription"),
        _ISSUE.format("app-sre/qontract-reconcile/pull/4207"),
        "SourceNotFound",
    ),
    _rds(
        rds.downgrade,
        _CHANGE,
        _ISSUE.format("hashicorp/terraform/issues/22462"),
    ),
    _rds(rds.missing_upgrade_flag, _CHANGE, _ISSUE.format("hashicorp/terraform/issues/8468")),
    _rds(rds.upgrade_keeps_group, _CHANGE, _RDS.format("ModifyDBInstance")),
    _rds(
        rds.other_family,
        _INSTANCES,
        _ISSUE.format("mattermost/mattermost-load-test-ng/pull/707"),
    ),
    _rds(
        rds.group_in_use,
        ("DeleteDBParameterGroup",),
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/6448"),
        "InvalidDBParameterGroupState",
    ),
    _rds(
        rds.subnets_in_use,
        ("DeleteDBSubnetGroup",),
        _RDS.format("DeleteDBSubnetGroup"),
        "InvalidDBSubnetGroupStateFault",
    ),
    _rds(
        other.one_zone,
        ("CreateDBSubnetGroup", "ModifyDBSubnetGroup"),
        _ISSUE.format("terraform-aws-modules/terraform-aws-vpc/issues/821"),
        "DBSubnetGroupDoesNotCoverEnoughAZs",
    ),
    _rds(
        rds_parameters.unknown_family,
        ("CreateDBParameterGroup",),
        _ISSUE.format("terraform-aws-modules/terraform-aws-rds/issues/173"),
        _VALUE,
    ),
    _rds(
        rds_parameters.unknown_parameter,
        ("ModifyDBParameterGroup",),
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/522"),
        _VALUE,
    ),
    _rds(
        rds_parameters.invalid_value,
        ("ModifyDBParameterGroup",),
        _RDS.format("Parameter"),
        _VALUE,
    ),
    _rds(
        rds_parameters.static_applied_at_once,
        ("ModifyDBParameterGroup",),
        _ISSUE.format("hashicorp/terraform/issues/8018"),
    ),
    _rds(
        rds_parameters.too_many_parameters,
        ("ModifyDBParameterGroup",),
        _RDS.format("ModifyDBParameterGroup"),
        _VALUE,
    ),
    _rds(rds_storage.invalid_size, _INSTANCES, _RDS.format("CreateDBInstance")),
    _rds(rds_storage.shrinking, _CHANGE, _STORAGE),
    _rds(
        rds_storage.low_maximum,
        _INSTANCES,
        _ISSUE.format("ministryofjustice/cloud-platform-environments/pull/24422"),
    ),
    _rds(
        rds_storage.iops_below_threshold,
        _INSTANCES,
        _ISSUE.format("hashicorp/terraform-provider-aws/pull/28243"),
    ),
    _rds(rds_storage.iops_out_of_range, _INSTANCES, _STORAGE),
    _rds(rds_storage.throughput_out_of_range, _INSTANCES, _STORAGE),
    _rds(rds_storage.throughput_ratio, _INSTANCES, _STORAGE),
    _rds(rds_storage.iops_ratio, _INSTANCES, _RDS.format("CreateDBInstance")),
    _rds(
        rds_storage.size_without_iops,
        _CHANGE,
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/33512"),
    ),
    _rds(rds.invalid_retention, (*_NEW, *_CHANGE), _RDS.format("ModifyDBInstance"), _VALUE),
    _rds(
        rds.source_without_backups,
        ("CreateDBInstanceReadReplica",),
        _RDS.format("CreateDBInstanceReadReplica"),
        "InvalidDBInstanceState",
    ),
    _rds(rds.unknown_log, _INSTANCES, _RDS.format("CreateDBInstance")),
    _rds(
        rds.key_without_encryption,
        _NEW,
        _ISSUE.format("floci-io/floci/pull/2617"),
    ),
    _rds(
        rds.unusable_key,
        (*_NEW, *_COPIES),
        _RDS.format("CreateDBInstance"),
        "KMSKeyNotAccessibleFault",
    ),
    _rds(rds.protected, _DELETE, _RDS.format("DeleteDBInstance")),
    _rds(rds.final_snapshot, _DELETE, _RDS.format("DeleteDBInstance")),
    _rds(
        rds.snapshot_exists,
        (*_DELETE, "CreateDBSnapshot"),
        _ISSUE.format("cloud-custodian/cloud-custodian/issues/309"),
        "DBSnapshotAlreadyExists",
    ),
    _rds(
        other.invalid_tag,
        (*_NEW, *_COPIES, "AddTagsToResource", "CreateDBParameterGroup", "CreateDBSubnetGroup"),
        _RDS.format("Tag"),
        _VALUE,
    ),
    _rule(
        "lambda",
        awslambda.unreserved_concurrency,
        ("PutFunctionConcurrency",),
        "InvalidParameterValueException",
        _ISSUE.format("awslabs/fhir-works-on-aws-deployment/issues/691"),
    ),
    _rule(
        "lambda",
        awslambda.reserved_variable,
        ("CreateFunction", "UpdateFunctionConfiguration"),
        "InvalidParameterValueException",
        _DOCS + "lambda/latest/dg/configuration-envvars.html",
    ),
    _rule(
        "lambda",
        awslambda.large_environment,
        ("CreateFunction", "UpdateFunctionConfiguration"),
        "InvalidParameterValueException",
        _DOCS + "lambda/latest/dg/gettingstarted-limits.html",
    ),
    _rule(
        "lambda",
        awslambda.not_a_zip,
        ("CreateFunction", "UpdateFunctionCode"),
        "InvalidParameterValueException",
        _DOCS + "lambda/latest/dg/troubleshooting-deployment.html",
    ),
    _rule(
        "elasticache",
        elasticache.no_change,
        ("ModifyServerlessCache",),
        _COMBINATION,
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/44746"),
    ),
    _rule(
        "elasticache",
        elasticache.several_changes,
        ("ModifyServerlessCache",),
        _COMBINATION,
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/35897"),
    ),
    _rule(
        "elasticache",
        elasticache.invalid_limit,
        ("CreateServerlessCache", "ModifyServerlessCache"),
        _VALUE,
        _ISSUE.format("hashicorp/terraform-provider-aws/pull/36382"),
    ),
    _rule(
        "elasticache",
        elasticache.invalid_snapshots,
        ("CreateServerlessCache", "ModifyServerlessCache"),
        _VALUE,
        _CACHE.format("CreateServerlessCache"),
    ),
    _rule(
        "elasticache",
        elasticache.other_user_name,
        ("CreateUser",),
        _COMBINATION,
        _ISSUE.format("terraform-aws-modules/terraform-aws-elasticache/issues/65"),
    ),
    _rule(
        "elasticache",
        elasticache.unknown_version,
        ("CreateServerlessCache", "ModifyServerlessCache"),
        _COMBINATION,
        _CACHE.format("CreateServerlessCache"),
    ),
    _rule(
        "secretsmanager",
        policies.public,
        ("PutResourcePolicy",),
        "PublicPolicyException",
        _DOCS + "secretsmanager/latest/apireference/API_PutResourcePolicy.html",
    ),
    _rule(
        "kms",
        policies.locks_out,
        ("CreateKey", "PutKeyPolicy"),
        "MalformedPolicyDocumentException",
        _ISSUE.format("trussworks/terraform-aws-cloudtrail/issues/178"),
    ),
    _rule(
        "iam",
        policies.too_large,
        (
            "CreatePolicy",
            "CreatePolicyVersion",
            "CreateRole",
            "PutRolePolicy",
            "UpdateAssumeRolePolicy",
        ),
        "LimitExceeded",
        _DOCS + "IAM/latest/UserGuide/reference_iam-quotas.html",
    ),
    _rule(
        "secretsmanager",
        other.name_being_deleted,
        ("CreateSecret",),
        "InvalidRequestException",
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/10259"),
    ),
    _rule(
        "secretsmanager",
        other.recovery_window,
        ("DeleteSecret",),
        "InvalidParameterException",
        _DOCS + "secretsmanager/latest/apireference/API_DeleteSecret.html",
    ),
    _rule(
        "secretsmanager",
        other.unusable_secret_key,
        ("CreateSecret",),
        "EncryptionFailure",
        _DOCS + "secretsmanager/latest/apireference/API_CreateSecret.html",
    ),
    _rule(
        "kms",
        kms.unusable,
        ("Encrypt", "GenerateDataKey"),
        "KMSInvalidStateException",
        _DOCS + "kms/latest/developerguide/key-state.html",
    ),
    _rule(
        "logs",
        other.unusable_log_key,
        ("CreateLogGroup", "AssociateKmsKey"),
        "InvalidParameterException",
        _DOCS + "AmazonCloudWatchLogs/latest/logs/encrypt-log-data-kms.html",
    ),
    _rule(
        "cloudwatch",
        other.invalid_period,
        ("PutMetricAlarm",),
        "ValidationError",
        _DOCS + "AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
    ),
    _rule(
        "cloudwatch",
        other.invalid_datapoints,
        ("PutMetricAlarm",),
        "ValidationError",
        _DOCS + "AmazonCloudWatch/latest/monitoring/alarm-evaluation.html",
    ),
    _rule(
        "ec2",
        other.invalid_description,
        (
            "AuthorizeSecurityGroupEgress",
            "AuthorizeSecurityGroupIngress",
            "CreateSecurityGroup",
        ),
        _VALUE,
        _ISSUE.format("cds-snc/notification-terraform/pull/561"),
    ),
    _rule(
        "ec2",
        ec2.route_into_vpc,
        ("CreateRoute",),
        _VALUE,
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/13896"),
    ),
    _rule(
        "ec2",
        ec2.unattached_gateway,
        ("CreateRoute", "ReplaceRoute"),
        "InvalidTransitGatewayID.NotFound",
        _ISSUE.format("aws/aws-cdk/issues/8584"),
    ),
    _rule(
        "ec2",
        ec2.two_subnets_of_a_zone,
        ("CreateTransitGatewayVpcAttachment", "CreateVpcEndpoint"),
        "DuplicateSubnetsInSameZone",
        _DOCS + "AWSEC2/latest/APIReference/errors-overview.html",
    ),
    _rule(
        "ec2",
        ec2.unknown_service,
        ("CreateVpcEndpoint",),
        "InvalidServiceName",
        _DOCS + "AWSEC2/latest/APIReference/errors-overview.html",
    ),
    _rule(
        "ec2",
        ec2.private_names_off,
        ("CreateVpcEndpoint",),
        "InvalidParameter",
        _DOCS + "vpc/latest/privatelink/manage-dns-names.html",
    ),
    _rule(
        "ec2",
        ec2.private_names_taken,
        ("CreateVpcEndpoint",),
        "InvalidParameter",
        _ISSUE.format("hashicorp/terraform-provider-aws/issues/17535"),
    ),
    _rule(
        "ec2",
        ec2.invalid_ports,
        ("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"),
        _VALUE,
        _DOCS + "AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html",
    ),
)

# A policy that is not valid is refused before its content is looked at.
RULES: tuple[Rule, ...] = (*policies.rules(), *refused.rules(), *_FUNCTIONS)
