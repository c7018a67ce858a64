"""Steps about the rotation of the connection secret: schedule, function, permission."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from kinds import is_private, listed, origins
from stack_graph import Resource, Stack
from wiring import (
    CONNECTION,
    FUNCTION,
    PERMISSION,
    ROLE,
    ROTATION,
    SECRET,
    attachments,
    in_doubt,
    permissions,
    possible,
    rotations,
    wired,
)

_CALLER = ("secretsmanager.amazonaws.com", "lambda:InvokeFunction")
_OTHER_CALLERS = ("aws_lambda_function_url", "aws_lambda_event_source_mapping")


@check("the connection secret is rotated by a function at least every {days:d} days")
def rotated(stack: Stack, days: int) -> Iterator[Finding]:
    """One rotation of this secret, by a function of this stack, on a schedule."""
    for secret in stack.all(SECRET, CONNECTION):
        yield from _untold(stack, ROTATION, secret)
        found = rotations(stack, secret)
        if len(found) != 1:
            yield Finding(False, f"{secret.address}: {len(found)} rotations, not one")
        for rotation in found:
            function = stack.one(rotation, "rotation_lambda_arn", FUNCTION)
            by = function.address if function else origins(stack, rotation, "rotation_lambda_arn")
            every = rotation.planned("rotation_rules.0.automatically_after_days")
            fine = function is not None and isinstance(every, int) and 1 <= every <= days
            yield Finding(fine, f"{secret.address}: every {every} days by {by}")


@check("the rotation function runs in private subnets with a security group of its own")
def in_private_subnets(stack: Stack) -> Iterator[Finding]:
    """Where it reaches the database and AWS, and nobody reaches it."""
    for _, _, function in wired(stack):
        subnets = stack.some(function, "vpc_config.0.subnet_ids", "aws_subnet")
        group = stack.one(function, "vpc_config.0.security_group_ids", "aws_security_group")
        places = listed(each.address for each in subnets)
        now = places or origins(stack, function, "vpc_config.0.subnet_ids") or "no subnet"
        own = group.address if group else "no security group of this stack"
        fine = bool(subnets) and all(map(is_private, subnets)) and group is not None
        yield Finding(fine, f"{function.address}: {own}; {now}")


@check("Secrets Manager alone may call the rotation function, for the connection secret alone")
def permission(stack: Stack) -> Iterator[Finding]:
    """Each permission names service, account and secret; anything less opens the function."""
    for secret, _, function in wired(stack):
        yield from _untold(stack, PERMISSION, function)
        for type_ in _OTHER_CALLERS:
            for each in possible(stack, (type_, "function_name"), function):
                yield Finding(False, f"{each.address}: calls {function.address} for others")
        found = permissions(stack, function)
        if not found:
            yield Finding(False, f"{function.address}: nobody may call it")
        for each in found:
            principal, action = each.planned("principal"), each.planned("action")
            account, source = each.planned("source_account"), stack.one(each, "source_arn", SECRET)
            least = (principal, action) == _CALLER and isinstance(account, str) and source == secret
            part = _is_for_a_version(each, function)
            what = source.address if source else origins(stack, each, "source_arn") or "anything"
            text = f"{each.address}: {principal} of account {account} may {action} for {what}"
            yield Finding(least and not part, f"{text}, of one version alone" if part else text)


@check("the rotation waits until its function may be called and may act")
def rotation_waits(stack: Stack) -> Iterator[Finding]:
    """AWS tries the function as soon as the rotation exists."""
    for _, rotation, function in wired(stack):
        role = stack.one(function, "role", ROLE)
        needed = permissions(stack, function) + (attachments(stack, role) if role else [])
        for each in needed:
            name = f"{each.type}.{each.name}"
            waits = name in rotation.depends_on
            verb = "depends" if waits else "does not depend"
            yield Finding(waits, f"{rotation.address}: {verb} on {name}")


def _untold(stack: Stack, kind: tuple[str, str], target: Resource) -> Iterator[Finding]:
    """Find fault with all that may be of a resource, or of another one."""
    for each in in_doubt(stack, kind, target):
        now = origins(stack, each, kind[1])
        yield Finding(False, f"{each.address}: may be for {target.address}; it is for {now}")


def _is_for_a_version(permission: Resource, function: Resource) -> bool:
    """Whether a permission is for a version or an alias of a function, which nothing calls here."""
    named, name = permission.planned("function_name"), function.planned("function_name")
    qualified = isinstance(named, str) and not named.endswith(str(name))
    return qualified or permission.planned("qualifier") not in (None, "")
