"""Parse the JSON of a plan strictly."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from finbase.errors import ComplianceError
from finbase.source.scalars import printable

MAKE_HINT: Final = "make it with `terraform show -json PLANFILE > plan.json`"
MOST_BYTES: Final = 16 * 1024 * 1024
"""Some forty times the plan of a whole stack."""
MOST_DEPTH: Final = 100

_ENCODINGS: Final = {
    b"\xef\xbb\xbf": "starts with a byte order mark",
    b"\xff\xfe": "is UTF-16, not UTF-8",
    b"\xfe\xff": "is UTF-16, not UTF-8",
}


def parse(data: bytes, name: str) -> Any:
    """Return the value; ``name`` names the plan in messages.

    Raises ``ComplianceError`` for too large or deeply nested plans, other encodings than UTF-8,
    repeated keys, and numbers that JSON does not allow.
    """
    if len(data) > MOST_BYTES:
        size = f"{name} is larger than {MOST_BYTES // 1024**2} MiB"
        raise ComplianceError(
            size,
            "pass the plan of one stack, which is smaller than 1 MiB",
        )
    for prefix, fault in _ENCODINGS.items():
        if data.startswith(prefix):
            hint = "a shell has re-encoded it: redirect the output as bytes, or with cmd /c"
            raise ComplianceError(f"{name} {fault}", hint)
    try:
        plan = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_refuse,
            parse_float=_finite,
        )
        _bounded(plan)
        json.dumps(plan, ensure_ascii=False).encode()  # Raises for half of a surrogate pair.
    except RecursionError as error:
        what = f"{name} is nested more than {MOST_DEPTH} levels deep"
        raise ComplianceError(what, MAKE_HINT) from error
    except ValueError as error:
        raise ComplianceError(f"{name} is not JSON: {_reason(error)}", MAKE_HINT) from error
    return plan


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {printable(repeated)} occurs twice in one object")
    return parsed


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{printable(text)} is too large for a number")
    return value


def _bounded(plan: Any) -> None:
    level = [plan]
    for _ in range(MOST_DEPTH):
        level = [part for value in level for part in _parts(value)]
        if not level:
            return
    raise RecursionError


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte 0x{error.object[error.start]:02x} at offset {error.start} is not UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "a string contains half of a surrogate pair"
    return str(error)
