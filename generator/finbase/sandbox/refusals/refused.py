"""Rules as data: ``rules.yaml`` compares members of a request with constants."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
        if not all(
            _holds(_member(request.params, member), *condition)
            for member, condition in conditions.items()
        ):
            return None
        return _PLACE.sub(
            lambda place: valid if place[1] == "valid" else str(_member(request.params, place[1])),
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
        return not least <= (len(value) if isinstance(value, str) else value) <= most
    return (str(value) in rest.split()) == (verb == "is")


def _member(params: Mapping[str, Any], path: str) -> Any:
    value: Any = params
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
