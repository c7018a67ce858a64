"""Moto's EC2, mended where it differs from the service and Terraform would notice.

The source is the API Reference of Amazon EC2, at the operation or data type that is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.ec2 import models
from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import security_groups
from moto.elasticache.models import elasticache_backends
from moto.rds.models import rds_backends

from finbase.sandbox.backends import replace_backend

__all__ = ["Backend", "SecurityGroupRule", "install"]


def install() -> None:
    """Put the mended backend in the place of moto's; call it before the first request."""
    security_groups.SecurityGroupRule = SecurityGroupRule  # type: ignore[misc]
    replace_backend(models.ec2_backends, Backend)


class SecurityGroupRule(security_groups.SecurityGroupRule):
    """SecurityGroupRule: a rule has a description, whatever its source or target is.

    It is no part of what makes two rules the same (AuthorizeSecurityGroupIngress, and the error
    code InvalidPermission.Duplicate).
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.source_group = dict(self.source_group)
        text = self.source_group.pop("Description", None)
        if text is not None:
            self.ip_range = {"Description": text}


class Backend(models.EC2Backend):
    """Things that others use are not deleted: the error code DependencyViolation."""

    __module__ = models.__name__  # moto looks for the URLs of the service beside it

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        """DeleteSecurityGroup: one that a rule of another, or any interface has, stays."""
        group = self.get_security_group_by_name_or_id(group_id or name or "")
        if group is not None:
            rules = (each for each in self._groups() if each.id != group.id)
            users = [f"a rule of {each.id}" for each in rules if _refers_to(each, group.id)]
            users += [user for user, groups, _ in self._interfaces() if group.id in groups]
            _must_be_unused(group.id, users)
        super().delete_security_group(name, group_id)

    def delete_subnet(self, subnet_id: str) -> Any:
        """DeleteSubnet: one with an interface of anything stays."""
        users = [user for user, _, subnets in self._interfaces() if subnet_id in subnets]
        _must_be_unused(subnet_id, users)
        return super().delete_subnet(subnet_id)

    def detach_internet_gateway(self, internet_gateway_id: str, vpc_id: str) -> None:
        """DetachInternetGateway: not from a VPC with public addresses in use."""
        gateways = self.nat_gateways.values()
        _must_be_unused(vpc_id, [g.id for g in gateways if g.vpc_id == vpc_id and _there(g)])
        super().detach_internet_gateway(internet_gateway_id, vpc_id)

    def _groups(self) -> Iterator[security_groups.SecurityGroup]:
        for groups in self.groups.values():
            yield from groups.values()

    def _interfaces(self) -> Iterator[tuple[str, Iterable[str], Iterable[str]]]:
        """Yield, of all that has network interfaces: what it is, its groups, its subnets."""
        place = self.account_id, self.region_name
        for gateway in filter(_there, self.nat_gateways.values()):
            yield gateway.id, (), (gateway.subnet_id,)
        for endpoint in filter(_there, self.vpc_end_points.values()):
            yield endpoint.id, endpoint.security_group_ids, endpoint.subnet_ids or ()
        for identifier, instance in rds_backends[place[0]][place[1]].databases.items():
            group = getattr(instance, "db_subnet_group", None)
            subnets = [subnet.id for subnet in group._subnets] if group else []
            yield identifier, instance.vpc_security_group_ids, subnets
        caches: Any = elasticache_backends[place[0]][place[1]]
        for cache in caches.serverless_caches.values():
            yield cache.serverless_cache_name, cache.security_group_ids, cache.subnet_ids
        for function in lambda_backends[place[0]][place[1]].list_functions():
            network = function._vpc_config or {}
            groups, subnets = network.get("SecurityGroupIds", ()), network.get("SubnetIds", ())
            yield function.function_name, groups, subnets


def _there(thing: Any) -> bool:
    return bool(thing.state != "deleted")


def _refers_to(group: security_groups.SecurityGroup, group_id: str) -> bool:
    rules = [*group.ingress_rules, *group.egress_rules]
    return any(rule.source_group.get("GroupId") == group_id for rule in rules)


def _must_be_unused(thing: str, users: Iterable[str]) -> None:
    found = ", ".join(users)
    if found:
        raise DependencyViolationError(f"{thing} has dependencies and cannot be deleted: {found}")
