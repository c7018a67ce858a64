"""Find the parts that rotate the connection secret by following references between them.

A permission or an attachment can also name its target by a plain name or an ARN, as AWS allows.
If the plan shows neither a reference nor a name, the resource is in doubt: it may belong to any
target.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kinds import source_of, unproved
from stack_graph import Resource, Stack

SECRET = "aws_secretsmanager_secret"  # noqa: S105
CONNECTION = "connection"
"""The name of the Terraform resources of the connection secret."""
CONNECTION_SECRET = f"connection secret ({SECRET}.{CONNECTION})"
"""What the checks of the secret look at, for messages."""
FUNCTION = "aws_lambda_function"
ROLE = "aws_iam_role"
ROTATION = ("aws_secretsmanager_secret_rotation", "secret_id")
PERMISSION = ("aws_lambda_permission", "function_name")
ATTACHMENT = ("aws_iam_role_policy_attachment", "role")
INLINE = ("aws_iam_role_policy", "role")
"""Resource types, each with the argument that refers to its target."""

_NAME = {FUNCTION: "function_name", ROLE: "name", SECRET: "name"}
_FORMS = {
    FUNCTION: r"(arn:[\w-]+:lambda:)?([a-z]{2}(-[a-z]+)+-\d:)?(\d{12}:)?(function:)?{}(:[\w$-]+)?",
    ROLE: r"(arn:[\w-]+:iam::\d{12}:role/(.+/)?)?{}",
    SECRET: r"(arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:)?{}(-\w{6})?",
}
"""Patterns of the names and ARNs that AWS accepts; the braces stand for the target's name."""


def rotations(stack: Stack, secret: Resource) -> list[Resource]:
    """Return the rotations of a secret."""
    return _of(stack, ROTATION, secret, True)


def connection_rotations(stack: Stack) -> Iterator[tuple[Resource, Resource, Resource]]:
    """Yield the connection secret, its rotation, and the function that the rotation calls."""
    for secret in stack.all(SECRET, CONNECTION):
        for rotation in rotations(stack, secret):
            if function := stack.one(rotation, "rotation_lambda_arn", FUNCTION):
                yield secret, rotation, function


def no_rotation(stack: Stack) -> str:
    """Say why the plan has no function that provably rotates the connection secret."""
    for secret in stack.all(SECRET, CONNECTION):
        for rotation in rotations(stack, secret):
            text = unproved(stack, rotation, "rotation_lambda_arn", f"one {FUNCTION}")
            return f"{rotation.address}: {text}"
        for rotation in in_doubt(stack, ROTATION, secret):
            now = source_of(stack, rotation, ROTATION[1])
            return f"{rotation.address}: {now}: this plan does not show which secret that is"
    return f"the plan has no function that rotates the {CONNECTION_SECRET}"


def permissions(stack: Stack, function: Resource) -> list[Resource]:
    """Return the permissions to call a function."""
    return _of(stack, PERMISSION, function, True)


def attachments(stack: Stack, role: Resource) -> list[Resource]:
    """Return the attachments of managed policies to a role."""
    return _of(stack, ATTACHMENT, role, True)


def inline_policies(stack: Stack, role: Resource) -> list[Resource]:
    """Return the inline policies of a role."""
    return _of(stack, INLINE, role, True)


def in_doubt(stack: Stack, kind: tuple[str, str], target: Resource) -> list[Resource]:
    """Return the resources of a type that may belong to the target or to another resource."""
    return _of(stack, kind, target, None)


def possible(stack: Stack, kind: tuple[str, str], target: Resource) -> list[Resource]:
    """Return the resources of a type that belong to the target, and those in doubt."""
    return _of(stack, kind, target, True, None)


def _of(
    stack: Stack, kind: tuple[str, str], target: Resource, *answers: bool | None
) -> list[Resource]:
    type_, path = kind
    return [r for r in stack.all(type_) if _refers(stack, r, path, target) in answers]


def _refers(stack: Stack, resource: Resource, path: str, target: Resource) -> bool | None:
    """Return whether an argument refers to the target or names it; None if the plan is unclear."""
    planned, name = resource.planned(path), target.planned(_NAME[target.type])
    texts = planned if isinstance(planned, list) else [planned]
    known = all(isinstance(text, str) for text in (*texts, name))
    if isinstance(name, str):
        # IAM compares names without regard to case.
        form = re.compile(_FORMS[target.type].replace("{}", re.escape(name)), re.IGNORECASE)
        if any(isinstance(text, str) and form.fullmatch(text) for text in texts):
            return True
    referenced = stack.some(resource, path, target.type)
    if target in referenced:
        return True if len(referenced) == 1 or isinstance(planned, list) else None
    return False if referenced or known or planned is None else None
