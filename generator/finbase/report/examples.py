"""Examples of accepted and refused values."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TypeGuard

from finbase.source.scalars import plain

_FEW = 6
_PLAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._/@+-]|:(?! |$))*")


def scalar(value: object, among: Sequence[object] = ()) -> str:
    """Return a value on one line; of a mapping of mappings only the keys.

    If others ``among`` the examples have the same keys, it is the whole mapping.

    >>> scalar(["a", 1])
    '["a", 1]'
    >>> reporting, batch = {"app": {"port": 1150}}, {"app": {"port": 1149}}
    >>> scalar(reporting), scalar(reporting, [reporting, batch])
    ('app', '{app: {port: 1150}}')
    """
    if _is_named(value):
        keys = [tuple(other) for other in among if _is_named(other)]
        if len(set(keys)) < len(keys):
            return _flow(value)
        names = list(value)
        few = len(names) <= _FEW
        return ", ".join(names) if few else f"{names[0]} to {names[-1]}, {len(names)} in all"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _is_named(value: object) -> TypeGuard[dict[str, dict[str, object]]]:
    return isinstance(value, dict) and all([value, *(isinstance(v, dict) for v in value.values())])


def _flow(value: object) -> str:
    """Return a value as YAML on one line, with quotes only where YAML needs them.

    >>> _flow({"a": {"tiers": ["private"], "reason": "?", "account_id": "011122223333"}})
    '{a: {tiers: [private], reason: "?", account_id: "011122223333"}}'
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and plain(value) == value:
        return json.dumps(value) if value.isdecimal() else value
    return json.dumps(value, ensure_ascii=False)
