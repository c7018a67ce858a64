"""Rules as data: ``rules.yaml`` compares members of a request with constants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Any

from finbase.sandbox.refusals.rule import Request, Rule, page
from finbase.source.cache import load_yaml

_FILE = Path(__file__).with_name("rules.yaml")
_PLACE = re.compile(r"\{([\w.]+)\}")


def rules() -> tuple[Rule, ...]:
    """Return the rules of ``rules.yaml``; raises ``ValueError`` if a condition is unknown."""
    return tuple(_rule(name, data) for name, data in load_yaml(_FILE.read_bytes()).items())


def _rule(name: str, data: Mapping[str, Any]) -> Rule:
    service, *operations = data["of"].split()
    conditions = {member: _condition(text) for member, text in data["if"].items()}
    valid = _valid(*next(iter(conditions.values())))

    def check(request: Request) -> str | None:
        """Return AWS's message if the request meets all conditions."""
        met = [
            [value for value in _values(request.params, members) if _holds(value, *condition)]
            for members, condition in conditions.items()
        ]
        if not all(met):
            return None
        special = {"valid": valid, "value": str(met[0][0])}
        return _PLACE.sub(
            lambda place: special.get(place[1]) or str(_values(request.params, place[1])[0]),
            data["text"],
        )

    source, says = page(data["source"]), data["says"]
    return Rule(name, service, tuple(operations), data["code"], check, source, says)


def _condition(text: str) -> tuple[str, str]:
    verb, _, rest = text.partition(" ")
    if verb not in ("present", "absent", "is", "not", "outside", "unlike"):
        raise ValueError(f"unknown condition: {text}")
    return verb, rest


def _valid(verb: str, rest: str) -> str:
    """Return the values or limits of a condition for a message.

    >>> _valid("outside", "7 30"), _valid("not", "7 30")
    ('7 to 30', '7, 30')
    """
    return (" to " if verb == "outside" else ", ").join(rest.split())


def _holds(value: Any, verb: str, rest: str) -> bool:
    """Return whether a value meets a condition; a missing one meets only ``absent``.

    >>> _holds(6, "outside", "7 30"), _holds("abc", "outside", "1 2"), _holds(None, "not", "1")
    (True, True, False)
    >>> _holds(True, "is", "True"), _holds("a1", "unlike", "[a-z]+"), _holds([], "absent", "")
    (True, True, True)
    """
    if verb in ("present", "absent"):
        missing = value is None or value is False or value == "" or value == []
        return missing == (verb == "absent")
    if value is None:
        return False
    if verb == "unlike":
        return not re.fullmatch(rest, str(value), re.ASCII)
    if verb == "outside":
        least, most = map(float, rest.split())
        return not least <= (len(value) if isinstance(value, Sized) else value) <= most
    return (str(value) in rest.split()) == (verb == "is")


def _values(params: Mapping[str, Any], members: str) -> list[Any]:
    """Return the values of members, also those in lists on the way; None stands for no value.

    >>> _values({"A": [{"B": 1}, {"B": 2}, {}], "C": 3}, "A.B C"), _values({}, "A.B")
    ([1, 2, 3], [None])
    """
    values: list[Any] = []
    for path in members.split():
        found: list[Any] = [params]
        for name in path.split("."):
            nested = (each if isinstance(each, list) else [each] for each in found)
            inner = [item for items in nested for item in items if isinstance(item, Mapping)]
            found = [item[name] for item in inner if item.get(name) is not None]
        values += found
    return values or [None]
