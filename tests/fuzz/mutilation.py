"""Ways to mutilate a plan: one part taken out, emptied, of another type, doubled or huge.

None of them puts in what a scenario looks for, so a plan that fails a scenario must go on
failing it, or be refused. A place is the way to a value: keys and indexes from the top.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeAlias

Place: TypeAlias = tuple[str | int, ...]

_GONE = object()
_GIANT = "x" * 1_000_000


def _empty(value: Any) -> Any:
    return type(value)() if isinstance(value, dict | list | str) else None


def _of_another_type(value: Any) -> Any:
    match value:
        case dict():
            return list(value.values())
        case list():
            return {str(number): each for number, each in enumerate(value)}
        case str():
            return [value]
        case _:
            return {"value": value}


WAYS: Mapping[str, Callable[[Any], Any]] = {
    "gone": lambda _: _GONE,
    "null": lambda _: None,
    "empty": _empty,
    "type": _of_another_type,
    "giant": lambda _: _GIANT,
    "wrapped": lambda value: [value],
    "text": lambda value: json.dumps(value),
}


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every place below a value."""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        yield (*at, key)
        if isinstance(part, dict | list):
            yield from places(part, (*at, key))


def spoil(plan: MutableMapping[str, Any], place: Place, way: str) -> Callable[[], None]:
    """Change the plan in one place; what is given back undoes it.

    Raises ``LookupError`` or ``TypeError`` where there is no such place.
    """
    holder: Any = plan
    for key in place[:-1]:
        holder = holder[key]
    last = place[-1]
    before = list(holder.items()) if isinstance(holder, dict) else list(holder)
    value = WAYS[way](holder[last])
    if value is _GONE:
        del holder[last]
    else:
        holder[last] = value

    def undo() -> None:
        holder.clear()
        if isinstance(holder, dict):
            holder.update(before)
        else:
            holder.extend(before)

    return undo


@contextmanager
def mutilated(plan: MutableMapping[str, Any], place: Place, way: str) -> Iterator[None]:
    """The plan, changed in one place as long as the context lasts."""
    undo = spoil(plan, place, way)
    try:
        yield
    finally:
        undo()


def _flip(data: bytes, at: int, much: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << much % 8)]) + data[at + 1 :]


BYTES: Mapping[str, Callable[[bytes, int, int], bytes]] = {
    "truncated": lambda data, at, _: data[:at],
    "beheaded": lambda data, at, _: data[at:],
    "flipped": _flip,
    "cut": lambda data, at, much: data[:at] + data[at + much % 4096 + 1 :],
    "doubled": lambda data, at, much: data[: at + much % 4096 + 1] + data[at:],
}
"""Ways to mutilate the text of a plan at an offset, by an amount."""
