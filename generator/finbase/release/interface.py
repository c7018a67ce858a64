"""The interface of a module, read from its rendered ``*.tf`` files: what its users depend on.

It is read from what is shipped, with python-hcl2, and not from contracts or templates: a fault
of the renderer would be in both. Expressions are kept as text on one line, those of resources and
conditions with locals, and arguments of other resources, put in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from finbase.release.expressions import expand, one_line
from finbase.release.types import Type, read_type

__all__ = ["Interface", "Output", "Place", "Resource", "Variable", "read_interface"]

_REPLACING = ("ignore_changes", "replace_triggered_by")

Tree: TypeAlias = Mapping[PurePosixPath, bytes]


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file; ``path`` is relative to the project."""

    path: PurePosixPath
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Variable:
    """An input. ``default`` is None where it must be given."""

    name: str
    type: Type
    default: str | None
    nullable: bool
    sensitive: bool
    ephemeral: bool
    conditions: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Output:
    """An output; ``value`` is its expression."""

    name: str
    value: str
    sensitive: bool
    ephemeral: bool
    place: Place


@dataclass(frozen=True)
class Resource:
    """A managed resource, and every argument by its way in: ``rotation_rules.duration``.

    A dynamic block has the way of the blocks that it makes. Of the lifecycle there is only what
    decides on replacements.
    """

    address: str
    arguments: Mapping[str, str]
    places: Mapping[str, Place]
    place: Place

    @property
    def type(self) -> str:
        """The type of the resource."""
        return self.address.partition(".")[0]

    @property
    def keys(self) -> str:
        """What makes several instances of it: ``for_each`` or ``count``, or nothing."""
        return next((name for name in ("for_each", "count") if name in self.arguments), "")


@dataclass(frozen=True)
class Interface:
    """What a version of a module offers and demands, by name or address."""

    variables: Mapping[str, Variable]
    outputs: Mapping[str, Output]
    resources: Mapping[str, Resource]
    moved: Mapping[str, str]
    """From → to."""
    requirements: Mapping[str, tuple[str, Place]]
    """``terraform`` and each provider's source → version constraint."""
    preconditions: tuple[tuple[str, Place], ...] = ()
    """What resources and outputs demand before they are made."""


def read_interface(tree: Tree) -> Interface:
    """Read the ``*.tf`` files of one module version; those in folders below it are not its own.

    Raises ``ValueError`` with the file's name where one is not HCL, or lacks what Terraform needs.
    """
    from hcl2.query import DocumentView

    variables: dict[str, Variable] = {}
    outputs: dict[str, Output] = {}
    resources: dict[str, Resource] = {}
    moved: dict[str, str] = {}
    requirements: dict[str, tuple[str, Place]] = {}
    preconditions: list[tuple[str, Place]] = []
    meanings: dict[str, str] = {}
    top = min((len(path.parts) for path in tree), default=0)
    for path, content in sorted(tree.items()):
        if path.suffix != ".tf" or len(path.parts) != top:
            continue
        try:
            document = DocumentView.parse(content.decode())
        except Exception as error:  # whatever the parser below python-hcl2 raises
            raise ValueError(f"{path} is not HCL: {error}") from error
        block: Any  # python-hcl2 promises less than it gives
        for block in document.blocks():
            kind, labels = block.block_type, block.name_labels
            place = Place(path, block.raw._meta.line)
            try:
                if kind == "variable":
                    variables[labels[0]] = _variable(labels[0], block, place)
                elif kind == "output":
                    outputs[labels[0]] = _output(labels[0], block, place)
                    preconditions += _preconditions(block, path)
                elif kind == "resource":
                    resource = _resource(".".join(labels), block, place)
                    resources[resource.address] = resource
                    for lifecycle in block.blocks("lifecycle"):
                        preconditions += _preconditions(lifecycle.body, path)
                elif kind == "moved":
                    ends = _texts(block)
                    moved[ends["from"]] = ends["to"]
                elif kind == "terraform":
                    requirements |= _requirements(block, path)
                elif kind == "locals":
                    meanings |= {f"local.{name}": text for name, text in _texts(block).items()}
            except (KeyError, IndexError) as error:
                raise ValueError(f"{place}: this {kind} lacks {error}") from error
    for each in resources.values():
        if not each.keys:
            plain = {name: text for name, text in each.arguments.items() if name.isidentifier()}
            meanings |= {f"{each.address}.{name}": text for name, text in plain.items()}
    return Interface(
        {name: _expanded_variable(each, meanings) for name, each in variables.items()},
        outputs,
        {name: _expanded_resource(each, meanings) for name, each in resources.items()},
        moved,
        requirements,
        tuple((expand(condition, meanings), place) for condition, place in preconditions),
    )


