"""Rules about alarms, dashboards, topics and the targets of events."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from moto.events.models import events_backends
from moto.sns.models import sns_backends

from finbase.sandbox.refusals import policies
from finbase.sandbox.refusals.rule import Request, rule

_ALARMS = "cloudwatch PutMetricAlarm"
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_OF_ONE_METRIC = frozenset(
    "Dimensions ExtendedStatistic MetricName Namespace Period Statistic Unit".split()
)
_ATTRIBUTE = re.compile(
    r"(Application|Firehose|HTTP|Lambda|SQS)(SuccessFeedback(RoleArn|SampleRate)|FailureFeedbackRoleArn)"
    r"|(Archive|Delivery)?Policy|ContentBasedDeduplication|DisplayName|Fifo(ThroughputScope|Topic)"
    r"|KmsMasterKeyId|MaximumMessageSize|SignatureVersion|TracingConfig"
)
_VALUES = {
    "DisplayName": ".{0,100}",
    "SignatureVersion": "[12]",
    "TracingConfig": "Active|PassThrough",
}
"""What the value of an attribute of a topic looks like."""

_MOST_TARGETS = 5
_ENDPOINTS = {
    "application": r"arn:[\w-]+:sns:\S+",
    "email": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "email-json": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "firehose": r"arn:[\w-]+:firehose:\S+",
    "http": r"http://\S+",
    "https": r"https://\S+",
    "lambda": r"arn:[\w-]+:lambda:\S+",
    "sms": r"\+?[\d\s().-]+",
    "sqs": r"arn:[\w-]+:sqs:\S+",
}
"""What an endpoint looks like, by its protocol."""


@rule(_ALARMS, "ValidationError", "AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html")
def one_metric_or_several(request: Request) -> str | None:
    """An alarm is on a metric, on a list of metrics, or on a query."""
    members = {name for name, value in request.params.items() if value}
    kinds = members & {"EvaluationCriteria", "MetricName", "Metrics"}
    if not kinds:
        return "You must specify either MetricName, Metrics or EvaluationCriteria."
    if kinds != {"MetricName"} and (others := sorted(members & _OF_ONE_METRIC)):
        return f"You cannot specify {', '.join(others)} together with {max(kinds)}."
    return None


@rule(
    f"{_ALARMS} PutCompositeAlarm",
    "ValidationError",
    "cds-snc/notification-terraform/pull/128",
)
def invalid_action(request: Request) -> str | None:
    """The actions of an alarm are ARNs of its region."""
    for action in (each for name in _ACTIONS for each in request.params.get(name) or ()):
        arn = str(action).split(":")
        if arn[0] != "arn" or len(arn) < 6:
            return f"Invalid arn syntax: {action}"
        if arn[3] and arn[3] != request.region:
            return f"Invalid region {arn[3]} specified. Only {request.region} is supported."
    return None


@rule("sns Subscribe", "InvalidParameter", "argoproj/argo-events/issues/414")
def invalid_endpoint(request: Request) -> str | None:
    """A subscription has one of nine protocols, and an endpoint that fits it."""
    protocol, endpoint = request.params["Protocol"], request.params.get("Endpoint") or ""
    if protocol not in _ENDPOINTS:
        return f"Invalid parameter: Does not support this protocol string: {protocol}"
    if re.fullmatch(_ENDPOINTS[protocol], endpoint):
        return None
    if protocol.startswith("email"):
        return "Invalid parameter: Email address"
    return "Invalid parameter: Endpoint must match the specified protocol"


@rule(
    "sns CreateTopic SetTopicAttributes",
    "InvalidParameter",
    "sns/latest/api/API_SetTopicAttributes.html",
)
def unknown_attribute(request: Request) -> str | None:
    """An attribute of a topic is one of those of SNS."""
    if all(_ATTRIBUTE.fullmatch(name) for name in _attributes(request)):
        return None
    return "Invalid parameter: AttributeName"


@rule("sns CreateTopic SetTopicAttributes", "InvalidParameter", "getlift/lift/issues/348")
def invalid_attribute(request: Request) -> str | None:
    """An attribute of a topic has a valid value; a display name has at most 100 characters."""
    for name, value in _attributes(request).items():
        if value and not re.fullmatch(_VALUES.get(name, ".*"), value, re.DOTALL):
            return f"Invalid parameter: Attributes Reason: {name}"
    return None


@rule("sns CreateTopic", "InvalidParameter", "localstack/localstack/issues/2405")
def other_tags(request: Request) -> str | None:
    """A topic that exists is not created again with other tags."""
    topics = request.of(sns_backends).topics.values()
    topic = next((each for each in topics if each.name == request.params["Name"]), None)
    tags = {tag["Key"]: tag.get("Value", "") for tag in request.params.get("Tags") or ()}
    if topic is None or tags.items() <= topic._tags.items():
        return None
    return "Invalid parameter: Tags Reason: Topic already exists with different tags"


@rule("events PutTargets", "ValidationException", "eventbridge/latest/APIReference/API_Target.html")
def invalid_input(request: Request) -> str | None:
    """A target gets a JSON text, a part of the event, or a template filled from it; one of them."""
    for target in request.params["Targets"]:
        kinds = [k for k in ("Input", "InputPath", "InputTransformer") if target.get(k) is not None]
        if len(kinds) > 1:
            return (
                "Only one of Input, InputPath, or InputTransformer must be provided for target "
                f"{target['Id']}."
            )
        try:
            json.loads(target.get("Input") or "{}")
        except ValueError as error:
            return f"JSON syntax error in input for target {target['Id']}: {error}"
    return None


@rule("events PutRule PutTargets", "ValidationException", "Miserlou/Zappa/issues/381")
def untrusting_role(request: Request) -> str | None:
    """EventBridge may take the role of a rule or of a target."""
    for each in (request.params, *(request.params.get("Targets") or ())):
        role, service = each.get("RoleArn"), "events.amazonaws.com"
        if role and not policies.trusts(request, role, service):
            return f"Provided role '{role}' cannot be assumed by principal '{service}'."
    return None


@rule("events PutTargets", "LimitExceededException", "aws-cloudformation/cfn-lint/issues/306")
def too_many_targets(request: Request) -> str | None:
    """A rule has at most five targets."""
    buses, params = request.of(events_backends).event_buses, request.params
    bus = buses.get(str(params.get("EventBusName") or "default").rpartition("/")[2])
    kept = getattr(bus.rules.get(params["Rule"]) if bus else None, "targets", ())
    names = {target["Id"] for target in (*kept, *params["Targets"])}
    if len(names) <= _MOST_TARGETS:
        return None
    return "The requested resource exceeds the maximum number allowed."


def _attributes(request: Request) -> Mapping[str, str]:
    """Return the attributes of a topic that a request sets."""
    params = request.params
    name = params.get("AttributeName")
    return {name: params.get("AttributeValue") or ""} if name else params.get("Attributes") or {}
