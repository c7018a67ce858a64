"""Find what a module of the project itself could write into the metrics of the design's alarms.

One such value, for example a negative one, can keep an alarm silent. CloudWatch accepts metrics by
``PutMetricData``, from metric filters, and from JSON in any log line of a log group of the standard
class. Groups of the class for infrequent access have no metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import arns
from beside import of_own_modules
from design_calls import is_of_design
from grants import Grant
from stack_graph import UNKNOWN, Resource, Stack, shown

_GROUP = "aws_cloudwatch_log_group"
_NO_METRICS = "INFREQUENT_ACCESS"
_LOG = re.compile(r"arn:[\w-]+:logs:[\w-]+:\d{12}:log-group:([\w./#-]+)(:\*|:log-stream:.*)?")


def silencing(stack: Stack) -> Iterator[str]:
    """Yield filters, log groups and targets of events that could write metrics of the design."""
    for resource in of_own_modules(stack):
        if resource.type == "aws_cloudwatch_log_metric_filter":
            for space in _namespaces(resource):
                if _is_taken(stack, space):
                    text = f"the namespace {shown(space)} may have metrics of the design"
                    yield f"{resource.address}: {text}; write another one, as a literal"
        elif resource.type == _GROUP and not _has_no_metrics(resource):
            text = "lines of its log can write metrics of any namespace, and silence an alarm"
            yield f"{resource.address}: {text}; set log_group_class to {_NO_METRICS}"
        elif resource.type == "aws_cloudwatch_event_target":
            arn = str(resource.planned("arn"))
            if ":log-group:" in arn and not any(_is_log_of(g, arn) for g in _own_groups(stack)):
                text = f"events in {arn} could write metrics of the design"
                yield f"{resource.address}: {text}; name a log group of the module"


def writes_metrics(stack: Stack, grant: Grant, action: str) -> Iterator[str]:
    """Yield why an action could write metrics of the design; nothing if it cannot."""
    if action.lower() == "cloudwatch:putmetricdata":
        spaces = grant.namespaces
        if not any(all(not _is_taken(stack, each) for each in values) for values in spaces):
            text = f"{action} could write metrics of the design, and silence an alarm"
            yield f"{text}; add a condition of cloudwatch:namespace, with names of your own"
    elif action.lower() == "logs:putlogevents":
        for resource in grant.resources:
            if not any(_is_log_of(group, resource) for group in _own_groups(stack)):
                text = (
                    f"{action} on {resource} could write metrics of the design, by lines of the log"
                )
                yield f"{text}; name a log group of the module, of the class {_NO_METRICS}"


def _own_groups(stack: Stack) -> Iterator[Resource]:
    for group in stack.all(_GROUP):
        if group.mode == "managed" and not is_of_design(stack, group) and _has_no_metrics(group):
            yield group


def _has_no_metrics(group: Resource) -> bool:
    return group.planned("log_group_class") == _NO_METRICS


def _is_log_of(group: Resource, resource: str) -> bool:
    """Return whether an address or an ARN in a policy is that of a group or of its streams only."""
    arn = _LOG.fullmatch(resource)
    return resource == group.address or (arn is not None and arn[1] == group.planned("name"))


def _namespaces(resource: Resource) -> Iterator[Any]:
    blocks = resource.planned("metric_transformation")
    if not isinstance(blocks, list):
        yield UNKNOWN
        return
    for n in range(len(blocks)):
        yield resource.planned(f"metric_transformation.{n}.namespace")


def _is_taken(stack: Stack, space: Any) -> bool:
    """Return whether the name or pattern of a namespace may be of AWS or of the design's alarms."""
    if not isinstance(space, str):
        return True
    taken = {
        str(alarm.planned("namespace"))
        for alarm in stack.all("aws_cloudwatch_metric_alarm")
        if is_of_design(stack, alarm)
    }
    starts = ("AWS/", "finbase/")
    return any(arns.of_text(space, name) for name in taken) or any(
        arns.of_text(space, start, more=True) for start in starts
    )
