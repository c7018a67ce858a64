# mypy: ignore-errors
# ruff: noqa: E501 - a table is read row by row
"""Allowed flows, alarms, database events and a dashboard."""

from __future__ import annotations

import json

from cdktf_cdktf_provider_aws.cloudwatch_dashboard import CloudwatchDashboard
from cdktf_cdktf_provider_aws.cloudwatch_event_rule import CloudwatchEventRule
from cdktf_cdktf_provider_aws.cloudwatch_event_target import CloudwatchEventTarget
from cdktf_cdktf_provider_aws.cloudwatch_log_data_protection_policy import (
    CloudwatchLogDataProtectionPolicy,
)
from cdktf_cdktf_provider_aws.cloudwatch_log_metric_filter import CloudwatchLogMetricFilter
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from cdktf_cdktf_provider_aws.db_event_subscription import DbEventSubscription
from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from cdktf_cdktf_provider_aws.vpc_security_group_egress_rule import VpcSecurityGroupEgressRule
from cdktf_cdktf_provider_aws.vpc_security_group_ingress_rule import VpcSecurityGroupIngressRule
from settings import ACCOUNT, DATABASE_PORT, NAME, REGION, policy, tag

_METRICS = (
    "CPUUtilization",
    "DatabaseConnections",
    "FreeableMemory",
    "FreeStorageSpace",
    "ReadLatency",
    "WriteLatency",
)
_EVENTS = [
    "availability",
    "configuration change",
    "creation",
    "deletion",
    "failover",
    "failure",
    "low storage",
    "maintenance",
    "notification",
    "read replica",
    "recovery",
    "restoration",
    "security",
    "security patching",
]
_ABOVE, _BELOW = "GreaterThanThreshold", "LessThanThreshold"
_RDS, _CACHE, _LAMBDA = "AWS/RDS", "AWS/ElastiCache", "AWS/Lambda"
_OF_DATABASE = {"DBInstanceIdentifier": NAME}
_OF_CACHE = {"clusterId": NAME}
_OF_FUNCTION = {"FunctionName": f"{NAME}-rotation"}
# Name, what it says, namespace, metric, dimensions, statistic, comparison, threshold, periods,
# and what a lack of data means.
_ALARMS = (
    ("cpu", "is short of CPU", _RDS, _METRICS[0], _OF_DATABASE, "Average", _ABOVE, 80, 3, "breaching"),
    ("connections", "has too many connections", _RDS, _METRICS[1], _OF_DATABASE, "Average", _ABOVE, 100, 3, "breaching"),
    ("memory", "is short of memory", _RDS, _METRICS[2], _OF_DATABASE, "Average", _BELOW, 256 << 20, 3, "breaching"),
    ("storage", "has less than 15 percent of its storage left", _RDS, _METRICS[3], _OF_DATABASE, "Average", _BELOW, 3 << 30, 3, "breaching"),
    ("read-latency", "reads slowly", _RDS, _METRICS[4], _OF_DATABASE, "Average", _ABOVE, 0.05, 3, "breaching"),
    ("write-latency", "writes slowly", _RDS, _METRICS[5], _OF_DATABASE, "Average", _ABOVE, 0.05, 3, "breaching"),
    ("transaction-ids", "is half-way to running out of transaction ids", _RDS, "MaximumUsedTransactionIDs", _OF_DATABASE, "Maximum", _ABOVE, 1000000000, 1, "missing"),
    ("disk-queue", "has many requests waiting for its volume", _RDS, "DiskQueueDepth", _OF_DATABASE, "Average", _ABOVE, 64, 3, "notBreaching"),
    ("swap", "swaps: it needs more memory", _RDS, "SwapUsage", _OF_DATABASE, "Average", _ABOVE, 256 << 20, 3, "notBreaching"),
    ("load", "has many sessions that work or wait", _RDS, "DBLoad", _OF_DATABASE, "Average", _ABOVE, 4, 3, "notBreaching"),
    ("cpu-credits", "has almost no CPU credits left", _RDS, "CPUCreditBalance", _OF_DATABASE, "Average", _BELOW, 20, 3, "notBreaching"),
    ("ebs-io-balance", "has used most of its burst of requests", _RDS, "EBSIOBalance%", _OF_DATABASE, "Average", _BELOW, 20, 3, "notBreaching"),
    ("ebs-byte-balance", "has used most of its burst of throughput", _RDS, "EBSByteBalance%", _OF_DATABASE, "Average", _BELOW, 20, 3, "notBreaching"),
    ("oldest-replication-slot-lag", "keeps much WAL for a slot", _RDS, "OldestReplicationSlotLag", _OF_DATABASE, "Maximum", _ABOVE, 2 << 30, 3, "notBreaching"),
    ("transaction-logs-disk-usage", "fills its volume with WAL", _RDS, "TransactionLogsDiskUsage", _OF_DATABASE, "Maximum", _ABOVE, 4 << 30, 3, "notBreaching"),
    ("deadlocks", "ended transactions that waited for each other", "Finbase", f"{NAME}-deadlocks", None, "Sum", _ABOVE, 0, 1, "notBreaching"),
    ("failed-logins", "refuses many logins", "Finbase", f"{NAME}-failed-logins", None, "Sum", _ABOVE, 10, 1, "notBreaching"),
    ("cache-throttled", "throttles commands: a limit is reached", _CACHE, "ThrottledCmds", _OF_CACHE, "Sum", _ABOVE, 0, 1, "notBreaching"),
    ("cache-data", "holds more than 80 percent of its data limit", _CACHE, "BytesUsedForCache", _OF_CACHE, "Maximum", _ABOVE, 800000000, 1, "notBreaching"),
    ("cache-work", "works at more than 80 percent of its limit", _CACHE, "ElastiCacheProcessingUnits", _OF_CACHE, "Sum", _ABOVE, 240000, 1, "notBreaching"),
    ("rotation-errors", "could not rotate the connection secret", _LAMBDA, "Errors", _OF_FUNCTION, "Sum", _ABOVE, 0, 1, "notBreaching"),
    ("rotation-throttles", "was not started: no free execution", _LAMBDA, "Throttles", _OF_FUNCTION, "Sum", _ABOVE, 0, 1, "notBreaching"),
)  # fmt: skip
_FILTERS = {
    "failed-logins": (
        '?"password authentication failed" ?"PAM authentication failed" '
        '?"no pg_hba.conf entry" ?"FATAL:  role"'
    ),
    "deadlocks": '"deadlock detected"',
}
_RULES = {
    "key-deletion": (
        "aws.kms",
        "AWS API Call via CloudTrail",
        ["DisableKey", "ScheduleKeyDeletion"],
    ),
    "failed-rotation": (
        "aws.secretsmanager",
        "AWS Service Event via CloudTrail",
        ["RotationAbandoned", "RotationFailed"],
    ),
}
_MASKED = [
    f"arn:aws:dataprotection::aws:data-identifier/{name}"
    for name in ("CreditCardNumber", "CreditCardExpiration", "CreditCardSecurityCode")
]


