"""Read a plan as a graph: the arguments of each resource, and the origin of each value.

The planned value of an argument is ``null`` while AWS has not assigned it yet, such as the id of a
gateway. The configuration in the plan still shows the reference. This module reads both and follows
a reference to its end: ``var.x`` to the argument of the module call, ``module.m.output`` to the
expression in the child, ``aws_x.y[each.key]`` to the instance with the same key.

A plan contains neither locals nor the functions and conditions around a reference. So an argument
proves an instance only if its expression can mean no other one (``Stack.one``). A reference that
cannot be followed becomes an origin without resources, which proves nothing. One gap is left: an
index computed from literals and ``each.key``, such as ``aws_x.y[replace(each.key, "a", "b")]``,
looks like ``aws_x.y[each.key]``. A key such as ``a/b`` means the instance ``a`` where none has the
whole key: ``aws_x.y[split("/", each.key)[0]]``.

This file imports only the standard library: finbase loads it alone, to draw the same graph.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

Key = str | int | None
ModulePath = tuple[tuple[str, Key], ...]

_CALL = re.compile(r'module\.([\w-]+)(?:\[(?:"((?:[^"\\]|\\.)*)"|(\d+))\])?')
_TOKEN = re.compile(r'([\w-]+)|\[(?:"((?:[^"\\]|\\.)*)"|(\d+))\]')
_SAME_KEY = ("each.key", "count.index")
EXISTING_NETWORK = "existing_network"
"""The module that reads a network from the account, in the place of ``network``."""
_SCALAR = bool | int | float | str
_IDENTITY = ("id", "arn", "name", "identifier", "key_id", "function_name")


class Unknown:
    """The type of ``UNKNOWN``, which stands for a value that is known only after apply."""

    def __repr__(self) -> str:
        return "not shown by this plan"


UNKNOWN = Unknown()


def shown(value: Any) -> str:
    """Write a planned value for a message.

    >>> shown(True), shown(8000000000.0), shown(None), shown(["a", UNKNOWN])
    ('true', '8000000000', 'not set', 'a, not shown by this plan')
    >>> shown({"a": [], "b": ""})
    'a = an empty list, b = an empty text'
    """
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping):
        parts = (f"{name} = {shown(part)}" for name, part in value.items())
        return ", ".join(parts) or "an empty block"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or "an empty list"
    return str(value) or "an empty text"


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
        """Return the planned value at ``a.0.b``: None if unset, ``UNKNOWN`` before apply.

        An empty text is unset: so the provider reads arguments back that AWS has no value for.
        """
        value: Any = self.values
        unknown: Any = self.unknown
        for part in path.split("."):
            value, unknown = _item(value, part), _item(unknown, part)
            if unknown is True:
                return UNKNOWN
        return None if value == "" else value

    def items(self, path: str) -> list[Any]:
        """Return the planned items of a list, or the one value of another argument."""
        planned = self.planned(path)
        if not isinstance(planned, list):
            return [planned]
        return [self.planned(f"{path}.{number}") for number in range(len(planned))]

    def expression(self, path: str) -> Mapping[str, Any] | None:
        """Return the expression that the configuration has for ``a.0.b``, or None."""
        expression = self._configured(path)
        return expression if isinstance(expression, Mapping) else None

    def writes(self, argument: str) -> bool:
        """Return whether the configuration has an argument, or a block of that name."""
        return argument in self.configuration.get("expressions", {})

    def holds(self, block: str) -> bool:
        """Return whether the resource has a block of that name, static or dynamic.

        The configuration does not contain dynamic blocks. In a new resource, the blocks that they
        create are planned. In an existing resource, the provider also reads separate resources
        back as blocks, so only a planned change of the blocks shows a dynamic one.
        """
        if self.writes(block):
            return True
        planned = self.planned(block)
        if self.planned("id") is UNKNOWN:
            return planned not in (None, [], UNKNOWN)
        return (planned or []) != (self.before.get(block) or [])

    def paths(self, under: str) -> Iterator[str]:
        """Yield every path at and below ``under`` that has an expression."""
        yield from _leaves(self._configured(under), under)

    def _configured(self, path: str) -> Any:
        value: Any = self.configuration.get("expressions", {})
        for part in path.split("."):
            value = _item(value, part)
        return value

    @property
    def calls(self) -> tuple[str, ...]:
        """The labels of the module calls that lead to it, without their keys."""
        return tuple(label for label, _ in self.module)

    @property
    def identity(self) -> str:
        """Its type and name, after ``data`` for a data source: ``data aws_region.current``."""
        return f"{'data ' if self.mode == 'data' else ''}{self.type}.{self.name}"

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The entries of ``depends_on``, as written."""
        return tuple(self.configuration.get("depends_on", ()))


