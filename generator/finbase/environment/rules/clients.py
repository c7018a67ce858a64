"""Rules about the clients of the data that are not in the VPC."""

from __future__ import annotations

from typing import Final

from finbase.environment.model import Environment
from finbase.environment.rules import examples
from finbase.environment.rules.inputs import fields, values
from finbase.environment.rules.ranges import client_ranges, interface_of, private_range, vpcs_of
from finbase.environment.rules.rule import AWS, Finding, Findings, note, rule
from finbase.source.document import Where

_CLIENTS: Final = "access.clients"
_ENDPOINTS: Final = "existing_network.endpoints_security_group_id"
_GROUP: Final = "sg-0123456789abcdef0"
_OFFICE: Final = examples.client(cidr="10.80.0.0/16")


@rule(
    "FB211",
    "client range that is not private",
    "access.clients",
    why="A client outside of the VPC comes through a VPN, a peering or a transit gateway, from "
    "private addresses. A public range, or a range wider than 10.0.0.0/8, would open the data to "
    "the internet, or to everything that is ever connected.",
    source=f"{AWS}vpc/latest/userguide/vpc-cidr-blocks.html",
    accepted={"access.clients": examples.client(cidr="10.80.0.0/16")},
    refused={"access.clients": examples.client(cidr="0.0.0.0/0")},
)
def private_client(environment: Environment) -> Findings:
    """The range of a client must be private: in 10/8, 172.16/12, 192.168/16 or 100.64/10."""
    for where, name, text in client_ranges(environment):
        if private_range(text) is None:
            message = f"{text} is not a private IPv4 range, and {name} would open the data to it"
            yield Finding(where, message, "write the range of the VPN or of the peered network")


@rule(
    "FB212",
    "client range in the VPC",
    "access.clients",
    why="No route leads from the VPC to its own range in another network. Clients in the VPC are "
    "in a security group, which names them more exactly than addresses that others get later.",
    source=f"{AWS}vpc/latest/peering/invalid-peering-configurations.html",
    accepted={"access.clients": examples.client(cidr="10.21.0.0/16")},
    refused={"access.clients": examples.client(cidr="10.20.16.0/20")},
    yaml_only="access does not know the range of the VPC",
)
def client_outside(environment: Environment) -> Findings:
    """The range of a client must not overlap the VPC."""
    for where, name, text in client_ranges(environment):
        found = private_range(text)
        for _, vpc in vpcs_of(environment):
            if found and found.overlaps(vpc):
                message = f"{text} of {name} overlaps {vpc}, the range of the VPC"
                hint = "remove cidr, so that the client gets a group, or name its group"
                yield Finding(where, message, hint)


@rule(
    "FB213",
    "client that is a group and a range",
    "access.clients",
    why="Each rule of a security group has one source. Two clients say which of the two is meant.",
    source=f"{AWS}vpc/latest/userguide/security-group-rules.html",
    accepted={_CLIENTS: examples.client(security_group_id=_GROUP)},
    refused={_CLIENTS: examples.client(security_group_id=_GROUP, cidr="10.80.0.0/16")},
)
def one_source(environment: Environment) -> Findings:
    """A client must have a security group of others or a range, not both."""
    ranges = {where[:-1] for where, _, _ in client_ranges(environment)}
    for where, name, _ in fields(environment, _CLIENTS, "security_group_id", str):
        if where[:-1] in ranges:
            message = f"{name} has a security_group_id and a cidr"
            yield Finding(where, message, "remove one of them, or write two clients", key=True)


@rule(
    "FB214",
    "client of a cache that is left out",
    "access.clients",
    why="The environment has no cache, so there is nothing that the client could reach. The cache "
    "is not a part of a further database; clients of the first one may reach it.",
    source=f"{AWS}AmazonElastiCache/latest/dg/elasticache-vpc-accessing.html",
    accepted={"access.clients": examples.client(to=["database"]), "cache": None},
    refused={"access.clients": examples.client(to=["cache"]), "cache": None},
)
def client_of_cache(environment: Environment) -> Findings:
    """A client must not reach a cache that its database, or the environment, does not have."""
    has_cache = any(environment.instances("cache"))
    access = environment.module("access")
    for where, name, to in fields(environment, _CLIENTS, "to", list):
        further = where[2] == "instances" and access is not None and access.contract.repeats
        if "cache" not in to or (has_cache and not further):
            continue
        message = f"{name} reaches the cache, but the environment has no cache"
        hint = "remove cache from `to`, or add the module"
        if further:
            message = f"{name} is a client of the database `{where[3]}`, which has no cache"
            hint = "remove cache from `to`, and add a client with `to: [cache]` to `access.clients`"
        yield Finding(where, message, hint)


@note(
    "FB323",
    "client that is the group of the endpoints",
    "access.clients",
    _ENDPOINTS,
    why="The members of that group are interface endpoints, which connect to nothing. Others that "
    "join it later could reach the data.",
    source=f"{AWS}vpc/latest/privatelink/create-interface-endpoint.html",
    accepted={_CLIENTS: examples.client(security_group_id=_GROUP), _ENDPOINTS: f"{_GROUP[:-1]}1"},
    refused={_CLIENTS: examples.client(security_group_id=_GROUP), _ENDPOINTS: _GROUP},
)
def client_of_endpoints(environment: Environment) -> Findings:
    """The group of a client should not be that of the interface endpoints."""
    of_endpoints = values(environment, str, _ENDPOINTS)
    groups = {group for _, group in of_endpoints}
    for where, name, group in fields(environment, _CLIENTS, "security_group_id", str):
        if group in groups:
            message = f"{name} is {group}, the group of the interface endpoints"
            yield Finding(where, message, "write the group that the client has")


@rule(
    "FB220",
    "two clients with one source",
    "access.clients",
    why="A security group has one rule for a source and its ports. AWS rejects the second one in "
    "the middle of the apply (InvalidPermission.Duplicate), also with another description.",
    source=f"{AWS}AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html",
    accepted={_CLIENTS: {**_OFFICE, **examples.client("branch", cidr="10.80.0.0/17")}},
    refused={_CLIENTS: {**_OFFICE, **examples.client("branch", cidr="10.80.0.0/16")}},
    yaml_only="a plan accepts it, and the released versions of access do not check it",
)
def one_client(environment: Environment) -> Findings:
    """Clients with one range, or with one group of others, must reach different targets."""
    targets = {where[:-1]: to for where, _, to in fields(environment, _CLIENTS, "to", list)}
    first: dict[tuple[Where, str, str], str] = {}
    for key in ("cidr", "security_group_id"):
        for where, name, text in fields(environment, _CLIENTS, key, str):
            range_ = interface_of(text)
            source = str(range_.network) if range_ else text
            for target in targets.get(where[:-1], ()):
                other = first.setdefault((where[:-2], source, str(target)), name)
                if other != name:
                    message = f"{other} and {name} both let {source} reach the {target}"
                    yield Finding(where, message, "remove one of them, or its target in `to`")
                    break
