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
_MERGED = ("source_policy_documents", "override_policy_documents")
_EXCLUSIONS = ("NotAction", "NotResource", "NotPrincipal")


class Statement(NamedTuple):
    """What one statement allows.

    ``resources`` are ARNs and patterns, and addresses of resources whose ARN is not known yet.
    What a statement says by exclusion stands among its actions, as ``NotAction`` and so on.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]


def allowed(stack: Stack, holder: Resource, path: str) -> list[Statement] | None:
    """Return what the policy in an argument allows; None where the plan does not show it."""
    text = holder.planned(path)
    if isinstance(text, str):
        return list(_statements(json.loads(text)))
    documents = _documents(stack, holder, path)
    if not documents or not all(isinstance(d.planned("statement"), list) for d in documents):
        return None
    return list(chain(*(_statements(_as_json(stack, document)) for document in documents)))


def named(stack: Stack, holder: Resource, path: str) -> dict[str, Resource]:
    """Return every planned resource whose ARN the policy in an argument names, by address."""
    documents = [(each, "statement") for each in _documents(stack, holder, path)]
    return {
        each.address: each
        for at, under in documents or [(holder, path)]
        for leaf in at.paths(under)
        for each in _named(stack, at, leaf)
    }


def _named(stack: Stack, holder: Resource, path: str) -> Iterator[Resource]:
    for origin in stack.trace(holder, path):
        yield from (each for each in origin.resources if each.mode == "managed")


def _documents(stack: Stack, holder: Resource, path: str) -> list[Resource]:
    """Return the documents that a policy is made of, those that they are made of included."""
    ends = [each for origin in stack.trace(holder, path) for each in origin.resources]
    found = [each for each in ends if (each.mode, each.type) == _DOCUMENT]
    return found + [d for each in found for p in _MERGED for d in _documents(stack, each, p)]


def _statements(policy: Mapping[str, Any]) -> Iterator[Statement]:
    for each in _list(policy.get("Statement")):
        if each.get("Effect") == "Allow":
            exclusions = [name for name in _EXCLUSIONS if each.get(name)]
            yield Statement(
                actions=(*_list(each.get("Action")), *exclusions),
                resources=tuple(_list(each.get("Resource"))),
                principals=tuple(_principals(each.get("Principal"))),
            )


def _as_json(stack: Stack, document: Resource) -> dict[str, Any]:
    """Write the planned blocks of a policy document as the policy that they stand for."""
    blocks: list[dict[str, Any]] = document.planned("statement")
    return {
        "Statement": [
            {
                "Effect": block.get("effect") or "Allow",
                "Action": block.get("actions"),
                "NotAction": block.get("not_actions"),
                "Resource": [
                    *(each for each in block.get("resources") or () if each is not None),
                    *(each.address for each in _named(stack, document, f"statement.{n}.resources")),
                ],
                "NotResource": block.get("not_resources"),
                "NotPrincipal": block.get("not_principals"),
                "Principal": {
                    each["type"]: each["identifiers"] for each in block.get("principals") or ()
                },
            }
            for n, block in enumerate(blocks)
        ]
    }


def _principals(principal: Any) -> Iterator[str]:
    kinds = principal if isinstance(principal, Mapping) else {"": principal}
    for kind, names in kinds.items():
        yield from (f"{kind} {name}".strip() for name in _list(names))


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
