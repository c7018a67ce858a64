"""Two plans of one stack → what applying the second would do to what the first has made.

Both are plans from nothing, made offline, so they say what there shall be. Resources are
compared by address, with ``moved`` blocks followed, and argument by argument. Whether the
provider replaces a resource or changes it in place is known for those whose loss would hurt.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from finbase.aws.replacements import replacements

__all__ = ["Argument", "Effect", "Kind", "effects"]

Kind: TypeAlias = Literal["added", "changed", "moved", "replaced", "destroyed"]

_UNKNOWN = "(known after apply)"
_HIDDEN = "(sensitive)"
_INDEX = re.compile(r"\[[^\]]*\]$")
_DERIVED = frozenset({"tags_all"})


@dataclass(frozen=True)
class Argument:
    """An argument that changes, by its way in; values as JSON, or in words in brackets."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Effect:
    """What happens to one resource. ``loses`` says what would be lost with it, if anything."""

    address: str
    kind: Kind
    arguments: tuple[Argument, ...] = ()
    moved_from: str = ""
    loses: str = ""


def effects(
    before: Mapping[str, Any], after: Mapping[str, Any], moved: Mapping[str, str]
) -> tuple[Effect, ...]:
    """Compare two plans (as ``terraform show -json`` gives them), sorted by address.

    ``moved`` leads from old addresses to new ones, both without the key of an instance.
    """
    old = {_followed(address, moved): (address, r) for address, r in _resources(before).items()}
    new = _resources(after)
    expressions = [_expressions(plan, moved) for plan in (before, after)]
    found = []
    for address in sorted(old.keys() | new.keys()):
        if address not in new:
            was, resource = old[address]
            found.append(Effect(was, "destroyed", loses=_loses(resource)))
        elif address not in old:
            found.append(Effect(address, "added"))
        else:
            was, resource = old[address]
            texts = [each.get(_INDEX.sub("", address), {}) for each in expressions]
            arguments = tuple(_arguments(resource, new[address], texts[0], texts[1]))
            found += _effect(address, was, resource, arguments)
    return tuple(found)


def _effect(
    address: str, was: str, resource: Mapping[str, Any], arguments: tuple[Argument, ...]
) -> Iterator[Effect]:
    moved_from = was if was != address else ""
    known = replacements().get(resource["type"])
    names = {re.split(r"[.\[]", argument.name)[0] for argument in arguments}
    if known and names & known.arguments:
        yield Effect(address, "replaced", arguments, moved_from, known.loses)
    elif arguments:
        yield Effect(address, "changed", arguments, moved_from)
    elif moved_from:
        yield Effect(address, "moved", moved_from=moved_from)


def _loses(resource: Mapping[str, Any]) -> str:
    known = replacements().get(resource["type"])
    return known.loses if known else ""


def _resources(plan: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {r["address"]: r for r in plan.get("resource_changes", ()) if r["mode"] == "managed"}


def _followed(address: str, moved: Mapping[str, str]) -> str:
    match = _INDEX.search(address)
    base, index = (address[: match.start()], match[0]) if match else (address, "")
    seen = set()
    while base in moved and base not in seen:
        seen.add(base)
        base = moved[base]
    return base + index


def _arguments(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    old_texts: Mapping[str, str],
    new_texts: Mapping[str, str],
) -> Iterator[Argument]:
    """Yield what differs in value; and, where neither value is known, in what it is made of."""
    before, after = _flat(old["change"]), _flat(new["change"])
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name, "null"), after.get(name, "null")
        if name.partition(".")[0] not in _DERIVED and one != other:
            yield Argument(name, one, other)
    for name in sorted(old_texts.keys() | new_texts.keys()):
        one, other = old_texts.get(name, "null"), new_texts.get(name, "null")
        unknown = before.get(name, _UNKNOWN) == after.get(name, _UNKNOWN) == _UNKNOWN
        if one != other and unknown:
            yield Argument(name, one, other)


def _flat(change: Mapping[str, Any]) -> dict[str, str]:
    """List every value that a plan gives, as text, by its way in."""
    found: dict[str, str] = {}
    _flatten(
        change.get("after"), change.get("after_unknown"), change.get("after_sensitive"), "", found
    )
    return found


def _flatten(value: Any, unknown: Any, sensitive: Any, way: str, found: dict[str, str]) -> None:
    import json

    if unknown is True or sensitive is True:
        found[way] = _UNKNOWN if unknown is True else _HIDDEN
        return
    if isinstance(value, str):
        value = _document(value)
    parts: Mapping[str, Any] | None = None
    if isinstance(value, dict) or isinstance(unknown, dict):
        names = {**(value or {}), **(unknown if isinstance(unknown, dict) else {})}
        parts = {name: (value or {}).get(name) for name in names}
    elif isinstance(value, list):
        parts = {str(number): each for number, each in enumerate(value)}
    if not parts:
        found[way] = json.dumps(value, ensure_ascii=False)
        return
    for name, part in parts.items():
        inner = [_part(each, name) for each in (unknown, sensitive)]
        step = f"[{name}]" if isinstance(value, list) else (f".{name}" if way else name)
        _flatten(part, inner[0], inner[1], f"{way}{step}", found)


def _document(text: str) -> Any:
    """Read a JSON document, such as a policy, so that its parts are compared; else the text."""
    import json

    if text[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return text


def _part(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isdigit() and int(name) < len(value):
        return value[int(name)]
    return None


def _expressions(plan: Mapping[str, Any], moved: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """List what each top-level argument refers to: address without key → argument → text."""
    found: dict[str, dict[str, str]] = {}

    def walk(module: Mapping[str, Any], prefix: str) -> None:
        for resource in module.get("resources", ()):
            address = _followed(f"{prefix}{resource['address']}", moved)
            found[address] = {
                name: _references(expression, prefix, moved)
                for name, expression in resource.get("expressions", {}).items()
                if isinstance(expression, dict) and "references" in expression
            }
        for name, call in module.get("module_calls", {}).items():
            walk(call.get("module", {}), f"{prefix}module.{name}.")

    walk(plan.get("configuration", {}).get("root_module", {}), "")
    return found


def _references(expression: Mapping[str, Any], prefix: str, moved: Mapping[str, str]) -> str:
    """Say what an expression refers to, with resources under the addresses they have now."""
    names = set()
    for reference in expression["references"]:
        parts = reference.split(".")
        base = f"{prefix}{'.'.join(parts[:2])}"
        now = _followed(base, moved).removeprefix(prefix)
        names.add(".".join([now, *parts[2:]]) if len(parts) > 1 else reference)
    return f"(from {', '.join(sorted(names))})"
