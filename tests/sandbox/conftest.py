"""One local AWS for all tests of the folder; each makes its own things in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from finbase.sandbox.refusals.rule import Rule
from finbase.sandbox.server import Sandbox, running

ACCOUNT, REGION = "777788889999", "eu-west-1"


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("aws"), account_id=ACCOUNT, region=REGION) as served:
        yield served


@pytest.fixture(scope="session")
def client(sandbox: Sandbox) -> Callable[..., Any]:
    """Make a client of a service; options are those of its ``Config``."""

    @cache
    def make(service: str, **options: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=sandbox.url,
            region_name=REGION,
            aws_access_key_id=sandbox.key,
            aws_secret_access_key=sandbox.key,
            config=Config(retries={"total_max_attempts": 1}, **options),
        )

    return make


@pytest.fixture(scope="session")
def rules() -> Mapping[str, Rule]:
    """The rules by name. moto's models, which they import, take half a second in each worker."""
    from finbase.sandbox.refusals.table import RULES

    rules = {rule.name: rule for rule in RULES}
    assert len(rules) == len(RULES)
    return rules


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def role(client: Callable[..., Any]) -> str:
    """The ARN of a role that Lambda may take."""
    return _role(client, "functions", "lambda.amazonaws.com")


@pytest.fixture(scope="session")
def monitoring_role(client: Callable[..., Any]) -> str:
    """The ARN of a role that Enhanced Monitoring may take."""
    return _role(client, "monitoring", "monitoring.rds.amazonaws.com")


def _role(client: Callable[..., Any], name: str, service: str) -> str:
    principal = {"Effect": "Allow", "Principal": {"Service": service}}
    trust = {"Version": "2012-10-17", "Statement": [principal | {"Action": "sts:AssumeRole"}]}
    made = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    return str(made["Role"]["Arn"])


@pytest.fixture(scope="session")
def key(client: Callable[..., Any]) -> str:
    """The ARN of a key that CloudWatch Logs may use."""
    use = {"Effect": "Allow", "Resource": "*", "Action": "kms:*"}
    account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    logs = {"Service": f"logs.{REGION}.amazonaws.com"}
    statements = [use | {"Principal": account}, use | {"Principal": logs}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return str(client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"])


@pytest.fixture(scope="session")
def subnets(client: Callable[..., Any]) -> list[str]:
    """Two subnets in two zones of a VPC of their own."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/24")["Vpc"]["VpcId"]
    return [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.9.0.{start}/26", AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for start, zone in ((0, "a"), (64, "b"))
    ]


@pytest.fixture(scope="session")
def vpc(client: Callable[..., Any], subnets: list[str]) -> str:
    described = client("ec2").describe_subnets(SubnetIds=subnets)
    return str(described["Subnets"][0]["VpcId"])


@pytest.fixture(scope="session")
def folder(sandbox: Sandbox) -> Path:
    """The server's own folder."""
    return sandbox.log.parent
