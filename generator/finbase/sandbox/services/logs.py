"""Correct CloudWatch Logs: policies and later keys of log groups, and filters that are changed.

The local AWS masks nothing: it stores the policy, so that Terraform reads what it wrote.

Docstrings name the operation in the API Reference of CloudWatch Logs that describes the behaviour.
"""

from __future__ import annotations

import json
import time
from typing import Any

from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
from moto.logs.metric_filters import MetricFilters
from moto.logs.responses import LogsResponse

_append = MetricFilters.add_filter


def install() -> None:
    """Add the operations; call this before the first request."""
    LogsResponse.put_data_protection_policy = _put  # type: ignore[attr-defined]
    LogsResponse.get_data_protection_policy = _shown  # type: ignore[attr-defined]
    LogsResponse.delete_data_protection_policy = _delete  # type: ignore[attr-defined]
    LogsResponse.associate_kms_key = _associate  # type: ignore[attr-defined]
    MetricFilters.add_filter = _replace  # type: ignore[assignment,method-assign]


def _replace(self: MetricFilters, name: str, pattern: str, group: str, metrics: str) -> None:
    """PutMetricFilter: update the filter of the log group that has the name, or create it."""
    self.metric_filters = [
        each
        for each in self.metric_filters
        if (each["filterName"], each["logGroupName"]) != (name, group)
    ]
    _append(self, name, pattern, group, metrics)


def _put(self: LogsResponse) -> str:
    """PutDataProtectionPolicy: a policy audits and de-identifies the same identifiers."""
    group, text = _group(self), self._get_param("policyDocument")
    try:
        statements = json.loads(text)["Statement"]
        audit, mask = (statement["DataIdentifier"] for statement in statements)
        operations = [key for statement in statements for key in statement["Operation"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidParameterException("Invalid policy document") from error
    if operations != ["Audit", "Deidentify"] or audit != mask:
        raise InvalidParameterException("Invalid policy document")
    group.data_protection_policy = text, int(time.time() * 1000)
    return _shown(self)


def _delete(self: LogsResponse) -> str:
    """DeleteDataProtectionPolicy: remove the policy of a log group."""
    _group(self).data_protection_policy = None
    return ""


def _associate(self: LogsResponse) -> str:
    """AssociateKmsKey: use a key for the data that the log group gets from now on."""
    group = self.logs_backend.groups.get(self._get_param("logGroupName"))
    if group is None:
        raise ResourceNotFoundException
    group.kms_key_id = self._get_param("kmsKeyId")
    return ""


def _shown(self: LogsResponse) -> str:
    """GetDataProtectionPolicy: answer without a document if the log group has no policy."""
    answer = {"logGroupIdentifier": self._get_param("logGroupIdentifier")}
    if policy := getattr(_group(self), "data_protection_policy", None):
        answer |= {"policyDocument": policy[0], "lastUpdatedTime": policy[1]}
    return json.dumps(answer)


def _group(self: LogsResponse) -> Any:
    """Return the log group that ``logGroupIdentifier`` names, by its name or its ARN."""
    name = self._get_param("logGroupIdentifier").removesuffix(":*").rpartition(":")[2]
    group = self.logs_backend.groups.get(name)
    if group is None:
        raise ResourceNotFoundException
    return group
