"""The local CloudWatch Logs has data-protection policies, and changes filters, unlike moto.

"API" is the API Reference of CloudWatch Logs, at the operation that is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

CARD = "arn:aws:dataprotection::aws:data-identifier/CreditCardNumber"
OTHER = "arn:aws:dataprotection::aws:data-identifier/EmailAddress"
AUDIT = {"DataIdentifier": [CARD], "Operation": {"Audit": {"FindingsDestination": {}}}}
MASK = {"DataIdentifier": [CARD], "Operation": {"Deidentify": {"MaskConfig": {}}}}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Name": "x", "Version": "2021-06-01", "Statement": statements})


@pytest.fixture
def logs(client: Callable[..., Any]) -> Any:
    return client("logs")


@pytest.fixture
def group(logs: Any) -> Iterator[str]:
    name = "/aws/rds/instance/x/postgresql"
    logs.create_log_group(logGroupName=name)
    yield name
    logs.delete_log_group(logGroupName=name)


def test_policy_is_stored_and_deleted(logs: Any, group: str) -> None:
    """API, PutDataProtectionPolicy, policyDocument: "Specify the data protection policy, in
    JSON". API, GetDataProtectionPolicy: without a policy, no policyDocument."""
    assert "policyDocument" not in logs.get_data_protection_policy(logGroupIdentifier=group)
    text = policy(AUDIT, MASK)
    logs.put_data_protection_policy(logGroupIdentifier=group, policyDocument=text)
    assert logs.get_data_protection_policy(logGroupIdentifier=group)["policyDocument"] == text
    logs.delete_data_protection_policy(logGroupIdentifier=group)
    assert "policyDocument" not in logs.get_data_protection_policy(logGroupIdentifier=group)


@pytest.mark.parametrize(
    "text",
    [
        policy(AUDIT),
        policy(MASK, AUDIT),
        policy(AUDIT, MASK | {"DataIdentifier": [OTHER]}),
        policy({}, {}),
        "{",
    ],
    ids=["no mask", "wrong order", "other identifiers", "empty statements", "no JSON"],
)
def test_policy_audits_and_masks_the_same(logs: Any, group: str, text: str) -> None:
    """API, PutDataProtectionPolicy, policyDocument: "The DataIdentifer array must exactly match
    the DataIdentifer array in the first block of the policy"."""
    with pytest.raises(ClientError) as refused:
        logs.put_data_protection_policy(logGroupIdentifier=group, policyDocument=text)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_policy_needs_its_log_group(logs: Any) -> None:
    """API, PutDataProtectionPolicy, errors: ResourceNotFoundException."""
    with pytest.raises(ClientError) as refused:
        logs.put_data_protection_policy(
            logGroupIdentifier="none", policyDocument=policy(AUDIT, MASK)
        )
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_log_group_gets_another_key(logs: Any, group: str, key: str) -> None:
    """API, AssociateKmsKey, logGroupName and kmsKeyId."""
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key)
    [found] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["kmsKeyId"] == key
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.associate_kms_key(logGroupName="none", kmsKeyId=key)


def test_changed_filter_replaces_the_one_of_its_name(logs: Any, group: str) -> None:
    """API, PutMetricFilter: "Creates or updates a metric filter"."""
    metric = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    for name, pattern in (("a", "old"), ("b", "other"), ("a", "new")):
        logs.put_metric_filter(
            logGroupName=group,
            filterName=name,
            filterPattern=pattern,
            metricTransformations=[metric],
        )
    filters = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    assert {(each["filterName"], each["filterPattern"]) for each in filters} == {
        ("a", "new"),
        ("b", "other"),
    }
    assert len(filters) == 2
