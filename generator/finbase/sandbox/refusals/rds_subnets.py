"""Rules about the subnet groups of RDS."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends

from finbase.sandbox.refusals import ec2
from finbase.sandbox.refusals.rds_state import named
from finbase.sandbox.refusals.rule import API, VALUE, Request, rule


@rule("rds CreateDBSubnetGroup", "DBSubnetGroupAlreadyExists", f"{API}CreateDBSubnetGroup.html")
def subnet_group_exists(request: Request) -> str | None:
    """A subnet group has a name of its own."""
    name = request.params["DBSubnetGroupName"]
    return f"The DB subnet group '{name}' already exists." if _group(request, name) else None


@rule(
    "rds CreateDBSubnetGroup ModifyDBSubnetGroup", "InvalidSubnet", f"{API}CreateDBSubnetGroup.html"
)
def unusable_subnets(request: Request) -> str | None:
    """The subnets of a group exist, and are in one VPC."""
    found = {name: ec2.subnet(request, name) for name in request.params["SubnetIds"]}
    if missing := [name for name, subnet in found.items() if subnet is None]:
        return f"Some input subnets in :{missing} are invalid."
    if len({subnet.vpc_id for subnet in found.values()}) > 1:
        return f"Subnets {sorted(found)} are not all in a common VPC."
    return None


@rule("rds DeleteDBSubnetGroup", "InvalidDBSubnetGroupStateFault", f"{API}DeleteDBSubnetGroup.html")
def subnets_in_use(request: Request) -> str | None:
    """A subnet group that an instance uses is not deleted."""
    name = request.params.get("DBSubnetGroupName")
    for instance in request.of(rds_backends).databases.values():
        if getattr(getattr(instance, "db_subnet_group", None), "name", None) == name:
            return (
                f"Cannot delete the subnet group '{name}' because at least one database instance: "
                f"{instance.db_instance_identifier} is still using it."
            )
    return None


@rule(
    "rds CreateDBSubnetGroup ModifyDBSubnetGroup",
    "DBSubnetGroupDoesNotCoverEnoughAZs",
    "terraform-aws-modules/terraform-aws-vpc/issues/821",
)
def one_zone(request: Request) -> str | None:
    """A database's subnets are in two zones at least."""
    subnets = {*request.params["SubnetIds"]}
    known = ec2.zones(request, subnets)
    zones = sorted({*known})
    if len(zones) > 1 or len(known) < len(subnets):
        return None
    return (
        "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ "
        f"coverage: {', '.join(zones)}. Add subnets to cover at least 2 AZs."
    )


@rule("rds ModifyDBSubnetGroup", VALUE, "hashicorp/terraform-provider-aws/issues/27459")
def subnets_of_other_network(request: Request) -> str | None:
    """A subnet group stays in its VPC."""
    group = _group(request, request.params["DBSubnetGroupName"])
    new = [ec2.subnet(request, name) for name in request.params["SubnetIds"]]
    if group is None or all(subnet.vpc_id == group.vpc_id for subnet in new if subnet):
        return None
    return "The new Subnets are not in the same Vpc as the existing subnet group"


@rule("rds ModifyDBSubnetGroup", "SubnetAlreadyInUse", f"{API}ModifyDBSubnetGroup.html")
def used_subnet(request: Request) -> str | None:
    """A subnet group keeps the subnets of its instances, which are in their zones."""
    group = _group(request, request.params["DBSubnetGroupName"])
    if group is None:
        return None
    old = (each["SubnetIdentifier"] for each in group.subnets)
    dropped = [each for each in old if each not in request.params["SubnetIds"]]
    for name in dropped:
        zone = getattr(ec2.subnet(request, name), "availability_zone", None)
        for instance in request.of(rds_backends).databases.values():
            own = getattr(instance, "db_subnet_group", None)
            if own is group and instance.availability_zone == zone:
                return (
                    f"Some of the subnets to be deleted are currently in use: {name} by "
                    f"{instance.db_instance_identifier}"
                )
    return None


@rule(
    "rds ModifyDBInstance",
    "InvalidVPCNetworkStateFault",
    "hashicorp/terraform-provider-aws/issues/512",
)
def same_network(request: Request) -> str | None:
    """An instance moves to a subnet group of another VPC only."""
    own = getattr(named(request), "db_subnet_group", None)
    new = _group(request, request.params.get("DBSubnetGroupName"))
    if own is None or new is None or new.vpc_id != own.vpc_id:
        return None
    if new is own:
        return "The specified DB instance is already in the target DB subnet group."
    return (
        f"You cannot move DB instance {request.params['DBInstanceIdentifier']} to subnet group "
        f"{new.name}. The specified DB subnet group and DB instance are in the same VPC. Choose a "
        "DB subnet group in different VPC than the specified DB instance and try again."
    )


@rule(
    "rds CreateDBInstance RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime",
    "InvalidVPCNetworkStateFault",
    "confluentinc/examples/pull/1028",
)
def no_way_in(request: Request) -> str | None:
    """A public instance is in a VPC with an internet gateway."""
    group = _group(request, request.params.get("DBSubnetGroupName"))
    if group is None or not request.params.get("PubliclyAccessible"):
        return None
    gateways = request.of(ec2_backends).internet_gateways.values()
    if any(gateway.vpc is not None and gateway.vpc.id == group.vpc_id for gateway in gateways):
        return None
    return (
        "Cannot create a publicly accessible DBInstance. The specified VPC has no internet gateway "
        "attached. Update the VPC and then try again"
    )


def _group(request: Request, name: str | None) -> Any:
    return request.of(rds_backends).subnet_groups.get(name or "")
