"""Read IAM policies from a plan, as far as it shows them.

A policy that contains the ARN of a planned resource is unknown until apply. If an
``aws_iam_policy_document`` builds the policy, its planned blocks still show the actions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from policy_text import statements
from stack_graph import Resource, Stack

_DOCUMENT = ("data", "aws_iam_policy_document")
_MERGED = ("source_policy_documents", "override_policy_documents")
_HIDDEN = "(not shown by this plan)"
_EXCLUSIONS = ("NotAction", "NotResource", "NotPrincipal")


class Statement(NamedTuple):
    """What one statement allows.

    ``resources`` holds ARNs, patterns, and addresses of resources whose ARN is not known yet.
    If a statement excludes values, ``actions`` also holds the key, such as ``NotAction``.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]


def allowed(stack: Stack, holder: Resource, path: str) -> list[Statement] | None:
    """Return the statements that allow something; None if the plan does not show the policy."""
    text = holder.planned(path)
    if isinstance(text, str):
        try:
            return list(_allowing(statements(text)))
        except ValueError:
            return None
    documents = _documents(stack, holder, path)
    blocks = [document.planned("statement") for document in documents]
    if not blocks or not all(isinstance(b, list) and all(b) for b in blocks):
        return None
    return list(chain(*(_allowing(_as_json(stack, document)) for document in documents)))


def named(stack: Stack, holder: Resource, path: str) -> dict[str, Resource]:
    """Return every planned resource that the policy in an argument refers to, by address."""
    documents = [(document, "statement") for document in _documents(stack, holder, path)]
    return {
        resource.address: resource
        for owner, under in documents or [(holder, path)]
        for leaf in owner.paths(under)
        for resource in _referenced(stack, owner, leaf)
    }


def by_type(principals: Any) -> dict[str, list[Any]]:
    """Return the identifiers of ``principals`` blocks by type; AWS gets one list of each type.

    A name that is known only after apply stays in the list, so that it equals no other name.

    >>> by_type([{"type": "AWS", "identifiers": ["a"]}, {"type": "AWS", "identifiers": [None]}])
    {'AWS': ['a', '(not shown by this plan)']}
    """
    types: dict[str, list[Any]] = {}
    for block in _list(principals):
        parts = block if isinstance(block, Mapping) else {}
        names = _list(parts.get("identifiers")) or [_HIDDEN]
        kind = parts.get("type")
        types.setdefault(kind if isinstance(kind, str) else _HIDDEN, []).extend(map(_text, names))
    return types


def _referenced(stack: Stack, holder: Resource, path: str) -> Iterator[Resource]:
    for origin in stack.trace(holder, path):
        yield from (resource for resource in origin.resources if resource.mode == "managed")


def _documents(stack: Stack, holder: Resource, path: str) -> list[Resource]:
    """Return the documents that build a policy, including the documents that they merge."""
    resources = [r for origin in stack.trace(holder, path) for r in origin.resources]
    documents = [r for r in resources if (r.mode, r.type) == _DOCUMENT]
    merged = [d for r in documents for name in _MERGED for d in _documents(stack, r, name)]
    return documents + merged


def _allowing(each: Iterable[Mapping[str, Any]]) -> Iterator[Statement]:
    for statement in each:
        if statement.get("Effect") == "Allow":
            exclusions = [name for name in _EXCLUSIONS if statement.get(name)]
            yield Statement(
                actions=(*map(_text, _list(statement.get("Action"))), *exclusions),
                resources=tuple(_list(statement.get("Resource"))),
                principals=tuple(_principals(statement.get("Principal"))),
            )


def _as_json(stack: Stack, document: Resource) -> list[dict[str, Any]]:
    """Return the statements that the planned blocks of a policy document describe."""
    blocks: list[dict[str, Any]] = document.planned("statement")
    return [
        {
            "Effect": block.get("effect") or "Allow",
            "Action": document.planned(f"statement.{n}.actions"),
            "NotAction": block.get("not_actions"),
            "Resource": [
                *(arn for arn in block.get("resources") or () if arn is not None),
                *(r.address for r in _referenced(stack, document, f"statement.{n}.resources")),
            ],
            "NotResource": block.get("not_resources"),
            "NotPrincipal": block.get("not_principals"),
            "Principal": by_type(block.get("principals")),
        }
        for n, block in enumerate(blocks)
    ]


def _principals(principal: Any) -> Iterator[str]:
    kinds = principal if isinstance(principal, Mapping) else {"": principal}
    for kind, names in kinds.items():
        yield from (f"{kind} {name}".strip() for name in _list(names))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _HIDDEN


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
