"""The parts that rotate the connection secret, each found through a reference to the last.

What opens one of them to others may name it instead, as AWS lets it be named: by its name alone,
or within an ARN. What can be told neither way is in doubt, and may mean any of them.
"""

from __future__ import annotations

import re
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
ROTATION = ("aws_secretsmanager_secret_rotation", "secret_id")
PERMISSION = ("aws_lambda_permission", "function_name")
ATTACHMENT = ("aws_iam_role_policy_attachment", "role")
INLINE = ("aws_iam_role_policy", "role")
"""Types, each with the argument that says whose it is."""

_NAME = {FUNCTION: "function_name", ROLE: "name", SECRET: "name"}
_FORMS = {
    FUNCTION: r"(arn:[\w-]+:lambda:)?([a-z]{2}(-[a-z]+)+-\d:)?(\d{12}:)?(function:)?{}(:[\w$-]+)?",
    ROLE: r"(arn:[\w-]+:iam::\d{12}:role/(.+/)?)?{}",
    SECRET: r"(arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:)?{}(-\w{6})?",
}
"""How AWS lets something be named, with its name in place of the braces."""


def rotations(stack: Stack, secret: Resource) -> list[Resource]:
    """Return every rotation of a secret."""
    return _of(stack, ROTATION, secret, True)


def wired(stack: Stack) -> Iterator[tuple[Resource, Resource, Resource]]:
    """Yield the connection secret with its rotation and the function that it calls."""
    for secret in stack.all(SECRET, CONNECTION):
        for rotation in rotations(stack, secret):
            if function := stack.one(rotation, "rotation_lambda_arn", FUNCTION):
                yield secret, rotation, function


def permissions(stack: Stack, function: Resource) -> list[Resource]:
    """Return everything that lets somebody call a function."""
    return _of(stack, PERMISSION, function, True)


def attachments(stack: Stack, role: Resource) -> list[Resource]:
    """Return the attachments of policies to a role."""
    return _of(stack, ATTACHMENT, role, True)


def inline_policies(stack: Stack, role: Resource) -> list[Resource]:
    """Return the policies that a role holds itself."""
    return _of(stack, INLINE, role, True)


def in_doubt(stack: Stack, kind: tuple[str, str], target: Resource) -> list[Resource]:
    """Return all of a type that may be of a resource, or of another one."""
    return _of(stack, kind, target, None)


def possible(stack: Stack, kind: tuple[str, str], target: Resource) -> list[Resource]:
    """Return all of a type that are of a resource, and all that are in doubt."""
    return _of(stack, kind, target, True, None)


def _of(
    stack: Stack, kind: tuple[str, str], target: Resource, *answers: bool | None
) -> list[Resource]:
    type_, path = kind
    return [each for each in stack.all(type_) if _means(stack, each, path, target) in answers]


def _means(stack: Stack, resource: Resource, path: str, target: Resource) -> bool | None:
    """Whether an argument refers to a resource or names it; None where no plan tells."""
    planned, name = resource.planned(path), target.planned(_NAME[target.type])
    texts = planned if isinstance(planned, list) else [planned]
    known = all(isinstance(each, str) for each in (*texts, name))
    if isinstance(name, str):
        # To IAM, names that differ in case only are one.
        form = re.compile(_FORMS[target.type].replace("{}", re.escape(name)), re.IGNORECASE)
        if any(isinstance(each, str) and form.fullmatch(each) for each in texts):
            return True
    found = stack.some(resource, path, target.type)
    if target in found:
        return True if len(found) == 1 or isinstance(planned, list) else None
    return False if found or known or planned is None else None
