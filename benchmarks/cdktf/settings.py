# mypy: ignore-errors
"""What ``environments/development.yaml`` says, with the defaults of the modules it pins."""

from __future__ import annotations

import json

NAME = "ledger-development"
REGION = "eu-west-1"
ACCOUNT = "777788889999"
CIDR = "10.40.0.0/20"
ZONES = {
    "eu-west-1a": ("10.40.0.0/26", "10.40.4.0/22", "10.40.1.0/26"),
    "eu-west-1b": ("10.40.0.64/26", "10.40.8.0/22", "10.40.1.64/26"),
}
"""Zone → ranges of the public, the private and the database subnet."""

INTERFACE_ENDPOINTS = ("kms", "logs", "monitoring", "secretsmanager", "sts")
LOG_DAYS = 365
TAGS = {
    "Project": "ledger",
    "Environment": "development",
    "Owner": "payments-platform",
    "DataClassification": "internal",
    "CostCentre": "CC-4712",
    "ManagedBy": "cdktf",
}
DATABASE_PORT = 5432
USERNAME = "ledger_owner"
DATABASE_NAME = "ledger"


def tag(name: str = "") -> dict[str, str]:
    """Name a resource of the stack."""
    return {"Name": f"{NAME}-{name}" if name else NAME}


def policy(*statements: dict[str, object]) -> str:
    """Write a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str) -> str:
    """Write the document that lets a service assume a role."""
    return policy(
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    )
