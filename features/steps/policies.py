"""The text of IAM policies, as far as a plan shows it.

A policy that names the ARN of a planned resource is unknown as a whole until apply. One that
an ``aws_iam_policy_document`` puts together shows its actions all the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parent))

from stack_graph import Resource, Stack

_DOCUMENT = ("data", "aws_iam_policy_document")
_EXCLUSIONS = ("NotAction", "NotResource", "NotPrincipal")


class Statement(NamedTuple):
    """What one statement allows. A resource that is not known yet is None.

    What a statement says by exclusion stands among its actions, as ``NotAction`` and so on.
    """

    actions: tuple[str, ...]
    resources: tuple[str | None, ...]
    principals: tuple[str, ...]


def allowed(stack: Stack, holder: Resource, path: str) -> list[Statement] | None:
    """Return what the policy in an argument allows; None where the plan does not show it."""
    text = holder.planned(path)
    if isinstance(text, str):
        return list(_statements(json.loads(text)))
    blocks: list[Any] = [each.planned("statement") for each in _documents(stack, holder, path)]
    if not blocks or not all(isinstance(each, list) for each in blocks):
        return None
    return list(_statements({"Statement": [_as_json(each) for each in chain(*blocks)]}))


def named(stack: Stack, holder: Resource, path: str) -> dict[str, Resource]:
    """Return every planned resource whose ARN the policy in an argument names, by address."""
    holders = [(each, "statement") for each in _documents(stack, holder, path)] or [(holder, path)]
    return {
        each.address: each
        for at, under in holders
        for leaf in at.paths(under)
        for origin in stack.trace(at, leaf)
        for each in origin.resources
        if each.mode == "managed"
    }


def _documents(stack: Stack, holder: Resource, path: str) -> list[Resource]:
    ends = [each for origin in stack.trace(holder, path) for each in origin.resources]
    return [each for each in ends if (each.mode, each.type) == _DOCUMENT]


def _statements(policy: Mapping[str, Any]) -> Iterator[Statement]:
    for each in _list(policy.get("Statement")):
        if each.get("Effect") == "Allow":
            exclusions = [name for name in _EXCLUSIONS if each.get(name)]
            yield Statement(
                actions=(*_list(each.get("Action")), *exclusions),
                resources=tuple(_list(each.get("Resource"))),
                principals=tuple(_principals(each.get("Principal"))),
            )


def _as_json(block: Mapping[str, Any]) -> dict[str, Any]:
    """Write the block of a policy document as the statement that it stands for."""
    return {
        "Effect": block.get("effect") or "Allow",
        "Action": block.get("actions"),
        "NotAction": block.get("not_actions"),
        "Resource": block.get("resources"),
        "NotResource": block.get("not_resources"),
        "NotPrincipal": block.get("not_principals"),
        "Principal": {each["type"]: each["identifiers"] for each in block.get("principals") or ()},
    }


def _principals(principal: Any) -> Iterator[str]:
    kinds = principal if isinstance(principal, Mapping) else {"": principal}
    for kind, names in kinds.items():
        yield from (f"{kind} {name}".strip() for name in _list(names))


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
