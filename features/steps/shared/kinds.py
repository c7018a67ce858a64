"""The kinds of resources that sentences name, and how messages name resources.

A sentence says primary, replica, instance or key; a subnet has a zone, and is public, private
or isolated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stack_graph import EXISTING_NETWORK, UNKNOWN, Resource, Stack
from windows import hours_of

_KEYS = (
    "aws_kms_key",
    "aws_kms_external_key",
    "aws_kms_replica_key",
    "aws_kms_replica_external_key",
)
_HOMES = {"aws_kms_key": ("kms",), "aws_subnet": ("network", EXISTING_NETWORK)}
"""The modules that hold the resources of a type, by the folder of its source."""
_UNKNOWN_HOURS = (
    "no single row of business hours for this region; add it to HOURS in "
    "features/steps/shared/windows.py"
)
_UNKNOWN_ZONE = "the unknown zone of "
PUBLIC, PRIVATE, ISOLATED = "public", "private", "database"
"""Tiers, by the names of the design's subnets."""


def of_kind(stack: Stack, kind: str) -> tuple[Resource, ...]:
    """Return all resources of a kind (primary, replica, instance, key) or of a resource type."""
    if kind == "key":
        return tuple(key for type_ in _KEYS for key in stack.all(type_))
    if kind not in ("primary", "replica", "instance"):
        return stack.all(kind)
    instances = stack.all("aws_db_instance")
    if kind == "instance":
        return instances
    return tuple(db for db in instances if _is_replica(stack, db) == (kind == "replica"))


def _is_replica(stack: Stack, instance: Resource) -> bool:
    """Return whether an instance has a source, in its configuration or in its planned values."""
    argument = "replicate_source_db"
    return stack.is_set(instance, argument) or instance.planned(argument) is not None


def is_named(stack: Stack, resource: Resource, name: str) -> bool:
    """Return whether a resource is the one of the design with its type and a name.

    If several modules have such a resource, only the one in the module of the design counts.
    """
    type_ = resource.type
    named = stack.all(type_, name) + stack.existing(type_, name)
    names = {r.module: stack.module_name(r) for r in named}
    homes = [module for module, folder in names.items() if folder in _HOMES.get(type_, ())]
    return resource.name == name and [resource.module] == (homes if len(names) > 1 else [*names])


def switch(value: object) -> str:
    """Return a parameter's value as a sentence writes it: ``1`` and ``0`` for switches.

    >>> switch("ON"), switch(True), switch("false"), switch("ddl")
    ('1', '1', '0', 'ddl')
    """
    text = str(value).lower()
    return {"on": "1", "true": "1", "yes": "1", "off": "0", "false": "0", "no": "0"}.get(text, text)


def are_named(settings: object) -> bool:
    """Return whether the plan shows the name of each parameter of a group.

    >>> are_named(None), are_named([{"name": "a"}]), are_named([{"name": None}]), are_named(UNKNOWN)
    (True, True, False, False)
    """
    if settings is None:
        return True
    return isinstance(settings, list) and all(
        isinstance(setting, dict) and isinstance(setting.get("name"), str) for setting in settings
    )


def zone(subnet: Resource) -> str:
    """Return the availability zone of a subnet, by name or by id.

    If it is unknown, return a text unique to the subnet.
    """
    planned = [subnet.planned(name) for name in ("availability_zone", "availability_zone_id")]
    known = [zone for zone in planned if isinstance(zone, str) and zone]
    return known[0] if known else f"{_UNKNOWN_ZONE}{subnet.address}"


def unknown_zones(*subnets: Resource) -> str:
    """Say which subnets have a zone that the plan does not show, and the fix; or return empty."""
    hidden = [subnet.address for subnet in subnets if zone(subnet).startswith(_UNKNOWN_ZONE)]
    fix = "set availability_zone to a literal or a variable"
    return f"this plan does not show the zone of {listed(hidden)}; {fix}" if hidden else ""


def zones(stack: Stack) -> list[str]:
    """Return the zones of all subnets, those that are read included, sorted."""
    subnets = stack.all("aws_subnet") + stack.existing("aws_subnet")
    return sorted({zone(subnet) for subnet in subnets})


def central_egress(stack: Stack) -> tuple[str, str]:
    """Return the transit gateway to the internet of an existing network, and why; else nothing."""
    for vpc in stack.existing("aws_vpc"):
        declared = stack.input_of(vpc, "central_egress")
        if isinstance(declared, Mapping):
            return str(declared["transit_gateway_id"]), str(declared["reason"])
    return "", ""


def business_hours(stack: Stack) -> str:
    """Return the business hours of the stack's only region; empty if it is not known.

    The zones of the subnets have the region in their names. A plan without such zones has it in
    the configuration of the provider.
    """
    hours = {hours_of(place) for place in zones(stack)}
    if not any(hours):
        hours = {hours_of(region) for region in stack.regions()}
    return hours.pop() if len(hours) == 1 else ""


def unknown_hours(stack: Stack) -> str:
    """Say why there are no business hours for the stack, and how to fix it."""
    if hidden := unknown_zones(*stack.all("aws_subnet")):
        return f"the business hours depend on the region, but {hidden}"
    return f"{listed(zones(stack)) or 'the plan'}: {_UNKNOWN_HOURS}"


def origins(stack: Stack, resource: Resource, path: str) -> str:
    """List the origins of an argument's value for a message; empty if the argument is not set."""
    return listed(origin.text for origin in stack.trace(resource, path))


def source_of(stack: Stack, resource: Resource, path: str) -> str:
    """Say where the value of an argument comes from, or that the argument is not set."""
    ends = stack.trace(resource, path)
    literals = [end.literal for end in ends]
    if not any(literal is not None for literal in literals):
        where = listed(end.text for end in ends if not end.text.startswith("the literal"))
        return f"{path} is null, by {where}" if where else f"{path} is not set"
    return f"{path} comes from {listed(end.text for end in ends)}"


def is_unclear(stack: Stack, resource: Resource, path: str, target: Resource) -> bool:
    """Return whether an argument may or may not refer to a target, as far as the plan shows it."""
    if stack.one(resource, path, target.type):
        return False
    ends = stack.trace(resource, path)
    return is_hidden(stack, resource, path) or any(target in end.resources for end in ends)


def is_hidden(stack: Stack, resource: Resource, path: str) -> bool:
    """Return whether an argument has an origin that the plan does not show, such as a local."""
    ends = stack.trace(resource, path)
    return any(not end.resources and end.literal is UNKNOWN for end in ends)


def unproved(stack: Stack, resource: Resource, path: str, expected: str) -> str:
    """Say why an argument does not prove a reference to what is expected, and how to fix it."""
    ends, now = stack.trace(resource, path), source_of(stack, resource, path)
    if not ends:
        return f"{now}; take it from {expected}"
    hidden = is_hidden(stack, resource, path)
    if hidden or len({r.address for end in ends for r in end.resources}) > 1:
        return (
            f"{now}: this plan does not show which resource that is; it must be {expected}, "
            f"referred to directly{stack.if_applied}"
        )
    return f"{now}; it must be {expected}"


def listed(texts: Iterable[str]) -> str:
    """Join texts for a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = list(texts) or [""]
    return f"{', '.join(first)} and {last}" if first else last