def _expanded_variable(variable: Variable, meanings: Mapping[str, str]) -> Variable:
    conditions = tuple(expand(condition, meanings) for condition in variable.conditions)
    return replace(variable, conditions=conditions)


def _expanded_resource(resource: Resource, meanings: Mapping[str, str]) -> Resource:
    arguments = {name: expand(text, meanings) for name, text in resource.arguments.items()}
    return replace(resource, arguments=arguments)


def _preconditions(block: Any, path: PurePosixPath) -> Iterator[tuple[str, Place]]:
    for each in block.blocks("precondition"):
        yield _texts(each)["condition"], Place(path, each.raw._meta.line)


def _variable(name: str, block: Any, place: Place) -> Variable:
    texts = _texts(block)
    kind = block.attribute("type")
    return Variable(
        name=name,
        type=read_type(kind.value_node) if kind else Type("any", {}, text="any"),
        default=texts.get("default"),
        nullable=texts.get("nullable") != "false",
        sensitive=texts.get("sensitive") == "true",
        ephemeral=texts.get("ephemeral") == "true",
        conditions=tuple(_texts(each)["condition"] for each in block.blocks("validation")),
        place=place,
    )


def _output(name: str, block: Any, place: Place) -> Output:
    texts = _texts(block)
    flags = {flag: texts.get(flag) == "true" for flag in ("sensitive", "ephemeral")}
    return Output(name, texts["value"], place=place, **flags)


def _resource(address: str, block: Any, place: Place) -> Resource:
    found = list(_arguments(block, place.path, ""))
    return Resource(
        address,
        {name: text for name, text, _ in found},
        {name: where for name, _, where in found},
        place,
    )


def _arguments(block: Any, path: PurePosixPath, way: str) -> Iterator[tuple[str, str, Place]]:
    """Yield every argument of a block and of the blocks in it."""
    for attribute in block.attributes():
        place = Place(path, attribute.raw._meta.line)
        yield f"{way}{attribute.name}", one_line(attribute.value), place
    numbers: dict[str, int] = {}
    for inner in block.blocks():
        name = inner.name_labels[0] if inner.block_type == "dynamic" else inner.block_type
        number = numbers[name] = numbers.get(name, -1) + 1
        inside = f"{way}{name}[{number}]." if number else f"{way}{name}."
        for found in _arguments(inner.body, path, inside):
            if name != "lifecycle" or found[0].removeprefix(inside) in _REPLACING:
                yield found


def _requirements(block: Any, path: PurePosixPath) -> Iterator[tuple[str, tuple[str, Place]]]:
    if required := block.attribute("required_version"):
        place = Place(path, required.raw._meta.line)
        yield "terraform", (one_line(required.value).strip('"'), place)
    for providers in block.blocks("required_providers"):
        for provider in providers.attributes():
            entry = {key: one_line(value.to_dict()) for key, value in _entries(provider)}
            source = entry.get("source", provider.name).strip('"')
            place = Place(path, provider.raw._meta.line)
            yield source, (entry.get("version", "").strip('"'), place)


def _entries(attribute: Any) -> list[tuple[str, Any]]:
    from hcl2.query import ObjectView

    return next(
        (
            view.entries
            for view in attribute.value_node.walk_semantic()
            if isinstance(view, ObjectView)
        ),
        [],
    )


def _texts(block: Any) -> dict[str, str]:
    return {attribute.name: one_line(attribute.value) for attribute in block.attributes()}
