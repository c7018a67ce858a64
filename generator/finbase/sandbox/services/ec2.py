"""Correct moto's EC2 where it differs from AWS and Terraform would notice.

Docstrings name the operation or data type in the API Reference of Amazon EC2 that describes the
behaviour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.core.responses import ActionResult
from moto.ec2 import models
from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import route_tables, security_groups, vpcs
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.transit_gateway import TransitGateway
from moto.ec2.models.vpc_peering_connections import VPCPeeringConnection
from moto.ec2.responses.transit_gateway_attachments import TransitGatewayAttachment
from moto.ec2.utils import generic_filter
from moto.elasticache.models import elasticache_backends
from moto.rds.models import rds_backends

from finbase.sandbox.services.backends import replace_backend

_OTHERS = "999988887777"
"""The account that owns what the stack only names."""
_GATEWAY = re.compile(r"tgw-[0-9a-f]{17}")
_PEERING = re.compile(r"pcx-([0-9a-f]{8}|[0-9a-f]{17})")
_PREFIX_LIST = 7
"""The position of the prefix list in the arguments of moto's rule."""


def install() -> None:
    """Replace moto's backend; call this before the first request."""
    # Its own endpoint service needs a package that is not installed; the general one does not.
    for services in (vpcs.IMPLEMENTED_ENDPOINT_SERVICES, vpcs.COVERED_ENDPOINT_SERVICES):
        services[:] = [name for name in services if name != "cloudformation"]
    security_groups.SecurityGroupRule = SecurityGroupRule  # type: ignore[misc]
    route_tables.RouteTable = RouteTable  # type: ignore[misc]
    replace_backend(models.ec2_backends, Backend)
    responses = TransitGatewayAttachment
    responses.create_transit_gateway_vpc_attachment = _attach  # type: ignore[method-assign]


