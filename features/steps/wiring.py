"""The parts that rotate the connection secret, each found through a reference to the last."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from stack_graph import Resource, Stack

SECRET = "aws_secretsmanager_secret"  # noqa: S105
CONNECTION = "connection"
"""What the resources of the connection secret are named."""
FUNCTION = "aws_lambda_function"
ROLE = "aws_iam_role"
_ROTATION = "aws_secretsmanager_secret_rotation"


def rotations(stack: Stack, secret: Resource) -> list[Resource]:
    """Return every rotation of a secret."""
    return [each for each in stack.all(_ROTATION) if stack.one(each, "secret_id", SECRET) == secret]


def wired(stack: Stack) -> Iterator[tuple[Resource, Resource, Resource]]:
    """Yield the connection secret with its rotation and the function that it calls."""
    for secret in stack.all(SECRET, CONNECTION):
        for rotation in rotations(stack, secret):
            if function := stack.one(rotation, "rotation_lambda_arn", FUNCTION):
                yield secret, rotation, function


def permissions(stack: Stack, function: Resource) -> list[Resource]:
    """Return everything that lets somebody call a function."""
    found = stack.all("aws_lambda_permission")
    return [each for each in found if _means(stack, each, "function_name", function)]


def attachments(stack: Stack, role: Resource) -> list[Resource]:
    """Return the attachments of policies to a role."""
    found = stack.all("aws_iam_role_policy_attachment")
    return [each for each in found if _means(stack, each, "role", role)]


def inline_policies(stack: Stack, role: Resource) -> list[Resource]:
    """Return the policies that a role holds itself."""
    return [each for each in stack.all("aws_iam_role_policy") if _means(stack, each, "role", role)]


def _means(stack: Stack, resource: Resource, path: str, target: Resource) -> bool:
    """Whether an argument refers to a resource, or gives its name without a reference."""
    planned = resource.planned(path)
    named = isinstance(planned, str) and planned in target.values.values()
    return named or stack.one(resource, path, target.type) == target