def access(scope, net, base, rotation, cache, application):
    """Make both ends of every allowed flow."""
    sql = (DATABASE_PORT, DATABASE_PORT)
    flows = (
        ("application-to-database", "SQL from applications", application, base.group, sql),
        ("application-to-cache", "Cache traffic from applications", application, cache, (6379, 6380)),
        ("application-to-endpoints", "AWS services for applications", application, net.endpoints, (443, 443)),
        ("rotation-to-database", "Password changes by the rotation function", rotation, base.group, sql),
        ("rotation-to-endpoints", "Secrets Manager for the rotation function", rotation, net.endpoints, (443, 443)),
    )  # fmt: skip
    for name, description, source, target, (first, last) in flows:
        for kind, owner, other in (
            (VpcSecurityGroupEgressRule, source, target),
            (VpcSecurityGroupIngressRule, target, source),
        ):
            kind(
                scope,
                f"{name}-{kind.__name__}",
                description=description,
                security_group_id=owner.id,
                referenced_security_group_id=other.id,
                ip_protocol="tcp",
                from_port=first,
                to_port=last,
                tags={"Name": name},
            )
    VpcSecurityGroupEgressRule(
        scope,
        "application-to-internet",
        description="HTTPS to patches and partners",
        security_group_id=application.id,
        cidr_ipv4="0.0.0.0/0",
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        tags={"Name": "application-to-internet"},
    )
    VpcSecurityGroupEgressRule(
        scope,
        "application-to-s3",
        description="HTTPS to S3 through the gateway endpoint",
        security_group_id=application.id,
        prefix_list_id=net.s3.prefix_list_id,
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        tags={"Name": "application-to-s3"},
    )


