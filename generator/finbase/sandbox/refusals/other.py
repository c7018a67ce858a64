"""Rules about secrets, logs, alarms, security groups, subnet groups and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator

from moto.logs.models import logs_backends
from moto.secretsmanager.models import secretsmanager_backends

from finbase.sandbox.refusals import kms
from finbase.sandbox.refusals.rule import VALUE, Request, rule

_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")


@rule(
    "secretsmanager CreateSecret",
    "InvalidRequestException",
    "hashicorp/terraform-provider-aws/issues/10259",
)
def name_being_deleted(request: Request) -> str | None:
    """The name of a secret is in use until the end of its recovery window."""
    backend = request.of(secretsmanager_backends)
    secret = backend.secrets.get(request.params["Name"])
    if secret is None or not secret.is_deleted():
        return None
    return (
        "You can't create this secret because a secret with this name is already scheduled for "
        "deletion."
    )


@rule(
    "secretsmanager PutResourcePolicy TagResource UntagResource",
    "InvalidRequestException",
    "secretsmanager/latest/apireference/API_TagResource.html",
)
def being_deleted(request: Request) -> str | None:
    """A secret that will be deleted is not changed."""
    secret = request.of(secretsmanager_backends).secrets.get(request.params["SecretId"])
    if secret is None or not secret.is_deleted():
        return None
    return "You can't perform this operation on the secret because it was marked for deletion."


@rule(
    "secretsmanager DeleteSecret",
    "InvalidParameterException",
    "secretsmanager/latest/apireference/API_DeleteSecret.html",
)
def recovery_window(request: Request) -> str | None:
    """A secret can be recovered for 7 to 30 days, or not at all."""
    days = request.params.get("RecoveryWindowInDays")
    if days is not None and request.params.get("ForceDeleteWithoutRecovery"):
        return "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
    if days is not None and not 7 <= days <= 30:
        return "RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
    return None


@rule(
    "secretsmanager CreateSecret PutSecretValue UpdateSecret",
    "EncryptionFailure",
    "secretsmanager/latest/apireference/API_CreateSecret.html",
)
def unusable_secret_key(request: Request) -> str | None:
    """The key of a secret exists and is enabled."""
    secret = request.of(secretsmanager_backends).secrets.get(request.params.get("SecretId") or "")
    return kms.problem(
        request, request.params.get("KmsKeyId") or getattr(secret, "kms_key_id", None)
    )


@rule(
    "logs DeleteMetricFilter PutMetricFilter PutSubscriptionFilter",
    "ResourceNotFoundException",
    "AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html",
)
def unknown_log_group(request: Request) -> str | None:
    """The log group of a filter exists."""
    if request.params["logGroupName"] in request.of(logs_backends).groups:
        return None
    return "The specified log group does not exist."


@rule(
    "logs CreateLogGroup AssociateKmsKey",
    "InvalidParameterException",
    "AmazonCloudWatchLogs/latest/logs/encrypt-log-data-kms.html",
)
def unusable_log_key(request: Request) -> str | None:
    """The key of a log group is enabled, and its policy lets CloudWatch Logs use it."""
    key, service = request.params.get("kmsKeyId"), f"logs.{request.region}.amazonaws.com"
    group = f"{request.region}:{request.account}:log-group:{request.params.get('logGroupName')}"
    arn = f"arn:aws:logs:{group}"
    if not key or (
        kms.unusable_state(request, key) is None and kms.admits(request, key, service, arn)
    ):
        return None
    return f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"


@rule(
    "cloudwatch PutMetricAlarm",
    "ValidationError",
    "AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
)
def invalid_period(request: Request) -> str | None:
    """An alarm's period is 10, 20 or 30 seconds, or a number of minutes; all within a week."""
    period = request.params.get("Period")
    if period is None:
        return None
    if period not in (10, 20, 30) and (period <= 0 or period % 60):
        return "Metric period must be 10, 20, 30 or a multiple of 60."
    span = period * request.params["EvaluationPeriods"]
    # AWS watches a day, or with periods of an hour or more a week.
    if span > (7 * 86_400 if period >= 3_600 else 86_400):
        return (
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be "
            "<= 86400), or a week with periods of an hour or more."
        )
    return None


@rule(
    "cloudwatch PutMetricAlarm",
    "ValidationError",
    "AmazonCloudWatch/latest/monitoring/alarm-evaluation.html",
)
def invalid_datapoints(request: Request) -> str | None:
    """An alarm needs no more data points than it looks at."""
    points = request.params.get("DatapointsToAlarm")
    if points is None or points <= request.params["EvaluationPeriods"]:
        return None
    return "DatapointsToAlarm must be less than or equal to EvaluationPeriods."


@rule(
    "ec2 AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup",
    VALUE,
    "cds-snc/notification-terraform/pull/561",
)
def invalid_description(request: Request) -> str | None:
    """Descriptions of security groups and rules have a small set of characters."""
    valid = (
        "Valid descriptions are strings less than 256 characters from the following set:  "
        "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
    )
    group = request.params.get("Description")
    if group is not None and not _DESCRIPTION.fullmatch(group):
        return f"Invalid security group description. {valid}"
    if any(not _DESCRIPTION.fullmatch(text) for text in _rule_descriptions(request)):
        return f"Invalid rule description. {valid}"
    return None


def _rule_descriptions(request: Request) -> Iterator[str]:
    for permission in request.params.get("IpPermissions") or ():
        for name in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
            for target in permission.get(name) or ():
                if target.get("Description") is not None:
                    yield target["Description"]
