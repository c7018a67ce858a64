"""Compare two plans of one stack, and return what the second changes in the first one's resources.

Both plans are made offline and start from an empty state, so they describe all resources.
Resources are compared by address, following ``moved`` blocks, and then by argument, without those
of ``ignore_changes``. For resources that hold data, a table says which arguments make the provider
replace them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from finbase.aws.replacements import replacements
from finbase.plan.model import Action, Change, ResourceChange, blocks, loses, managed

UNKNOWN = "(known after apply)"
_HIDDEN = "(sensitive)"
_INDEX = re.compile(r"\[[^\]]*\]$")
_GUARD = "terraform_data.keep_"
_REFUSED = "; Terraform refuses that as long as deletion_protection is true"
_DERIVED = frozenset({"tags_all"})


@dataclass(frozen=True)
class Argument:
    """An argument that changes, such as ``tags.Name``; values are JSON, or text in parentheses."""

    name: str
    before: str
    after: str

    @property
    def attribute(self) -> str:
        """The attribute of the resource that it is a part of, such as ``tags``."""
        return re.split(r"[.\[]", self.name)[0]


@dataclass(frozen=True)
class Effect:
    """A change of one resource.

    ``loses`` says which data would be lost, if any. ``restarts`` says whether the change in place
    interrupts the service.
    """

    address: str
    action: Action
    arguments: tuple[Argument, ...] = ()
    moved_from: str = ""
    loses: str = ""
    restarts: bool = False


def effects(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    moved: Mapping[str, str],
    ignored: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> tuple[Effect, ...]:
    """Return the effects of applying ``after``, sorted by address.

    Both are plans as ``terraform show -json`` prints them. ``moved`` maps old addresses to new
    ones, and ``ignored`` new ones to the arguments that ``ignore_changes`` lists; all without the
    key of an instance.
    """
    old = {_followed(address, moved): (address, r) for address, r in _resources(before).items()}
    new = _resources(after)
    expressions = [_expressions(plan, moved) for plan in (before, after)]
    guarded = _guarded(before) & _guarded(after)
    result = []
    for address in sorted(old.keys() | new.keys()):
        if address not in new:
            was, resource = old[address]
            result.append(Effect(was, "destroy", loses=loses(resource)))
        elif address not in old:
            result.append(Effect(address, "add"))
        else:
            was, resource = old[address]
            base = _INDEX.sub("", address)
            texts = [references.get(base, {}) for references in expressions]
            stays = ignored.get(base, frozenset())
            arguments = tuple(
                argument
                for argument in _arguments(resource, new[address], texts[0], texts[1])
                if not _stays(argument, stays)
            )
            refused = resource.get("module_address", "") in guarded
            result += _effect(address, was, resource, arguments, refused=refused)
    return tuple(result)


def _effect(
    address: str,
    was: str,
    resource: ResourceChange,
    arguments: tuple[Argument, ...],
    *,
    refused: bool,
) -> Iterator[Effect]:
    moved_from = was if was != address else ""
    known = replacements().get(resource["type"])
    names = {argument.attribute for argument in arguments}
    if known and names & known.arguments:
        refused = refused and resource["type"] == "aws_db_instance"
        loses_ = f"{known.loses}{_REFUSED if refused else ''}"
        yield Effect(address, "replace", arguments, moved_from, loses_)
    elif arguments:
        restarts = known is not None and not names.isdisjoint(known.restarts)
        yield Effect(address, "change", arguments, moved_from, restarts=restarts)
    elif moved_from:
        yield Effect(address, "move", moved_from=moved_from)


def _guarded(plan: Mapping[str, Any]) -> frozenset[str]:
    """Return the modules whose database the stack keeps Terraform from replacing."""
    names = (r["address"].partition(_GUARD) for r in managed(plan))
    return frozenset(f"module.{label}" for before, found, label in names if found and not before)


def _stays(argument: Argument, ignored: frozenset[str]) -> bool:
    """Return whether an argument keeps its value, because Terraform ignores that it changes.

    A name that the provider would make from an ignored prefix stays, too.

    >>> _stays(Argument("name", '"a"', UNKNOWN), frozenset({"name_prefix"}))
    True
    >>> _stays(Argument("name", '"a"', '"b"'), frozenset({"name_prefix"}))
    False
    """
    name = argument.attribute
    made = argument.after == UNKNOWN and f"{name}_prefix" in ignored
    return made or name in ignored or "all" in ignored


def _resources(plan: Mapping[str, Any]) -> dict[str, ResourceChange]:
    return {resource["address"]: resource for resource in managed(plan)}


def _followed(address: str, moved: Mapping[str, str]) -> str:
    match = _INDEX.search(address)
    base, index = (address[: match.start()], match[0]) if match else (address, "")
    seen = set()
    # A new address with a key is that of the one instance without a key.
    while base in moved and base not in seen and not (index and moved[base].endswith("]")):
        seen.add(base)
        base = moved[base]
    return base + index


def _arguments(
    old: ResourceChange,
    new: ResourceChange,
    old_texts: Mapping[str, str],
    new_texts: Mapping[str, str],
) -> Iterator[Argument]:
    """Yield arguments whose values differ, or whose references differ if both are unknown."""
    before, after = _flat(old["change"]), _flat(new["change"])
    for argument in _differing(before, after):
        if argument.name.partition(".")[0] not in _DERIVED:
            yield argument
    for argument in _differing(old_texts, new_texts):
        if before.get(argument.name, UNKNOWN) == after.get(argument.name, UNKNOWN) == UNKNOWN:
            yield argument


def differences(change: Change) -> tuple[Argument, ...]:
    """Return every value that differs before and after an apply, sorted by name, without tags."""
    values = _differing(_values(change, "before"), _values(change, "after"))
    return tuple(argument for argument in values if not argument.name.startswith("tags"))


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Argument]:
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name, "null"), after.get(name, "null")
        if one != other:
            yield Argument(name, one, other)


def _values(change: Change, side: Literal["before", "after"]) -> dict[str, str]:
    """Return every value on one side of a change as text, by its path."""
    if side == "after":
        return _flat(change) if change.get("after") else {}
    before = change.get("before")
    return dict(_flatten(before, None, change.get("before_sensitive"), "")) if before else {}


def _flat(change: Change) -> dict[str, str]:
    """Return every planned value of a change as text, by its path, as ``route[0].cidr_block``."""
    after, unknown = change.get("after"), change.get("after_unknown")
    return dict(_flatten(after, unknown, change.get("after_sensitive"), ""))


def _flatten(value: Any, unknown: Any, sensitive: Any, path: str) -> Iterator[tuple[str, str]]:
    import json

    if isinstance(value, str):
        value = _document(value)
    match value, unknown:
        case _, True:
            yield path, UNKNOWN
        case _ if sensitive is True:
            yield path, _HIDDEN
        case [_, *_], _:
            for index, (label, part) in enumerate(zip(_labels(value), value, strict=True)):
                inner = _part(unknown, index), _part(sensitive, index)
                yield from _flatten(part, *inner, f"{path}[{label}]")
        case (dict() | None, dict()) | (dict(), _) if value or unknown:
            known = value or {}
            for name in {**known, **(unknown if isinstance(unknown, dict) else {})}:
                inner = _part(unknown, name), _part(sensitive, name)
                step = f"{path}.{name}" if path else name
                yield from _flatten(known.get(name), *inner, step)
        case _:
            yield path, json.dumps(value, ensure_ascii=False)


def _labels(values: list[Any]) -> list[Any]:
    """Return what identifies the parts of a list: their names if all differ, or their numbers.

    >>> _labels([{"name": "rds.force_ssl", "value": "1"}, {"name": "work_mem"}]), _labels(["a"])
    (['rds.force_ssl', 'work_mem'], [0])
    """
    names = [part.get("name") if isinstance(part, dict) else None for part in values]
    if all(isinstance(name, str) for name in names) and len({*names}) == len(names):
        return names
    return [*range(len(values))]


def _document(text: str) -> Any:
    """Parse a JSON document, such as a policy, to compare its parts; return other text."""
    import json

    if text[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return text


def _part(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return None


def _expressions(plan: Mapping[str, Any], moved: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the references of each top-level argument, by address without key and by name."""
    root = plan.get("configuration", {}).get("root_module", {})
    return {
        _followed(address, moved): {
            name: _references(expression, address.removesuffix(block["address"]), moved)
            for name, expression in block.get("expressions", {}).items()
            if isinstance(expression, dict) and "references" in expression
        }
        for address, block in blocks(root)
    }


def _references(expression: Mapping[str, Any], prefix: str, moved: Mapping[str, str]) -> str:
    """Return the references of an expression as text, with the new addresses of resources."""
    names = set()
    for reference in expression["references"]:
        parts = reference.split(".")
        base = f"{prefix}{'.'.join(parts[:2])}"
        now = _followed(base, moved).removeprefix(prefix)
        names.add(".".join([now, *parts[2:]]) if len(parts) > 1 else reference)
    return f"(from {', '.join(sorted(names))})"