def monitoring(scope, keys, base, net):
    """Make the topic and all that reports to it."""
    topic = SnsTopic(
        scope,
        "notifications",
        name=f"{NAME}-notifications",
        display_name=f"{NAME} database infrastructure",
        kms_master_key_id=keys["notifications"].arn,
        tags=tag("notifications"),
    )
    told = SnsTopicPolicy(
        scope,
        "notifications-policy",
        arn=topic.arn,
        policy=policy(
            {
                "Sid": "AlarmsAndDatabaseEvents",
                "Effect": "Allow",
                "Principal": {
                    "Service": [
                        "cloudwatch.amazonaws.com",
                        "events.amazonaws.com",
                        "events.rds.amazonaws.com",
                    ]
                },
                "Action": "sns:Publish",
                "Resource": topic.arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            },
            {
                "Sid": "OnlyOverTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": topic.arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ),
    )
    for name, pattern in _FILTERS.items():
        CloudwatchLogMetricFilter(
            scope,
            name,
            name=f"{NAME}-{name}",
            log_group_name=base.log.name,
            pattern=pattern,
            metric_transformation={
                "name": f"{NAME}-{name}",
                "namespace": "Finbase",
                "value": "1",
                "default_value": "0",
            },
        )
    CloudwatchLogDataProtectionPolicy(
        scope,
        "card-data",
        log_group_name=base.log.name,
        policy_document=json.dumps(
            {
                "Name": "card-data",
                "Version": "2021-06-01",
                "Statement": [
                    {"Sid": sid, "DataIdentifier": _MASKED, "Operation": operation}
                    for sid, operation in (
                        ("find", {"Audit": {"FindingsDestination": {}}}),
                        ("mask", {"Deidentify": {"MaskConfig": {}}}),
                    )
                ],
            }
        ),
    )
    for name, (source, kind, events) in _RULES.items():
        rule = CloudwatchEventRule(
            scope,
            name,
            name=f"{NAME}-{name}",
            event_pattern=json.dumps(
                {"source": [source], "detail-type": [kind], "detail": {"eventName": events}}
            ),
            tags=tag(name),
        )
        CloudwatchEventTarget(
            scope,
            f"{name}-target",
            rule=rule.name,
            target_id="notifications",
            arn=topic.arn,
            depends_on=[told],
        )
    SnsTopicSubscription(
        scope,
        "email",
        topic_arn=topic.arn,
        protocol="email",
        endpoint="database-dev@ledger.example",
    )
    of_gateways = [
        (f"nat-ports-{zone}", "has no free port to the internet", "AWS/NATGateway",
         "ErrorPortAllocation", {"NatGatewayId": gateway}, "Sum", _ABOVE, 0, 1, "notBreaching")
        for zone, gateway in net.gateways.items()
    ]  # fmt: skip
    for name, says, space, metric, of, statistic, compared, threshold, periods, lack in (
        *_ALARMS,
        *of_gateways,
    ):
        CloudwatchMetricAlarm(
            scope,
            f"alarm-{name}",
            alarm_name=f"{NAME}-{name}",
            alarm_description=f"{NAME} {says}",
            namespace=space,
            metric_name=metric,
            dimensions=of,
            statistic=statistic,
            comparison_operator=compared,
            threshold=threshold,
            period=300,
            evaluation_periods=periods,
            treat_missing_data=lack,
            alarm_actions=[topic.arn],
            ok_actions=[topic.arn],
        )
    DbEventSubscription(
        scope,
        "instances",
        name=f"{NAME}-instances",
        sns_topic=topic.arn,
        source_type="db-instance",
        source_ids=[base.instance.identifier],
        event_categories=_EVENTS,
        tags=tag("instances"),
        depends_on=[told],
    )
    DbEventSubscription(
        scope,
        "parameter-groups",
        name=f"{NAME}-parameter-groups",
        sns_topic=topic.arn,
        source_type="db-parameter-group",
        event_categories=["configuration change"],
        tags=tag("parameter-groups"),
        depends_on=[told],
    )
    CloudwatchDashboard(
        scope,
        "dashboard",
        dashboard_name=NAME,
        dashboard_body=json.dumps({"widgets": [_widget(*each) for each in enumerate(_METRICS)]}),
    )


def _widget(index, metric):
    return {
        "type": "metric",
        "x": 8 * (index % 3),
        "y": 6 * (index // 3),
        "width": 8,
        "height": 6,
        "properties": {
            "title": metric,
            "region": REGION,
            "stat": "Average",
            "period": 300,
            "metrics": [["AWS/RDS", metric, "DBInstanceIdentifier", NAME]],
        },
    }
