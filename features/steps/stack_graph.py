"""A plan as a graph: what every resource is set to, and where each value comes from.

A plan's values say ``null`` where the answer lies in the future: the id of a gateway, the ARN
of a key. Its configuration knows what they will be taken from. This module reads both and
follows a reference to its end: ``var.x`` to the argument of the module call,
``module.m.output`` to the expression in the child, ``aws_x.y[each.key]`` to the instance of
the same key.

What a plan does not hold, nobody can read from it: locals, and the functions and conditions
around a reference. So an argument *proves* an instance only if that is the only one that its
expression can mean (``Stack.one``). What cannot be followed is an origin without resources,
and proves nothing. One thing stays open: an index that literals and ``each.key`` alone decide,
such as ``aws_x.y[replace(each.key, "a", "b")]``, looks like ``aws_x.y[each.key]``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parent))

from addresses import Key, ModulePath, dotted, module_path, prefix, tokens, whole

_SAME_KEY = ("each.key", "count.index")


class Unknown:
    """The value of what is known after apply only."""

    def __repr__(self) -> str:
        return "known after apply"


UNKNOWN = Unknown()


class Resource(NamedTuple):
    """One planned instance of a resource, or of a data source."""

    address: str
    module: ModulePath
    mode: str
    type: str
    name: str
    key: Key
    values: Mapping[str, Any]
    unknown: Mapping[str, Any]
    before: Mapping[str, Any]
    configuration: Mapping[str, Any]

    def planned(self, path: str) -> Any:
        """The planned value at ``a.0.b``: None where unset, ``UNKNOWN`` until applied."""
        value: Any = self.values
        unknown: Any = self.unknown
        for part in path.split("."):
            value, unknown = _item(value, part), _item(unknown, part)
            if unknown is True:
                return UNKNOWN
        return value

    def expression(self, path: str) -> Mapping[str, Any] | None:
        """What the configuration writes for ``a.0.b``; None where it writes nothing."""
        found: Any = self.configuration.get("expressions", {})
        for part in path.split("."):
            found = _item(found, part)
        return found if isinstance(found, Mapping) else None

    def writes(self, argument: str) -> bool:
        """Whether the configuration writes an argument, or a block of that name."""
        return argument in self.configuration.get("expressions", {})

    def holds(self, block: str) -> bool:
        """Whether a block of that name is written, or made by a dynamic one.

        A dynamic block is missing in the configuration. In a new resource, what it makes is
        planned. In one that exists, resources that stand beside it are read back into it as well,
        so that only a change of what was there tells of a block.
        """
        if self.writes(block):
            return True
        planned = self.planned(block)
        if self.planned("id") is UNKNOWN:
            return planned not in (None, [], UNKNOWN)
        return (planned or []) != (self.before.get(block) or [])

    def paths(self, under: str) -> Iterator[str]:
        """Every path at and below ``under`` for which the configuration writes something."""
        found: Any = self.configuration.get("expressions", {})
        for part in under.split("."):
            found = _item(found, part)
        yield from _leaves(found, under)

    @property
    def depends_on(self) -> tuple[str, ...]:
        """What ``depends_on`` lists, as written."""
        return tuple(self.configuration.get("depends_on", ()))


class Origin(NamedTuple):
    """The end of one reference: instances of a resource, a literal, or what no plan shows.

    ``resources`` are all instances that may be meant. ``attribute`` is empty where the plan
    does not tell it. ``literal`` is ``UNKNOWN`` for all but literals.
    """

    text: str
    resources: tuple[Resource, ...] = ()
    attribute: str = ""
    literal: Any = UNKNOWN


class _Each(NamedTuple):
    """What ``each`` means to an expression: a key, and the expression of ``for_each``."""

    key: Key = None
    collection: Mapping[str, Any] | None = None


class Stack:
    """All that a plan, as ``terraform show -json`` prints it, says about a stack."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._plan = plan
        self._root: Mapping[str, Any] = plan["configuration"]["root_module"]
        # A deposed object has the address of what took its place, and says nothing about that.
        changes = {
            each["address"]: each["change"]
            for each in plan.get("resource_changes", ())
            if "deposed" not in each
        }
        self.resources = tuple(self._planned(plan["planned_values"]["root_module"], changes))

    def all(self, type: str, name: str | None = None) -> tuple[Resource, ...]:  # noqa: A002
        """Every planned instance of a type, in any module, perhaps of one name alone."""
        return tuple(
            each
            for each in self.resources
            if each.mode == "managed" and each.type == type and name in (None, each.name)
        )

    def trace(self, resource: Resource, path: str) -> tuple[Origin, ...]:
        """Where an argument's value comes from; nothing if it is not written."""
        each = _Each(resource.key, resource.configuration.get("for_each_expression"))
        return self._ends(resource.module, resource.expression(path), each)

    def one(self, resource: Resource, path: str, type: str) -> Resource | None:  # noqa: A002
        """Return the one instance that an argument provably refers to; None if in doubt."""
        found = self.some(resource, path, type)
        return found[0] if len(found) == 1 else None

    def some(self, resource: Resource, path: str, type: str) -> tuple[Resource, ...]:  # noqa: A002
        """Return the instances that an argument refers to; none if it may be anything else."""
        origins, planned = self.trace(resource, path), resource.planned(path)
        found = {each.address: each for origin in origins for each in origin.resources}
        fits = all(_can_be(planned, origin) for origin in origins)
        if not fits or any((r.mode, r.type) != ("managed", type) for r in found.values()):
            return ()
        return tuple(found.values())

    def is_set(self, resource: Resource, path: str) -> bool:
        """Whether an argument is written, with something other than null."""
        origins = self.trace(resource, path)
        return bool(origins) and not all(origin.literal is None for origin in origins)

    def outputs(self) -> Iterator[tuple[str, Any, tuple[Origin, ...]]]:
        """Every output of the stack: its name, its value or ``UNKNOWN``, and its origins."""
        values = self._plan["planned_values"].get("outputs", {})
        for name, output in self._root.get("outputs", {}).items():
            value = values.get(name, {}).get("value", UNKNOWN)
            yield name, value, self._ends((), output.get("expression"), _Each())

    def providers(self) -> Iterator[tuple[str, str]]:
        """The providers that the stack configures, each with its version constraint."""
        for each in self._plan["configuration"].get("provider_config", {}).values():
            yield each.get("full_name", each["name"]), each.get("version_constraint", "")

    def _planned(self, module: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[Resource]:
        path = module_path(module.get("address", ""))
        configured = {
            (each["mode"], each["type"], each["name"]): each
            for each in self._configuration(path).get("resources", ())
        }
        for each in module.get("resources", ()):
            mode, type_, name = each["mode"], each["type"], each["name"]
            change = changes.get(each["address"], {})
            yield Resource(
                address=each["address"],
                module=path,
                mode=mode,
                type=type_,
                name=name,
                key=each.get("index"),
                values=each.get("values") or {},
                unknown=change.get("after_unknown") or {},
                before=change.get("before") or {},
                configuration=configured.get((mode, type_, name), {}),
            )
        for child in module.get("child_modules", ()):
            yield from self._planned(child, changes)

    def _configuration(self, path: ModulePath) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._root
        for name, _ in path:
            found = found.get("module_calls", {}).get(name, {}).get("module", {})
        return found

    def _ends(
        self, module: ModulePath, expression: Mapping[str, Any] | None, each: _Each
    ) -> tuple[Origin, ...]:
        if expression is None:
            return ()
        if "constant_value" in expression:
            value = expression["constant_value"]
            return (Origin(f"the literal {value!r}", literal=value),)
        origins: dict[str, Origin] = {}
        references = list(whole(expression.get("references", ())))
        while references:
            found = self._resolve(module, references.pop(0), each)
            if references and references[0] in _SAME_KEY and (same := _of_key(found, each.key)):
                references.pop(0)
                found = same
            origins |= {origin.text: origin for origin in found}
        return tuple(origins.values()) or (Origin("an expression without references"),)

    def _resolve(self, module: ModulePath, reference: str, each: _Each) -> tuple[Origin, ...]:
        parts = tokens(reference)
        match parts:
            case ["var", str(name), *_]:
                return self._variable(module, name)
            case ["module", str(name), int() | (str(),) as index, str(output), *_]:
                key = index if isinstance(index, int) else index[0]
                return self._output(module, name, output, (key,))
            case ["module", str(name), str(output), *_]:
                return self._output(module, name, output, None)
            case ["each", "value", *rest] if each.collection is not None:
                found = _of_key(self._ends(module, each.collection, _Each()), each.key)
                if found:
                    return tuple(o._replace(attribute=dotted(rest)) for o in found)
            case ["data", str(type_), str(name), *rest]:
                return self._instances(module, ("data", type_, name), rest, reference)
            case [("each" | "count" | "local" | "path" | "terraform" | "ephemeral"), *_]:
                pass
            case [str(type_), str(name), *rest]:
                return self._instances(module, ("managed", type_, name), rest, reference)
        return (Origin(f"{prefix(module)}{reference}"),)

    def _instances(
        self,
        module: ModulePath,
        identity: tuple[str, str, str],
        rest: Sequence[Any],
        reference: str,
    ) -> tuple[Origin, ...]:
        found = [r for r in self.resources if (r.module, *r[2:5]) == (module, *identity)]
        if rest and not isinstance(rest[0], str):
            key = rest[0] if isinstance(rest[0], int) else rest[0][0]
            found, rest = [r for r in found if r.key == key], rest[1:]
        return (Origin(f"{prefix(module)}{reference}", tuple(found), dotted(rest)),)

    def _variable(self, module: ModulePath, name: str) -> tuple[Origin, ...]:
        """Follow a variable to the call of its module, else to its value or its default."""
        declared = self._configuration(module).get("variables", {}).get(name, {})
        if not module:
            given = self._plan.get("variables", {}).get(name, declared)
            value = given.get("value", given.get("default", UNKNOWN))
            return (Origin(f"var.{name}", literal=value),)
        *above, (label, key) = module
        parent = tuple(above)
        call = self._configuration(parent).get("module_calls", {}).get(label, {})
        given = call.get("expressions", {}).get(name)
        if given is None:
            text = f"the default of {prefix(module)}var.{name}"
            return (Origin(text, literal=declared.get("default")),)
        return self._ends(parent, given, _Each(key, call.get("for_each_expression")))

    def _output(
        self, module: ModulePath, name: str, output: str, keys: tuple[Key, ...] | None
    ) -> tuple[Origin, ...]:
        """Follow an output into the module, into all its instances where none is named."""
        here = len(module)
        if keys is None:
            paths = (each.module for each in self.resources if each.module[:here] == module)
            keys = tuple({p[here][1]: None for p in paths if p[here:] and p[here][0] == name})
        origins: list[Origin] = []
        for key in keys or (None,):
            child = (*module, (name, key))
            declared = self._configuration(child).get("outputs", {}).get(output, {})
            origins += self._ends(child, declared.get("expression"), _Each())
        return tuple(origins) or (Origin(f"{prefix(module)}module.{name}.{output}"),)


def _of_key(origins: Iterable[Origin], key: Key) -> tuple[Origin, ...]:
    """Narrow origins to the instances of a key; nothing if that is not possible for all."""
    narrowed = []
    for origin in origins:
        found = tuple(each for each in origin.resources if each.key == key)
        if key is None or not found:
            return ()
        narrowed.append(origin._replace(text=found[0].address, resources=found))
    return tuple(narrowed)


def _can_be(planned: Any, origin: Origin) -> bool:
    """Whether a planned value can be that of a reference, and not a literal beside it."""
    if planned is UNKNOWN or isinstance(planned, list):
        return bool(origin.resources)
    if origin.attribute:
        return any(each.planned(origin.attribute) == planned for each in origin.resources)
    return any(planned in each.values.values() for each in origin.resources)


def _leaves(written: Any, path: str) -> Iterator[str]:
    if isinstance(written, Mapping) and written.keys() <= {"references", "constant_value"}:
        yield path
        return
    blocks = enumerate(written) if isinstance(written, list) else (written or {}).items()
    for name, each in blocks:
        yield from _leaves(each, f"{path}.{name}")


def _item(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, Sequence) and not isinstance(value, str) and part.isdecimal():
        return value[int(part)] if int(part) < len(value) else None
    return None
