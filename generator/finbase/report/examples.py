"""Examples of accepted and refused values."""

from __future__ import annotations

import json

_FEW = 6


def scalar(value: object) -> str:
    """Return a value on one line; of a mapping of mappings only the keys.

    >>> scalar(["a", 1])
    '["a", 1]'
    >>> scalar({"app": {}, "reporting": {}})
    'app, reporting'
    """
    if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
        names = list(value)
        few = len(names) <= _FEW
        return ", ".join(names) if few else f"{names[0]} to {names[-1]}, {len(names)} in all"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
