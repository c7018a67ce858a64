"""Rules about the endpoints of services, and the buckets that their policies name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from finbase.environment.model import Environment
from finbase.environment.rules.inputs import texts, texts_of
from finbase.environment.rules.rule import AWS, Finding, Findings, rule

_GATEWAYS: Final = ("s3", "dynamodb")
_RESERVED_BUCKET = re.compile(
    r"^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$|\.\."
    r"|^\d+\.\d+\.\d+\.\d+$"
)
_MOST_OF_POLICY: Final = 20_480
_LONG_BUCKET: Final = "mirror-of-the-package-repositories-in-eu-central-1"
_POLICY_OF_NONE: Final = 500
"""Characters of the policy without readable buckets, at least."""
_FULL_NAME = re.compile(r"(^|\.)((com|cn|aws|amazonaws|vpce)\.|[a-z]+(-[a-z]+)+-[0-9]+(\.|$))|\.$")
"""What only the full name of a service has: a domain, or a region."""


@rule(
    "FB208",
    "service without an endpoint of its own",
    "network.interface_endpoints",
    why="The network has a gateway endpoint for S3. AWS rejects the private name of an interface "
    "endpoint for S3 before that one exists, and DynamoDB is reached by a gateway endpoint, too. "
    "The module adds `com.amazonaws.` and the region to a name, so a full name would be doubled.",
    source=f"{AWS}vpc/latest/privatelink/gateway-endpoints.html",
    accepted={"network.interface_endpoints": ["secretsmanager", "sqs"]},
    refused={"network.interface_endpoints": ["secretsmanager", "s3"]},
    yaml_only="the list of services is data of finbase",
)
def no_gateway_service(environment: Environment) -> Findings:
    """Interface endpoints must be the short names of services without a gateway endpoint."""
    known = (*_GATEWAYS, *environment.catalogue.endpoints())
    for where, name in texts(environment, "network.interface_endpoints"):
        service = _short(name, known)
        if service in _GATEWAYS:
            message = f"{service} has a gateway endpoint, so it needs no interface endpoint"
            yield Finding(where, message, f"remove {name}")
        elif service != name:
            message = f"{name} is a full service name; the module adds the prefix and region"
            example = service or "the service alone, such as secretsmanager"
            yield Finding(where, message, f"write {example}")


@rule(
    "FB209",
    "name that no bucket can have",
    "state",
    "network.readable_buckets",
    why="S3 reserves these names for access points, tables and its own use, and refuses two dots "
    "together and IP addresses. A plan checks none of this.",
    source=f"{AWS}AmazonS3/latest/userguide/bucketnamingrules.html",
    accepted={"network.readable_buckets": ["al2023-repos-eu-west-1-de612dc2"]},
    refused={"network.readable_buckets": ["amzn-s3-demo-bucket"]},
    yaml_only="the list of reserved names is data of finbase",
)
def bucket_names(environment: Environment) -> Findings:
    """Names of buckets must not be reserved by S3."""
    state = (("state", "bucket"), environment.state.get("bucket"))
    for where, name in (state, *texts(environment, "network.readable_buckets")):
        if isinstance(name, str) and (reserved := _RESERVED_BUCKET.search(name)):
            message = f"S3 has no bucket named {name}, because of `{reserved[0]}`"
            yield Finding(where, message, "write the name of the bucket as S3 lists it")


@rule(
    "FB210",
    "policy of the S3 endpoint is too long",
    "network.readable_buckets",
    why="AWS rejects the policy of an endpoint above 20,480 characters at apply, when the VPC "
    "already exists. The policy names each bucket.",
    source=f"{AWS}vpc/latest/privatelink/vpc-limits-endpoints.html",
    accepted={"network.readable_buckets": [f"{_LONG_BUCKET}-{n:03}" for n in range(250)]},
    refused={"network.readable_buckets": [f"{_LONG_BUCKET}-{n:03}" for n in range(300)]},
    yaml_only="Terraform builds the policy from values that AWS returns",
)
def endpoint_policy(environment: Environment) -> Findings:
    """The policy of the S3 endpoint must have at most 20,480 characters."""
    start = f"arn:{environment.partition}:s3:::"
    for use, instance in environment.instances("network"):
        buckets = texts_of(use, instance, "readable_buckets")
        accounts = texts_of(use, instance, "reachable_account_ids")
        length = _POLICY_OF_NONE + sum(len(f'"{start}{name}/*",') for name in buckets)
        length += len('"000000000000",') * len(accounts)
        if length > _MOST_OF_POLICY:
            message = f"the policy of the S3 endpoint needs {length} characters, more than 20,480"
            hint = "list fewer buckets, or mirror the packages in one bucket"
            yield Finding(use.where(instance, "readable_buckets"), message, hint, key=True)


def _short(name: str, known: Iterable[str]) -> str:
    """Return the known service of a full name, or an empty text; other names are returned.

    >>> known = ["ecr.api", "kms"]
    >>> _short("com.amazonaws.eu-west-1.ecr.api", known), _short("eu-west-1.kms", known)
    ('ecr.api', 'kms')
    >>> _short("com.amazonaws.vpce.eu-west-1.vpce-svc-0123", known), _short("newer", known)
    ('', 'newer')
    """
    if not _FULL_NAME.search(name):
        return name
    end = f".{name.rstrip('.')}"
    return max((k for k in known if end.endswith(f".{k}")), key=len, default="")
