"""Steps about the rotation of the connection secret, from the secret to the role."""

# ruff: noqa: E402
from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from kinds import is_private, listed, of_kind, origins
from stack_graph import UNKNOWN, Resource, Stack

_SECRET, _NAME = "aws_secretsmanager_secret", "connection"
_FUNCTION = "aws_lambda_function"
_INVOKER = "secretsmanager.amazonaws.com"


@check("the connection secret is rotated by a function at least every {days:d} days")
def rotated(stack: Stack, days: int) -> Iterator[Finding]:
    """One rotation of this secret, by a function of this stack, on a schedule."""
    for secret in stack.all(_SECRET, _NAME):
        rotations = _rotations(stack, secret)
        if len(rotations) != 1:
            yield Finding(False, f"{secret.address}: {len(rotations)} rotations, not one")
        for rotation in rotations:
            function = stack.one(rotation, "rotation_lambda_arn", _FUNCTION)
            by = function.address if function else origins(stack, rotation, "rotation_lambda_arn")
            every = rotation.planned("rotation_rules.0.automatically_after_days")
            fine = function is not None and isinstance(every, int) and 1 <= every <= days
            yield Finding(fine, f"{secret.address}: every {every} days by {by}")


@check("the rotation function runs in private subnets with a security group of its own")
def in_private_subnets(stack: Stack) -> Iterator[Finding]:
    """Where the database and the endpoints can be reached, and nobody reaches it."""
    for function in _functions(stack):
        subnets = stack.some(function, "vpc_config.0.subnet_ids", "aws_subnet")
        group = stack.one(function, "vpc_config.0.security_group_ids", "aws_security_group")
        fine = bool(subnets) and all(map(is_private, subnets)) and group is not None
        places = listed(each.address for each in subnets)
        now = places or origins(stack, function, "vpc_config.0.subnet_ids")
        own = group.address if group else "no security group of this stack"
        yield Finding(fine, f"{function.address}: {now}; {own}")


@check("Secrets Manager alone may call the rotation function, and for this secret alone")
def permission(stack: Stack) -> Iterator[Finding]:
    """Each permission names service, account and secret, and the rotation waits for it."""
    for secret, rotation, function in _wired(stack):
        permissions = [
            each
            for each in stack.all("aws_lambda_permission")
            if stack.one(each, "function_name", _FUNCTION) == function
        ]
        if not permissions:
            yield Finding(False, f"{function.address}: nobody may call it")
        for each in permissions:
            principal, account = each.planned("principal"), each.planned("source_account")
            source = stack.one(each, "source_arn", _SECRET)
            waits = f"{each.type}.{each.name}" in rotation.depends_on
            fine = (
                (principal, each.planned("action")) == (_INVOKER, "lambda:InvokeFunction")
                and isinstance(account, str)
                and source == secret
                and waits
            )
            what = source.address if source else origins(stack, each, "source_arn")
            yield Finding(
                fine,
                f"{each.address}: {principal} of account {account} for {what}"
                + ("" if waits else "; the rotation does not wait for it"),
            )


@check("the rotation function runs under a role that Lambda alone may assume")
def role(stack: Stack) -> Iterator[Finding]:
    """The trust policy allows one service, and nobody else."""
    for function in _functions(stack):
        found = stack.one(function, "role", "aws_iam_role")
        if found is None:
            now = origins(stack, function, "role")
            yield Finding(False, f"{function.address}: its role comes from {now}")
            continue
        trusted = _trusted(found.planned("assume_role_policy"))
        text = f"{function.address}: {found.address}, assumed by {listed(trusted) or 'nobody'}"
        yield Finding(trusted == ["Service: lambda.amazonaws.com"], text)


@check("that role may do what the rotation needs, to this secret, its key and its instance alone")
def policies(stack: Stack) -> Iterator[Finding]:
    ...
