"""Read the text of a policy strictly.

The AWS provider accepts the names of elements in any case, and the last one of two. A reader who
looks for ``Statement`` only would see nothing where AWS gets a statement: other names are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_ELEMENTS = {"Version", "Id", "Statement"}
_OF_STATEMENTS = {
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource"),
    *("NotResource", "Condition"),
}
_EFFECTS = ("Allow", "Deny")
_PRINCIPALS = {"AWS", "Service", "Federated", "CanonicalUser", "*"}


def statements(policy: Any) -> list[Mapping[str, Any]]:
    """Return the statements of a policy, which is JSON text or its value.

    Raises ``ValueError`` if it is not a policy, or if another reader could read it differently.

    >>> statements('{"Statement": {"Effect": "Allow", "Action": "sqs:ListQueues"}}')
    [{'Effect': 'Allow', 'Action': 'sqs:ListQueues'}]
    >>> statements('{"statement": []}')
    Traceback (most recent call last):
        ...
    ValueError: a policy has no element statement
    """
    if isinstance(policy, str):
        policy = json.loads(policy, object_pairs_hook=once)
    if not isinstance(policy, Mapping):
        raise ValueError(f"a policy is an object, not {json.dumps(policy)}")
    _only("a policy", policy, _ELEMENTS)
    found = policy.get("Statement") or []
    each = found if isinstance(found, list) else [found]
    for statement in each:
        if not isinstance(statement, Mapping):
            raise ValueError(f"a statement is an object, not {json.dumps(statement)}")
        _only("a statement", statement, _OF_STATEMENTS)
        if statement.get("Effect") not in _EFFECTS:
            raise ValueError(f"Effect is Allow or Deny, not {json.dumps(statement.get('Effect'))}")
        for name in ("Principal", "NotPrincipal"):
            if isinstance(kinds := statement.get(name), Mapping):
                _only(name, kinds, _PRINCIPALS)
    return each


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of pairs. Raises ``ValueError`` if it has a name twice."""
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"it has {twice[0]} twice")
    return dict(pairs)


def _only(what: str, found: Iterable[str], names: set[str]) -> None:
    if others := sorted({*found} - names):
        raise ValueError(f"{what} has no element {others[0]}")
