"""The local Secrets Manager runs a secret's function by itself, as AWS does.

"API" is the API Reference of Secrets Manager, at the operation that is named; "Guide" is its User
Guide; "observed" is what users of AWS report, and no page of it tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from finbase.render.archive import pack
from finbase.sandbox.server import Sandbox, rotations

# Without boto3, which takes longer to import than all else takes.
SOURCE = b"""
import json, os, urllib.request

def call(operation, **given):
    key, region = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_REGION"]
    scope = f"{key}/20260101/{region}/secretsmanager/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=, Signature=",
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "secretsmanager." + operation,
    }
    body = json.dumps(given).encode()
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], body, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)

def handler(event, context):
    arn, token = event["SecretId"], event["ClientRequestToken"]
    stages = call("DescribeSecret", SecretId=arn)["VersionIdsToStages"]
    assert "AWSPENDING" in stages[token], stages
    current = next(v for v, labels in stages.items() if "AWSCURRENT" in labels)
    value = call("GetSecretValue", SecretId=arn)["SecretString"]
    if event["Step"] == "createSecret":
        call(
            "PutSecretValue", SecretId=arn, ClientRequestToken=token, SecretString=value + "+",
            VersionStages=["AWSPENDING"],
        )
    elif event["Step"] == "setSecret" and value == "broken":
        raise ValueError("the database is away")
    elif event["Step"] == "finishSecret":
        call(
            "UpdateSecretVersionStage", SecretId=arn, VersionStage="AWSCURRENT",
            MoveToVersionId=token, RemoveFromVersionId=current,
        )
"""
RULES = {"AutomaticallyAfterDays": 30}


@pytest.fixture(scope="module")
def secrets(client: Callable[..., Any]) -> Any:
    return client("secretsmanager")


@pytest.fixture
def function(client: Callable[..., Any], role: str, name: str) -> str:
    made = client("lambda").create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.13",
        Handler="rotates.handler",
        Timeout=20,
        Code={"ZipFile": pack({"rotates.py": SOURCE})},
    )
    return str(made["FunctionArn"])


@pytest.fixture
def allowed(client: Callable[..., Any], function: str) -> str:
    """A function that Secrets Manager may invoke."""
    client("lambda").add_permission(
        FunctionName=function,
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    return function


def ended(sandbox: Sandbox, version: str) -> dict[str, Any]:
    """Wait for the end of the rotation to that version."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for rotation in rotations(sandbox):
            if rotation["version"] == version and rotation["state"] != "running":
                return dict(rotation)
        time.sleep(0.05)
    raise AssertionError(f"the rotation to {version} has not ended")


def test_rotate_secret_runs_function(
    secrets: Any, sandbox: Sandbox, allowed: str, name: str
) -> None:
    """API, RotateSecret: "starts the asynchronous process of rotating the secret";
    RotateImmediately: "If you don't specify this value, Secrets Manager rotates the secret
    immediately"."""
    secrets.create_secret(Name=name, SecretString="one")
    begun = secrets.rotate_secret(SecretId=name, RotationLambdaARN=allowed, RotationRules=RULES)
    rotation = ended(sandbox, begun["VersionId"])
    assert (rotation["state"], rotation["step"]) == ("succeeded", "finishSecret"), rotation
    current = secrets.get_secret_value(SecretId=name)
    assert (current["VersionId"], current["SecretString"]) == (begun["VersionId"], "one+")
    previous = secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")
    assert previous["SecretString"] == "one"


def test_rotate_later_tests_only(secrets: Any, sandbox: Sandbox, allowed: str, name: str) -> None:
    """API, RotateSecret, RotateImmediately: "Secrets Manager tests the rotation configuration by
    running the testSecret step of the Lambda rotation function. This test creates an AWSPENDING
    version of the secret and then removes it"."""
    secrets.create_secret(Name=name, SecretString="one")
    begun = secrets.rotate_secret(
        SecretId=name, RotationLambdaARN=allowed, RotationRules=RULES, RotateImmediately=False
    )
    rotation = ended(sandbox, begun["VersionId"])
    assert (rotation["state"], rotation["step"]) == ("succeeded", "testSecret"), rotation
    described = secrets.describe_secret(SecretId=name)
    assert list(described["VersionIdsToStages"].values()) == [["AWSCURRENT"]]
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "one"


def test_rotate_failure_stays_pending(
    secrets: Any, sandbox: Sandbox, allowed: str, name: str
) -> None:
    """API, RotateSecret: "When rotation is unsuccessful, the AWSPENDING staging label might be
    attached to an empty secret version", or one that createSecret has written. AWS then does the
    whole rotation again (Guide, "Rotation by Lambda function"), and nothing here does."""
    secrets.create_secret(Name=name, SecretString="broken")
    begun = secrets.rotate_secret(SecretId=name, RotationLambdaARN=allowed, RotationRules=RULES)
    rotation = ended(sandbox, begun["VersionId"])
    assert (rotation["state"], rotation["step"]) == ("failed", "setSecret")
    assert "the database is away" in rotation["error"]
    stages = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert stages[begun["VersionId"]] == ["AWSPENDING"]
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "broken"


def test_rotate_refuses_forbidden_function(secrets: Any, function: str, name: str) -> None:
    """Guide, "Troubleshoot AWS Secrets Manager rotation": access is denied where the function's
    policy does not let the principal secretsmanager.amazonaws.com invoke it. The error's name and
    its text are observed."""
    secrets.create_secret(Name=name, SecretString="one")
    with pytest.raises(ClientError, match="AccessDenied") as caught:
        secrets.rotate_secret(SecretId=name, RotationLambdaARN=function, RotationRules=RULES)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "RotationEnabled" not in secrets.describe_secret(SecretId=name)
