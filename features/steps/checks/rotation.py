"""Steps about the rotation of the connection secret: schedule, function and permission."""

from __future__ import annotations

from collections.abc import Iterator

from findings import Finding, check
from kinds import PRIVATE, listed, origins, source_of, unproved
from rotation_parts import (
    CONNECTION,
    CONNECTION_SECRET,
    FUNCTION,
    PERMISSION,
    ROLE,
    ROTATION,
    SECRET,
    attachments,
    connection_rotations,
    in_doubt,
    no_rotation,
    permissions,
    possible,
    rotations,
)
from routes import tier
from stack_graph import UNKNOWN, Resource, Stack, shown
from windows import longest_gap

_CALLER = ("secretsmanager.amazonaws.com", "lambda:InvokeFunction")
_OTHER_CALLERS = ("aws_lambda_function_url", "aws_lambda_event_source_mapping")


@check("a function rotates the connection secret at least every {days:d} days", CONNECTION_SECRET)
def rotated(stack: Stack, days: int) -> Iterator[Finding]:
    """Require exactly one rotation, by a function of this stack, on a schedule."""
    for secret in stack.all(SECRET, CONNECTION):
        unclear = list(_ambiguous(stack, ROTATION, secret))
        yield from unclear
        secret_rotations = rotations(stack, secret)
        if len(secret_rotations) > 1 or not (secret_rotations or unclear):
            text = f"{len(secret_rotations)} rotations; it must have exactly one"
            yield Finding(False, f"{secret.address}: {text}")
        for rotation in secret_rotations:
            function = stack.one(rotation, "rotation_lambda_arn", FUNCTION)
            lambdas = origins(stack, rotation, "rotation_lambda_arn")
            by = function.address if function else lambdas or "no function"
            every, text = _interval(rotation)
            fine = function is not None and every is not None and 1 <= every <= days
            text = f"{secret.address}: {text} by {by}"
            fix = f"; set automatically_after_days to 1-{days} and use one {FUNCTION}"
            yield Finding(fine, text if fine else text + fix)


@check(
    "the rotation function runs in private subnets with its own security group",
    no_rotation,
)
def in_private_subnets(stack: Stack) -> Iterator[Finding]:
    """Require a network from which the function reaches the database and AWS."""
    for _, _, function in connection_rotations(stack):
        subnets = stack.some(function, "vpc_config.0.subnet_ids", "aws_subnet")
        group = stack.one(function, "vpc_config.0.security_group_ids", "aws_security_group")
        addresses = listed(subnet.address for subnet in subnets)
        now = addresses or origins(stack, function, "vpc_config.0.subnet_ids") or "no subnet"
        groups = "vpc_config.0.security_group_ids"
        own = group.address if group else unproved(stack, function, groups, "one group")
        private = bool(subnets) and all(tier(stack, subnet) == PRIVATE for subnet in subnets)
        fine = private and group is not None
        text = f"{function.address}: {own}; {now}"
        fix = "; vpc_config must have private subnets and one aws_security_group"
        yield Finding(fine, text if fine else text + fix)


@check(
    "only Secrets Manager may call the rotation function, and only for the connection secret",
    no_rotation,
)
def permission(stack: Stack) -> Iterator[Finding]:
    """Require service, account and secret; without all three, others can invoke the function."""
    for secret, _, function in connection_rotations(stack):
        unclear = list(_ambiguous(stack, PERMISSION, function))
        yield from unclear
        for type_ in _OTHER_CALLERS:
            for caller in possible(stack, (type_, "function_name"), function):
                text = f"lets others call {function.address}; remove it"
                yield Finding(False, f"{caller.address}: {text}")
        function_permissions = permissions(stack, function)
        if not function_permissions and not unclear:
            text = f"nobody may call it; write an {PERMISSION[0]} for Secrets Manager"
            yield Finding(False, f"{function.address}: {text}")
        for granted in function_permissions:
            yield _permission(stack, granted, secret, function)


def _permission(stack: Stack, granted: Resource, secret: Resource, function: Resource) -> Finding:
    principal, action = granted.planned("principal"), granted.planned("action")
    account = granted.planned("source_account")
    source = stack.one(granted, "source_arn", SECRET)
    limited = (principal, action) == _CALLER and isinstance(account, str) and source == secret
    one_version = _is_for_a_version(granted, function)
    what = source.address if source else origins(stack, granted, "source_arn") or "any resource"
    text = f"{granted.address}: {shown(principal)} of account {shown(account)} may "
    text += f"{shown(action)} for {what}"
    if granted.planned("qualifier") is UNKNOWN:
        return Finding(False, f"{text}; this plan does not show its qualifier; leave it out")
    if one_version:
        return Finding(False, f"{text}, but only on one version; leave the qualifier out")
    fix = f"; allow {_CALLER[0]} {_CALLER[1]} with source_account, for {secret.address}"
    return Finding(limited, text if limited else text + fix)


@check("the rotation depends on the permissions and policies of its function", no_rotation)
def rotation_waits(stack: Stack) -> Iterator[Finding]:
    """Require ``depends_on``: AWS calls the function as soon as the rotation exists."""
    for _, rotation, function in connection_rotations(stack):
        role = stack.one(function, "role", ROLE)
        needed = permissions(stack, function) + (attachments(stack, role) if role else [])
        for resource in needed:
            name = f"{resource.type}.{resource.name}"
            fine = name in rotation.depends_on
            verb = "depends_on" if fine else "depends_on must list"
            yield Finding(fine, f"{rotation.address}: {verb} {name}")


def _interval(rotation: Resource) -> tuple[int | None, str]:
    """Return the most days between two rotations, and what the plan says about them."""
    rules = "rotation_rules.0"
    schedule = rotation.planned(f"{rules}.schedule_expression")
    if isinstance(schedule, str) and schedule:
        days = longest_gap(schedule)
        every = f"at most every {days} days" if days else "at intervals that this check cannot read"
        return days, f"{schedule}, so {every}"
    days = rotation.planned(f"{rules}.automatically_after_days")
    if isinstance(days, int) and not isinstance(days, bool):
        return days, f"every {days} days"
    hidden = UNKNOWN in (schedule, days, rotation.planned(rules))
    return None, f"on {'a schedule that this plan does not show' if hidden else 'no schedule'}"


def _ambiguous(stack: Stack, kind: tuple[str, str], target: Resource) -> Iterator[Finding]:
    """Refuse resources of which the plan does not show whether they belong to the target."""
    for resource in in_doubt(stack, kind, target):
        now = source_of(stack, resource, kind[1])
        text = f"{now}, which may or may not be {target.address}; reference it directly"
        yield Finding(False, f"{resource.address}: {text}")


def _is_for_a_version(permission: Resource, function: Resource) -> bool:
    """Return whether a permission is for a version or alias, which Secrets Manager never calls."""
    named, name = permission.planned("function_name"), function.planned("function_name")
    qualified = isinstance(named, str) and not named.endswith(str(name))
    return qualified or permission.planned("qualifier") not in (None, "")
