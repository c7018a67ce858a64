"""Read who may do what from policies, with the conditions of each statement.

A policy whose text is known only after apply can still be read if an ``aws_iam_policy_document``
builds it. Any other such policy is not shown by the plan, and no control passes because of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from policy_text import statements
from stack_graph import UNKNOWN, Resource, Stack

_DOCUMENT = ("data", "aws_iam_policy_document")
_MERGED = ("source_policy_documents", "override_policy_documents")
_OPERATORS = {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"}
_LIMITS = {
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "aws:sourceorgid",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "kms:calleraccount",
}
"""Conditions by which AWS limits a statement to some callers, in lower case."""
_OWNERS = {"aws:sourceaccount", "aws:sourcearn", "aws:sourceowner", "aws:principalaccount"}
"""Those of which the value names the account that a service acts for."""
_OF_NAMESPACES = {
    (test, "cloudwatch:namespace")
    for test in ("stringequals", "stringequalsignorecase", "stringlike")
}


class NotShownError(Exception):
    """The plan does not show a policy; the message says why."""


class Grant(NamedTuple):
    """One statement that allows something.

    ``principals`` holds pairs of kind and name. ``excluding`` names the elements that exclude
    values instead of listing them. ``limited`` says that a condition limits the callers, and
    ``owners`` has the values of each condition that limits for whom a service acts; a value that
    is known only after apply is ``UNKNOWN``. ``namespaces`` has those of each condition that limits
    the metrics that it may write.
    """

    principals: tuple[tuple[str, str], ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    excluding: tuple[str, ...]
    limited: bool
    owners: tuple[tuple[Any, ...], ...] = ()
    namespaces: tuple[tuple[Any, ...], ...] = ()


def grants(stack: Stack, holder: Resource, path: str) -> list[Grant]:
    """Return what a policy allows; empty if it is not set. Raises ``NotShownError``."""
    text = holder.planned(path)
    if text is UNKNOWN:
        if not stack.is_set(holder, path):
            return []
        documents = [_documents(origin.resources) for origin in stack.trace(holder, path)]
        if not documents or not all(documents):
            raise NotShownError(
                f"{path} is known only after apply; write it as a data.aws_iam_policy_document, "
                "or build its ARNs from known names"
            )
        return [g for group in documents for d in group for g in _from_document(stack, d)]
    return list(_parsed(text)) if text else []


def _documents(resources: tuple[Resource, ...]) -> list[Resource]:
    return [r for r in resources if (r.mode, r.type) == _DOCUMENT]


def _from_document(stack: Stack, document: Resource) -> Iterator[Grant]:
    text = document.planned("json")
    if isinstance(text, str):
        yield from _parsed(text)
        return
    blocks = document.planned("statement")
    if blocks is UNKNOWN or not all(isinstance(block, Mapping) for block in blocks or ()):
        raise NotShownError(f"{document.address}: its statements are known only after apply")
    for n, block in enumerate(blocks or ()):
        if (block.get("effect") or "Allow").lower() != "allow":
            continue
        principals = _identifiers(stack, document, n, block)
        yield Grant(
            tuple(principals),
            tuple(map(str, _known(document, f"statement.{n}.actions"))),
            tuple(_resources(stack, document, n)),
            tuple(
                name
                for name in ("not_actions", "not_resources", "not_principals")
                if document.planned(f"statement.{n}.{name}")
            ),
            *_limited(
                (str(c.get("test")), str(c.get("variable")), c.get("values"))
                for c in _list(document.planned(f"statement.{n}.condition"))
                if isinstance(c, Mapping)
            ),
        )
    for name in _MERGED:
        parts = document.planned(name)
        yield from (g for part in _list(parts) if isinstance(part, str) for g in _parsed(part))
        origins = stack.trace(document, name)
        merged = [_documents(origin.resources) for origin in origins]
        hidden = parts is UNKNOWN or (isinstance(parts, list) and None in parts)
        if hidden and not (merged and all(merged)):
            raise NotShownError(f"{document.address}: {name} is known only after apply")
        yield from (g for group in merged for d in group for g in _from_document(stack, d))


def _known(document: Resource, path: str) -> list[Any]:
    values = document.planned(path)
    if values is UNKNOWN or (isinstance(values, list) and None in values):
        raise NotShownError(f"{document.address}: {path} is known only after apply")
    return _list(values)


def _resources(stack: Stack, document: Resource, n: int) -> Iterator[str]:
    """Yield ARNs and patterns, and where those come from that are not known yet."""
    path = f"statement.{n}.resources"
    values = document.planned(path)
    yield from (str(value) for value in _list(values) if value not in (None, UNKNOWN))
    hidden = values is UNKNOWN or None in _list(values)
    origins = stack.trace(document, path)
    if hidden and not origins:  # The configuration does not contain dynamic blocks.
        yield f"{path} of {document.address}"
    for origin in origins:
        yield from (r.address for r in origin.resources if r.mode == "managed" or hidden)
        if hidden and not origin.resources and origin.literal is UNKNOWN:
            yield origin.text


def _identifiers(
    stack: Stack, document: Resource, n: int, block: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    if document.planned(f"statement.{n}.principals") is UNKNOWN:
        raise NotShownError(f"{document.address}: its principals are known only after apply")
    for m, principal in enumerate(block.get("principals") or ()):
        if not isinstance(principal, Mapping):
            raise NotShownError(f"{document.address}: its principals are known only after apply")
        path = f"statement.{n}.principals.{m}.identifiers"
        values = document.planned(path)
        origins = stack.trace(document, path)
        names = [name for name in _list(values) if isinstance(name, str)]
        if not names and not any(origin.resources for origin in origins):
            raise NotShownError(f"{document.address}: {path} is known only after apply")
        kind = str(principal.get("type"))
        yield from ((kind, name) for name in names)
        yield from ((kind, r.address) for origin in origins for r in origin.resources)


def _parsed(text: Any) -> Iterator[Grant]:
    try:
        each = statements(text)
    except ValueError as error:
        raise NotShownError(f"not a policy in JSON: {error}") from error
    for statement in each:
        if statement["Effect"] != "Allow":
            continue
        principal = statement.get("Principal")
        kinds = principal if isinstance(principal, Mapping) else {"": principal}
        yield Grant(
            tuple((kind, str(name)) for kind, names in kinds.items() for name in _list(names)),
            tuple(map(str, _list(statement.get("Action")))),
            tuple(map(str, _list(statement.get("Resource")))),
            tuple(n for n in ("NotAction", "NotResource", "NotPrincipal") if n in statement),
            *_limited(
                (operator, variable, values)
                for operator, tests in (statement.get("Condition") or {}).items()
                for variable, values in tests.items()
            ),
        )


def _limited(
    conditions: Iterable[tuple[str, str, Any]],
) -> tuple[bool, tuple[tuple[Any, ...], ...], tuple[tuple[Any, ...], ...]]:
    """Return whether conditions limit the callers, and the values of some of them.

    The values are those of conditions on accounts and ARNs, and of those on namespaces of metrics.
    """
    # The provider joins the values of conditions that have the same test and variable.
    joined: dict[tuple[str, str], list[Any]] = {}
    for test, variable, values in conditions:
        joined.setdefault((test.lower(), variable.lower()), []).extend(_shown(values))
    each = [(test, variable, values) for (test, variable), values in joined.items()]
    found = [
        (variable, values) for test, variable, values in each if _limits(test, variable, values)
    ]
    spaces = [values for test, variable, values in each if (test, variable) in _OF_NAMESPACES]
    return (
        bool(found),
        tuple(tuple(values) for variable, values in found if variable in _OWNERS),
        tuple(map(tuple, spaces)),
    )


def _shown(values: Any) -> tuple[Any, ...]:
    return tuple(UNKNOWN if value is None else value for value in _list(values) or [None])


def _limits(operator: str, variable: str, values: Any) -> bool:
    """Return whether a condition lets only some accounts, organisations or networks in.

    >>> _limits("StringEquals", "aws:SourceAccount", "111122223333")
    True
    >>> _limits("StringLike", "aws:PrincipalArn", ["*"])
    False
    >>> _limits("Bool", "aws:SecureTransport", "true")
    False
    """
    plain = operator.lower().removeprefix("foranyvalue:")
    if plain not in _OPERATORS or variable.lower() not in _LIMITS:
        return False
    return all(not isinstance(value, str) or _narrow(value) for value in _list(values))


def _narrow(value: str) -> bool:
    """Return whether a pattern names an account or an id, not just any.

    >>> _narrow("arn:aws:logs:eu-west-1:111122223333:*"), _narrow("arn:aws:sns:*:*:*")
    (True, False)
    """
    parts = value.split(":", 5)
    name = parts[4] if len(parts) == 6 and parts[4] else value
    return name.strip("*?") == name or (name == value and len(parts) == 1 and "-" in name)


def _list(value: Any) -> list[Any]:
    if value is None or value is UNKNOWN:
        return []
    return value if isinstance(value, list) else [value]