class Origin(NamedTuple):
    """The end of one reference: instances of a resource, a literal, or a text if unknown.

    ``resources`` holds every instance that the reference can mean. ``attribute`` is empty if the
    plan does not show it. ``literal`` is ``UNKNOWN`` unless the origin is a literal. ``is_part``
    says that the reference has an index, so it means only one of several resources.
    """

    text: str
    resources: tuple[Resource, ...] = ()
    attribute: str = ""
    literal: Any = UNKNOWN
    is_part: bool = False


class _Each(NamedTuple):
    """The meaning of ``each`` in an expression: its key and the expression of ``for_each``."""

    key: Key = None
    collection: Mapping[str, Any] | None = None


class Stack:
    """The resources and references of a plan (``terraform show -json``)."""

    def __init__(
        self, plan: Mapping[str, Any], folder: Path | None = None, *, by_value: bool = False
    ) -> None:
        """Read a plan. ``folder`` may hold the ``.tf`` files of the stack.

        ``by_value`` lets a known id, ARN or name prove a reference that the plan hides, as the
        modules of other stacks pass most values through locals and conditions.
        """
        self._plan = plan
        self._by_value = by_value
        self.if_applied = ", or check a plan of the applied stack, which has its id" * by_value
        self.folder = folder
        self.results: dict[Callable[[Stack], Any], Any] = {}
        """What functions with ``once`` have returned."""
        self._traced: dict[tuple[str, str], tuple[Origin, ...]] = {}
        self._root: Mapping[str, Any] = plan["configuration"]["root_module"]
        # A deposed object has the address of its replacement, but says nothing about it.
        changes = {
            change["address"]: change["change"]
            for change in plan.get("resource_changes", ())
            if "deposed" not in change
        }
        planned = tuple(self._planned(plan["planned_values"]["root_module"], changes))
        self.resources = planned + tuple(self._read(planned))
        self._instances_of: dict[tuple[ModulePath, str, str, str], list[Resource]] = {}
        self._managed: dict[str, list[Resource]] = {}
        for resource in self.resources:
            self._instances_of.setdefault((resource.module, *resource[2:5]), []).append(resource)
            if resource.mode == "managed":
                self._managed.setdefault(resource.type, []).append(resource)
        self._existing = (
            ()
            if by_value
            else tuple(
                resource
                for resource in self.resources
                if resource.mode == "data" and self.module_name(resource) == EXISTING_NETWORK
            )
        )
        self._modules = {resource.module: None for resource in self.resources}
        states = plan["planned_values"], plan.get("prior_state", {}).get("values", {})
        self._sensitive = {
            address: marks
            for state in reversed(states)
            for address, marks in _marks(state.get("root_module", {}))
        }

    def all(self, type: str, name: str | None = None) -> tuple[Resource, ...]:  # noqa: A002
        """Return the planned instances of a type in all modules, optionally of one name."""
        return tuple(r for r in self._managed.get(type, ()) if name in (None, r.name))

    def existing(self, type: str, name: str | None = None) -> tuple[Resource, ...]:  # noqa: A002
        """Return what a rendered stack reads of a network that exists already, like ``all``."""
        return tuple(r for r in self._existing if r.type == type and name in (None, r.name))

    def trace(self, resource: Resource, path: str) -> tuple[Origin, ...]:
        """Return the origins of an argument's value; empty if the argument is not set."""
        place = resource.address, path
        if place not in self._traced:
            each = _Each(resource.key, resource.configuration.get("for_each_expression"))
            self._traced[place] = self._ends(resource.module, resource.expression(path), each)
        return self._traced[place]

    def trace_items(self, resource: Resource) -> tuple[Origin, ...]:
        """Return the origins of all items of ``for_each``; empty if a resource has none."""
        items = resource.configuration.get("for_each_expression")
        return self._ends(resource.module, items, _Each())

    def one(self, resource: Resource, path: str, type: str) -> Resource | None:  # noqa: A002
        """Return the one instance that an argument provably refers to; None if in doubt."""
        instances = self.some(resource, path, type)
        return instances[0] if len(instances) == 1 else None

    def some(self, resource: Resource, path: str, type: str) -> tuple[Resource, ...]:  # noqa: A002
        """Return the instances that an argument refers to; empty if it can mean anything else.

        A value that is known must be the one of an instance. A value that is unknown can be of any
        instance that the expression refers to.
        """
        origins = self.trace(resource, path)
        instances: dict[str, Resource] = {}
        for value in resource.items(path):
            meant = [[r for r in o.resources if _names(r, o.attribute, value)] for o in origins]
            if self._by_value and origins and value is not UNKNOWN and not any(meant):
                meant = [[r for r in self.all(type) if _names(r, "", value)]]
            if not any(meant) or (value is UNKNOWN and not all(meant)):
                return ()
            instances |= {r.address: r for of_origin in meant for r in of_origin}
        ends = [r for origin in origins for r in origin.resources]
        if any(r.type != type or (r.mode != "managed" and r not in self._existing) for r in ends):
            return ()
        return tuple(instances.values())

    def input_of(self, resource: Resource, name: str) -> Any:
        """Return the input that a call sets for a resource's module; ``UNKNOWN`` if hidden."""
        literals = [origin.literal for origin in self._variable(resource.module, name)]
        return literals[0] if len(literals) == 1 else UNKNOWN

    def is_set(self, resource: Resource, path: str) -> bool:
        """Return whether the configuration sets an argument, to something other than null."""
        origins = self.trace(resource, path)
        null = resource.planned(path) is None or all(origin.literal is None for origin in origins)
        return bool(origins) and not null

    def shows(self, resource: Resource, path: str) -> bool:
        """Return whether the planned value is provably that of the expression.

        If it is not, the expression can be null, and the value a default of the provider or the
        one that AWS has already: ``local.x``, ``try(var.x, null)``.
        """
        origins, planned = self.trace(resource, path), resource.planned(path)
        if planned is UNKNOWN:
            return bool(origins) and all(
                any(_names(r, origin.attribute, UNKNOWN) for r in origin.resources)
                for origin in origins
            )
        return any(
            _equal(_lowered(planned), _lowered(origin.literal))
            or any(_names(r, origin.attribute, planned) for r in origin.resources)
            for origin in origins
        )

    def module_name(self, resource: Resource) -> str:
        """Return the folder of a resource's module, without a version; empty for the root."""
        if not resource.module:
            return ""
        *above, (label, _) = resource.module
        call = self._configuration(tuple(above)).get("module_calls", {}).get(label, {})
        folders = re.sub(r"/v?\d[\w.-]*$", "", call.get("source", "").partition("?")[0])
        return str(folders.rstrip("/").rpartition("/")[2])

    def states(self, type: str) -> Iterator[Mapping[str, Any]]:  # noqa: A002
        """Yield the values of each managed resource of a type before and after the plan.

        Resources that the plan deletes are among them, those that Terraform forgets are not.
        """
        for entry in self._plan.get("resource_changes", ()):
            change = entry["change"]
            managed = (entry.get("mode"), entry.get("type")) == ("managed", type)
            if managed and change.get("actions") != ["forget"]:
                yield from filter(None, (change.get("before"), change.get("after")))

    def outputs(self) -> Iterator[tuple[str, Any, tuple[Origin, ...]]]:
        """Yield every output of the stack: its name, its value or ``UNKNOWN``, its origins."""
        values = self._plan["planned_values"].get("outputs", {})
        for name, output in self._root.get("outputs", {}).items():
            value = values.get(name, {}).get("value", UNKNOWN)
            yield name, value, self._ends((), output.get("expression"), _Each())

    def is_secret(self, resource: Resource, path: str) -> bool:
        """Return whether an attribute is sensitive, or a part of it, by the provider's schema."""
        marks: Any = self._sensitive.get(resource.address, {})
        for part in filter(None, path.split(".")):
            if marks is True:
                return True
            marks = _item(marks, part)
        return _has_true(marks)

    def is_secret_variable(self, name: str) -> bool:
        """Return whether a text is the name of a sensitive variable of the stack, ``var.x``."""
        declared = self._root.get("variables", {}).get(name.removeprefix("var."), {})
        return name.startswith("var.") and declared.get("sensitive") is True

    def secret_values(self) -> list[Any]:
        """Return the known values of all sensitive attributes."""
        return [
            part
            for resource in self.resources
            for part in _marked(resource.values, self._sensitive.get(resource.address))
        ]

    def moves(self) -> Iterator[tuple[str, str]]:
        """Yield the address of each moved resource, and its address before."""
        for change in self._plan.get("resource_changes", ()):
            if previous := change.get("previous_address"):
                yield change["address"], previous

    def providers(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each provider of the stack with its version constraint."""
        for config in self._plan["configuration"].get("provider_config", {}).values():
            yield config.get("full_name", config["name"]), config.get("version_constraint", "")

    def regions(self) -> tuple[str, ...]:
        """Return the regions of the configured AWS providers, as far as the plan shows them."""
        return self._of_providers("region")

    def accounts(self) -> tuple[str, ...]:
        """Return the accounts that the AWS providers allow, as far as the plan shows them."""
        return self._of_providers("allowed_account_ids")

    def _of_providers(self, argument: str) -> tuple[str, ...]:
        values = [
            end.literal
            for config in self.provider_config.values()
            if str(config.get("full_name", config.get("name", ""))).rpartition("/")[2] == "aws"
            for end in self._ends((), config.get("expressions", {}).get(argument), _Each())
        ]
        items = (item for value in values for item in (value if type(value) is list else [value]))
        return tuple(str(item) for item in items if item is not UNKNOWN and item is not None)

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The configuration of the root module."""
        return self._root

    @property
    def provider_config(self) -> Mapping[str, Any]:
        """The configuration of every provider."""
        providers: Mapping[str, Any] = self._plan["configuration"].get("provider_config", {})
        return providers

    def used_providers(self) -> Iterator[str]:
        """Yield the provider of each planned resource."""
        yield from _provider_names(self._plan["planned_values"]["root_module"])

    def written(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield every block of a resource or data source, with the address of its block."""
        yield from _blocks(self._root, "")

    def _planned(self, module: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[Resource]:
        path = module_path(module.get("address", ""))
        configured = {
            (block["mode"], block["type"], block["name"]): block
            for block in self._configuration(path).get("resources", ())
        }
        for planned in module.get("resources", ()):
            identity = planned["mode"], planned["type"], planned["name"]
            change = changes.get(planned["address"], {})
            if change.get("actions") == ["forget"]:  # The stack loses it.
                continue
            yield Resource(
                planned["address"],
                path,
                *identity,
                key=planned.get("index"),
                values=planned.get("values") or {},
                unknown=change.get("after_unknown") or {},
                before=change.get("before") or {},
                configuration=configured.get(identity, {}),
            )
        for child in module.get("child_modules", ()):
            yield from self._planned(child, changes)

    def _read(self, planned: Iterable[Resource]) -> Iterator[Resource]:
        """Yield the data sources that this run has read; they are not planned any more."""
        addresses = {resource.address for resource in planned}
        prior = self._plan.get("prior_state", {}).get("values", {}).get("root_module", {})
        for resource in self._planned(prior, {}):
            is_new = resource.address not in addresses
            if is_new and resource.mode == "data" and resource.configuration:
                yield resource

    def _configuration(self, path: ModulePath) -> Mapping[str, Any]:
        module: Mapping[str, Any] = self._root
        for name, _ in path:
            module = module.get("module_calls", {}).get(name, {}).get("module", {})
        return module

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
            ends = self._resolve(module, references.pop(0), each)
            # The plan lists ``each.key`` after the reference that it indexes.
            if references and references[0] in _SAME_KEY and (same := _of_key(ends, each.key)):
                references.pop(0)
                ends = same
            origins |= {origin.text: origin for origin in ends}
        return tuple(origins.values()) or (Origin("an expression without references"),)

    def _resolve(self, module: ModulePath, reference: str, each: _Each) -> tuple[Origin, ...]:
        parts = tokens(reference)
        match parts:
            case ["var", str(name), *rest]:
                return tuple(_part(origin, rest) for origin in self._variable(module, name))
            case ["module", str(name), int() | (str(),) as index, str(output), *rest]:
                key = index if isinstance(index, int) else index[0]
                return tuple(_part(o, rest) for o in self._output(module, name, output, (key,)))
            case ["module", str(name), str(output), *rest]:
                return tuple(_part(o, rest) for o in self._output(module, name, output, None))
            case ["each", "value", *rest] if each.collection is not None:
                items = self._ends(module, each.collection, _Each())
                if origins := _of_key(items, each.key) or _of_part(items, each.key):
                    return tuple(o._replace(attribute=dotted(rest)) for o in origins)
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
        instances = self._instances_of.get((module, *identity), [])
        if rest and not isinstance(rest[0], str):
            key = rest[0] if isinstance(rest[0], int) else rest[0][0]
            instances, rest = [r for r in instances if r.key == key], rest[1:]
        return (Origin(f"{prefix(module)}{reference}", tuple(instances), dotted(rest)),)

    def _variable(self, module: ModulePath, name: str) -> tuple[Origin, ...]:
        """Follow a variable to the call of its module, or else to its value or default."""
        declared = self._configuration(module).get("variables", {}).get(name, {})
        if not module:
            variable = self._plan.get("variables", {}).get(name, declared)
            value = variable.get("value", variable.get("default", UNKNOWN))
            return (Origin(f"var.{name}", literal=value),)
        *above, (label, key) = module
        parent = tuple(above)
        call = self._configuration(parent).get("module_calls", {}).get(label, {})
        argument = call.get("expressions", {}).get(name)
        if argument is None:
            text = f"the default of {prefix(module)}var.{name}"
            return (Origin(text, literal=declared.get("default")),)
        return self._ends(parent, argument, _Each(key, call.get("for_each_expression")))

    def _output(
        self, module: ModulePath, name: str, output: str, keys: tuple[Key, ...] | None
    ) -> tuple[Origin, ...]:
        """Follow an output into a module: into the instances of ``keys``, or into all of them."""
        depth = len(module)
        if keys is None:
            paths = (path for path in self._modules if path[:depth] == module)
            keys = tuple({p[depth][1]: None for p in paths if p[depth:] and p[depth][0] == name})
        origins: list[Origin] = []
        for key in keys or (None,):
            child = (*module, (name, key))
            declared = self._configuration(child).get("outputs", {}).get(output, {})
            origins += self._ends(child, declared.get("expression"), _Each())
        return tuple(origins) or (Origin(f"{prefix(module)}module.{name}.{output}"),)


_Result = TypeVar("_Result")


def once(function: Callable[[Stack], _Result]) -> Callable[[Stack], _Result]:
    """Return a function of a stack that runs once for each stack, which keeps the result."""

    @wraps(function)
    def kept(stack: Stack) -> _Result:
        if function not in stack.results:
            stack.results[function] = function(stack)
        result: _Result = stack.results[function]
        return result

    return kept


def _marks(module: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the address of each resource with the marks of its sensitive values."""
    for resource in module.get("resources", ()):
        yield resource["address"], resource.get("sensitive_values", {})
    for child in module.get("child_modules", ()):
        yield from _marks(child)


def _has_true(marks: Any) -> bool:
    parts = marks.values() if isinstance(marks, Mapping) else marks
    return marks is True or (isinstance(parts, Iterable) and any(map(_has_true, parts)))


def _marked(value: Any, marks: Any) -> Iterator[Any]:
    """Yield the parts of a value that are marked as sensitive.

    >>> list(_marked({"a": "x", "b": ["y", "z"]}, {"a": True, "b": [False, True]}))
    ['x', 'z']
    """
    if marks is True:
        yield value
    elif isinstance(marks, Mapping):
        for name, mark in marks.items():
            yield from _marked(_item(value, name), mark)
    elif isinstance(marks, list):
        for number, mark in enumerate(marks):
            yield from _marked(_item(value, str(number)), mark)


def _provider_names(module: Mapping[str, Any]) -> Iterator[str]:
    yield from (r["provider_name"] for r in module.get("resources", ()) if "provider_name" in r)
    for child in module.get("child_modules", ()):
        yield from _provider_names(child)


def _blocks(module: Mapping[str, Any], above: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from ((f"{above}{block['address']}", block) for block in module.get("resources", ()))
    for name, call in module.get("module_calls", {}).items():
        yield from _blocks(call.get("module", {}), f"{above}module.{name}.")


def of_key(resources: Sequence[Resource], key: Key) -> tuple[Resource, ...]:
    """Return the instances of a key, or else of its part before a slash."""
    part = key.partition("/")[0] if isinstance(key, str) else key
    same = tuple(resource for resource in resources if resource.key == key)
    return same or tuple(resource for resource in resources if resource.key == part)


def _of_key(origins: Iterable[Origin], key: Key) -> tuple[Origin, ...]:
    """Narrow origins to the instances of a key; return () if one origin has none."""
    narrowed = []
    for origin in origins:
        instances = of_key(origin.resources, key)
        if key is None or not instances:
            return ()
        narrowed.append(origin._replace(text=instances[0].address, resources=instances))
    return tuple(narrowed)


def _of_part(origins: Sequence[Origin], key: Key) -> tuple[Origin, ...]:
    """Return the only origin if it is one resource of the module that the key names, or ().

    So a stack passes the output of a module that it may lack: ``{ cache = module.cache.name }``.
    """
    resources = [resource for origin in origins for resource in origin.resources]
    fine = len(origins) == len(resources) == 1 and resources[0].module == ((key, None),)
    return tuple(origins) if fine else ()


def _part(origin: Origin, rest: Sequence[Any]) -> Origin:
    """Return the origin of a part: ``var.settings.name`` or ``var.subnet_ids[0]``."""
    if len(origin.resources) > 1 and rest and isinstance(rest[0], int):
        return origin._replace(text=f"{origin.text} at {rest[0]}", is_part=True)
    literal = origin.literal
    for part in rest if literal is not UNKNOWN else ():
        literal = _item(literal, str(part[0] if isinstance(part, tuple) else part))
    return origin._replace(literal=literal)


def _names(resource: Resource, attribute: str, value: Any) -> bool:
    """Return whether a value can be an attribute of a resource, or another name of the resource.

    AWS returns the name of some resources for an ARN in the configuration, and the other way round.
    """
    if value is UNKNOWN:
        return not attribute or resource.planned(attribute) in (UNKNOWN, None)
    if value is None:
        return False
    if attribute and _equal(resource.planned(attribute), value):
        return True
    return attribute in ("", *_IDENTITY) and value in map(resource.planned, _IDENTITY)


def _lowered(value: Any) -> Any:
    """Return a text in lower case, as AWS returns windows, and any other value unchanged."""
    return value.lower() if isinstance(value, str) else value


def _equal(one: Any, other: Any) -> bool:
    """Return whether two values are equal after Terraform has converted their types.

    >>> _equal("7", 7), _equal(True, "true"), _equal(None, ""), _equal(1, True)
    (True, True, False, False)
    """
    if isinstance(one, str) != isinstance(other, str):
        one, other = (
            json.dumps(v).strip('"') if isinstance(v, _SCALAR) else v for v in (one, other)
        )
    return one is not UNKNOWN and isinstance(one, bool) == isinstance(other, bool) and one == other


def _leaves(expression: Any, path: str) -> Iterator[str]:
    if isinstance(expression, Mapping) and expression.keys() <= {"references", "constant_value"}:
        yield path
        return
    is_list = isinstance(expression, list)
    for name, part in enumerate(expression) if is_list else (expression or {}).items():
        yield from _leaves(part, f"{path}.{name}")


def _item(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and part.isdecimal():
        return value[int(part)] if int(part) < len(value) else None
    return None


def whole(references: Iterable[str]) -> Iterator[str]:
    """Yield the references of an expression; a plan also lists the shorter forms of each.

    >>> list(whole(["aws_eip.x[0].id", "aws_eip.x[0]", "aws_eip.x", "var.y"]))
    ['aws_eip.x[0].id', 'var.y']
    """
    last = ""
    for reference in references:
        if not last.startswith((f"{reference}.", f"{reference}[")):
            yield reference
        last = reference


def tokens(reference: str) -> list[Any]:
    """Split a reference into names, string keys (as tuples) and numbers.

    >>> tokens('a.b["c"].d[0]')
    ['a', 'b', ('c',), 'd', 0]
    """
    return [
        name or ((text,) if not number else int(number))
        for name, text, number in _TOKEN.findall(reference)
    ]


def dotted(tokens: Iterable[Any]) -> str:
    """Join tokens to the path of an attribute."""
    return ".".join(str(part[0] if isinstance(part, tuple) else part) for part in tokens)


def module_path(address: str) -> ModulePath:
    """Return the names and keys in the address of a module instance; empty for the root."""
    return tuple(
        (name, int(number) if number else (text or None))
        for name, text, number in _CALL.findall(address)
    )


def prefix(module: ModulePath) -> str:
    """Return the address of a module instance as a prefix of the addresses in it.

    >>> prefix((("database", None), ("replica", "a")))
    'module.database.module.replica["a"].'
    """

    def index(key: Key) -> str:
        return "" if key is None else f'["{key}"]' if isinstance(key, str) else f"[{key}]"

    return "".join(f"module.{name}{index(key)}." for name, key in module)