class SecurityGroupRule(security_groups.SecurityGroupRule):
    """SecurityGroupRule: a rule has a description for any kind of source or target.

    Two rules that differ only in their descriptions are duplicates
    (AuthorizeSecurityGroupIngress, error code InvalidPermission.Duplicate).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.source_group = dict(self.source_group)
        prefix_list: dict[str, str] = (args[_PREFIX_LIST:] or [None])[0] or {}
        description = self.source_group.pop("Description", prefix_list.get("Description"))
        if description is not None:
            self.ip_range = {"Description": description}


class RouteTable(route_tables.RouteTable):
    """DescribeRouteTables, Filters: ``route.origin``, how a route was created."""

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        """Return what a filter compares."""
        if filter_name == "route.origin":
            return [route.origin for route in self.routes]
        return super().get_filter_value(filter_name, method_name)


class GatewayOfOthers(TransitGateway):
    """A transit gateway that another account shares; it accepts every attachment."""

    def __init__(self, backend: Any, id_: str) -> None:
        super().__init__(backend, None)
        self.id = id_

    @property
    def owner_id(self) -> str:
        """The owner, who is not the account of the stack: Terraform leaves its tables alone."""
        return _OTHERS


class Backend(models.EC2Backend):
    """Refuses to delete a resource that others use, with the error code DependencyViolation.

    It also lists the network interfaces of databases and caches.
    """

    __module__ = models.__name__  # moto finds the URLs of a service by its backend's module

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._managed: dict[tuple[str, str, str], NetworkInterface] = {}
        """The interfaces that other services have, by resource, kind and subnet."""

    def create_vpc_endpoint(self, *args: Any, **kwargs: Any) -> Any:
        """CreateVpcEndpoint, SecurityGroupIds: the groups of the endpoint's interfaces."""
        endpoint = super().create_vpc_endpoint(*args, **kwargs)
        for interface in endpoint.network_interface_ids or ():
            groups = [self.get_security_group_from_id(g) for g in endpoint.security_group_ids]
            self.enis[interface]._group_set = groups or self.enis[interface]._group_set
        return endpoint

    def modify_vpc_endpoint(self, vpc_id: str, *args: Any, **kwargs: Any) -> None:
        """ModifyVpcEndpoint, AddRouteTableIds: a gateway endpoint adds a route to each table."""
        (endpoint,) = self.describe_vpc_endpoints([vpc_id])
        before = set(endpoint.route_table_ids or ())
        super().modify_vpc_endpoint(vpc_id, *args, **kwargs)
        after = set(endpoint.route_table_ids or ())
        prefixes = endpoint.destination_prefix_list_id or ""
        for table in after - before:
            self.create_route(table, None, destination_prefix_list_id=prefixes, gateway_id=vpc_id)
        for table in before - after:
            self.delete_route(table, prefixes)

    def create_transit_gateway_vpc_attachment(
        self, transit_gateway_id: str, *args: Any, **kwargs: Any
    ) -> Any:
        """CreateTransitGatewayVpcAttachment: also to the gateway of another account."""
        known = self.transit_gateways
        if _GATEWAY.fullmatch(transit_gateway_id) and transit_gateway_id not in known:
            made = GatewayOfOthers(self, transit_gateway_id)  # type: ignore[abstract]
            known[transit_gateway_id] = made
        kept = self.transit_gateway_attachments
        for id_ in [id_ for id_, attachment in kept.items() if attachment.state == "deleted"]:
            del kept[id_]  # moto takes it for one that is in use.
        return super().create_transit_gateway_vpc_attachment(transit_gateway_id, *args, **kwargs)

    def delete_transit_gateway_vpc_attachment(self, transit_gateway_attachment_id: str) -> Any:
        """DeleteTransitGatewayVpcAttachment: it is still listed, in the state ``deleted``."""
        deleted = super().delete_transit_gateway_vpc_attachment(transit_gateway_attachment_id)
        self.transit_gateway_attachments[transit_gateway_attachment_id] = deleted
        return deleted

    def get_vpc_peering_connection(self, vpc_pcx_id: str) -> VPCPeeringConnection:
        """CreateRoute, VpcPeeringConnectionId: one that the other side asked for is here, too."""
        if _PEERING.fullmatch(vpc_pcx_id) and vpc_pcx_id not in self.vpc_pcxs:
            own = next(iter(self.vpcs.values()))
            made = VPCPeeringConnection(self, vpc_pcx_id, own, own)  # type: ignore[abstract]
            made._status.accept()
            self.vpc_pcxs[vpc_pcx_id] = made
        return super().get_vpc_peering_connection(vpc_pcx_id)

    def get_all_network_interfaces(
        self, eni_ids: list[str] | None = None, filters: Any = None
    ) -> list[NetworkInterface]:
        """DescribeNetworkInterfaces: also return those of databases and caches."""
        managed = self._managed_interfaces()
        if not eni_ids:
            return super().get_all_network_interfaces(None, filters) + list(
                generic_filter(filters, managed)
            )
        asked = [interface for interface in managed if interface.id in eni_ids]
        others = [each for each in eni_ids if each not in {interface.id for interface in asked}]
        found = super().get_all_network_interfaces(others, filters) if others else []
        return found + list(generic_filter(filters, asked))

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        """DeleteSecurityGroup: refuse if another group's rule or an interface uses the group."""
        group = self.get_security_group_by_name_or_id(group_id or name or "")
        if group is not None:
            others = (other for other in self._groups() if other.id != group.id)
            users = [f"a rule of {other.id}" for other in others if _refers_to(other, group.id)]
            users += [user for user, groups, _ in self._interfaces() if group.id in groups]
            _must_be_unused(group.id, users)
        super().delete_security_group(name, group_id)

    def delete_subnet(self, subnet_id: str) -> Any:
        """DeleteSubnet: refuse if the subnet has an interface of any resource."""
        users = [user for user, _, subnets in self._interfaces() if subnet_id in subnets]
        _must_be_unused(subnet_id, users)
        return super().delete_subnet(subnet_id)

    def detach_internet_gateway(self, internet_gateway_id: str, vpc_id: str) -> None:
        """DetachInternetGateway: refuse if public addresses of the VPC are in use."""
        gateways = self.nat_gateways.values()
        _must_be_unused(vpc_id, [g.id for g in gateways if g.vpc_id == vpc_id and _exists(g)])
        super().detach_internet_gateway(internet_gateway_id, vpc_id)

    def _managed_interfaces(self) -> list[NetworkInterface]:
        """Return one network interface for each subnet of each database and each cache."""
        groups = {
            (name, description, subnet): list(groups)
            for name, description, groups, subnets in self._stores()
            for subnet in subnets
        }
        self._managed = {place: each for place, each in self._managed.items() if place in groups}
        for place in groups.keys() - self._managed.keys():
            _, description, subnet = place
            made = NetworkInterface(self, subnet, "", description=description)  # type: ignore[abstract]
            made.requester_managed, made.status = True, "in-use"
            self._managed[place] = made
        for place, interface in self._managed.items():
            interface._group_set = [self.get_security_group_from_id(g) for g in groups[place]]
        return [self._managed[place] for place in groups]

    def _groups(self) -> Iterator[security_groups.SecurityGroup]:
        for groups in self.groups.values():
            yield from groups.values()

    def _interfaces(self) -> Iterator[tuple[str, Iterable[str], Iterable[str]]]:
        """Yield the id, security groups and subnets of each resource with network interfaces."""
        account, region = self.account_id, self.region_name
        for gateway in filter(_exists, self.nat_gateways.values()):
            yield gateway.id, (), (gateway.subnet_id,)
        for endpoint in filter(_exists, self.vpc_end_points.values()):
            yield endpoint.id, endpoint.security_group_ids, endpoint.subnet_ids or ()
        for name, _, groups, subnets in self._stores():
            yield name, groups, subnets
        for function in lambda_backends[account][region].list_functions():
            network = function._vpc_config or {}
            groups, subnets = network.get("SecurityGroupIds", ()), network.get("SubnetIds", ())
            yield function.function_name, groups, subnets

    def _stores(self) -> Iterator[tuple[str, str, Iterable[str], Iterable[str]]]:
        """Yield name, description, security groups and subnets of each database and cache."""
        account, region = self.account_id, self.region_name
        for identifier, instance in rds_backends[account][region].databases.items():
            group = getattr(instance, "db_subnet_group", None)
            subnets = [subnet.id for subnet in group._subnets] if group else []
            yield identifier, "RDSNetworkInterface", instance.vpc_security_group_ids, subnets
        caches: Any = elasticache_backends[account][region]
        for cache in caches.serverless_caches.values():
            name = cache.serverless_cache_name
            yield name, f"ElastiCache {name}", cache.security_group_ids, cache.subnet_ids


def _attach(self: TransitGatewayAttachment) -> ActionResult:
    """CreateTransitGatewayVpcAttachment, TagSpecifications: the tags of the attachment are kept."""
    made = self.ec2_backend.create_transit_gateway_vpc_attachment(
        transit_gateway_id=self._get_param("TransitGatewayId"),
        vpc_id=self._get_param("VpcId"),
        subnet_ids=self._get_param("SubnetIds", []),
        tags=self._parse_tag_specification().get("transit-gateway-attachment", {}),
        options=self._get_param("Options", {}),
    )
    return ActionResult({"TransitGatewayVpcAttachment": made})


def _exists(resource: Any) -> bool:
    return bool(resource.state != "deleted")


def _refers_to(group: security_groups.SecurityGroup, group_id: str) -> bool:
    rules = [*group.ingress_rules, *group.egress_rules]
    return any(rule.source_group.get("GroupId") == group_id for rule in rules)


def _must_be_unused(resource: str, users: Iterable[str]) -> None:
    if names := ", ".join(users):
        raise DependencyViolationError(
            f"{resource} has dependencies and cannot be deleted: {names}"
        )
