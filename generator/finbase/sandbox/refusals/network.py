"""Rules about what the subnets and security groups of a resource must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.elasticache.models import elasticache_backends

from finbase.sandbox.refusals.rule import VALUE, Request, rule


@rule(
    "lambda CreateFunction UpdateFunctionConfiguration",
    "InvalidParameterValueException",
    "lambda/latest/api/API_VpcConfig.html",
)
def unusable_network(request: Request) -> str | None:
    """The subnets and security groups of a function exist in one VPC."""
    return problem(request, *_of_function(request))


@rule(
    "lambda CreateFunction UpdateFunctionConfiguration",
    "InvalidParameterValueException",
    "aws/aws-sdk-js/issues/1293",
)
def half_network(request: Request) -> str | None:
    """A function has both subnets and security groups, or neither."""
    subnets, groups = _of_function(request)
    if bool(subnets) == bool(groups):
        return None
    return "SubnetIds and SecurityIds must coexist or be both empty list."


@rule(
    "elasticache CreateServerlessCache ModifyServerlessCache",
    VALUE,
    "AmazonElastiCache/latest/APIReference/API_CreateServerlessCache.html",
)
def unusable_cache_network(request: Request) -> str | None:
    """The subnets and security groups of a cache exist in one VPC."""
    params, caches = request.params, request.of(elasticache_backends).serverless_caches
    cache = caches.get(params["ServerlessCacheName"])
    subnets: Iterable[str] = params.get("SubnetIds") or getattr(cache, "subnet_ids", None) or ()
    return problem(request, subnets, params.get("SecurityGroupIds") or ())


@rule(
    "ec2 CreateRouteTable CreateSecurityGroup CreateSubnet",
    "InvalidVpcID.NotFound",
    "AWSEC2/latest/APIReference/errors-overview.html",
)
def missing_vpc(request: Request) -> str | None:
    """The VPC of a subnet, a route table or a security group exists."""
    vpc = request.params.get("VpcId")
    known = not vpc or vpc in request.of(ec2_backends).vpcs
    return None if known else f"The vpc ID '{vpc}' does not exist"


@rule(
    "ec2 CreateVpcEndpoint ModifyVpcEndpoint",
    "InvalidSecurityGroupID.NotFound",
    "AWSEC2/latest/APIReference/errors-overview.html",
)
def missing_endpoint_group(request: Request) -> str | None:
    """The security groups of an endpoint exist."""
    return problem(request, (), _groups_of_endpoint(request), same=False)


@rule(
    "ec2 CreateVpcEndpoint ModifyVpcEndpoint",
    "InvalidParameter",
    "AWSEC2/latest/APIReference/errors-overview.html",
)
def endpoint_in_other_network(request: Request) -> str | None:
    """The subnets, security groups and route tables of an endpoint are in its VPC."""
    backend, params = request.of(ec2_backends), request.params
    endpoint = backend.vpc_end_points.get(params.get("VpcEndpointId"))
    vpc = params.get("VpcId") or getattr(endpoint, "vpc_id", None)
    subnets = params.get("SubnetIds") or params.get("AddSubnetIds") or ()
    tables = params.get("RouteTableIds") or params.get("AddRouteTableIds") or ()
    known = [backend.route_tables[name].vpc_id for name in tables if name in backend.route_tables]
    return problem(request, subnets, _groups_of_endpoint(request), [vpc, *known], exist=False)


def problem(
    request: Request,
    subnets: Iterable[str],
    groups: Iterable[str],
    vpcs: Iterable[str | None] = (),
    *,
    exist: bool = True,
    same: bool = True,
) -> str | None:
    """Return what is wrong with the subnets and security groups of a resource, or None.

    ``vpcs`` are VPCs in which the resource is, too. What must ``exist`` is missing otherwise, and
    all must be in the ``same`` VPC.
    """
    backend, places = request.of(ec2_backends), {vpc for vpc in vpcs if vpc}
    known = {name: each for by_zone in backend.subnets.values() for name, each in by_zone.items()}
    found = [("subnet", name, known.get(name)) for name in subnets]
    found += [("security group", name, backend.get_security_group_from_id(name)) for name in groups]
    for kind, name, each in found:
        if each is not None:
            places.add(each.vpc_id)
        elif exist:
            return f"The {kind} '{name}' does not exist"
    if same and len(places) > 1:
        return f"The resources belong to different networks: {', '.join(sorted(places))}"
    return None


def _of_function(request: Request) -> tuple[list[str], list[str]]:
    network: Mapping[str, Any] = request.params.get("VpcConfig") or {}
    return network.get("SubnetIds") or [], network.get("SecurityGroupIds") or []


def _groups_of_endpoint(request: Request) -> list[str]:
    params = request.params
    return params.get("SecurityGroupIds") or params.get("AddSecurityGroupIds") or []
