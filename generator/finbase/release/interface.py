"""Read what users of a module depend on: its contract and its rendered ``*.tf`` files.

The contract is the source of inputs, checks and outputs. Resources, moves, requirements and
preconditions are only in the HCL. Expressions are text on one line in which locals, and arguments
of other resources, are replaced by their values: a change is seen wherever it has an effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from finbase.contract.contract import Contract
from finbase.project.files import Tree
from finbase.project.terraform_files import is_code
from finbase.source.hcl_scan import code_of

_REPLACING = ("ignore_changes", "replace_triggered_by")
_REFERENCE = re.compile(r"(?<![\w.-])(?:local\.[\w-]+|(?!data\.)[a-z]\w*\.[\w-]+\.\w+)(?![\w(-])")
_SIMPLE = re.compile(r'[\w.]+|"[^"]*"')
_PLAIN_IN_TEXT = re.compile(r'\$\{"((?:[^"\\$]|\$\{[^"{}]*\})*)"\}')
_LONGEST = 100_000
_LINE_END = "\N{SYMBOL FOR NEWLINE}"
"""Stands for a line break that is a part of a value."""
_DECIMAL = re.compile(r"(?<![\w.])\d+(?: ?\. ?\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)")
_MOST_DIGITS = 15
"""What a double keeps of a decimal number."""


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file; ``path`` is relative to the project."""

    path: PurePosixPath
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Variable:
    """A rendered variable: its attributes except the description, and its conditions."""

    attributes: Mapping[str, str]
    conditions: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Resource:
    """A managed resource, with every argument by its path: ``rotation_rules.duration``.

    A dynamic block has the path of the blocks that it generates. Of the lifecycle block, only
    the settings that decide on replacements are included.
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
    def ignored(self) -> frozenset[str]:
        """The arguments whose changes Terraform ignores, or ``all``."""
        return frozenset(re.findall(r"\w+", self.arguments.get("lifecycle.ignore_changes", "")))

    @property
    def keys(self) -> str:
        """The argument that creates several instances, ``for_each`` or ``count``, or empty."""
        return next((name for name in ("for_each", "count") if name in self.arguments), "")


@dataclass(frozen=True)
class Interface:
    """What the ``*.tf`` files of a module version declare, by name or address."""

    variables: Mapping[str, Variable]
    outputs: Mapping[str, Place]
    resources: Mapping[str, Resource]
    moved: Mapping[str, str]
    """From → to."""
    forgotten: frozenset[str]
    """What ``removed`` blocks remove from the state only."""
    requirements: Mapping[str, tuple[str, Place]]
    """``terraform`` and each provider's source → version constraint."""
    conditions: tuple[tuple[str, str, Place], ...] = ()
    """What a resource, a data source or an output demands: the kind, the condition, the place."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """References to locals and to arguments of resources → the expressions they stand for."""


@dataclass(frozen=True)
class ShippedModule:
    """A module version as users get it; ``checks`` are the contract's conditions by input."""

    contract: Contract
    interface: Interface
    checks: Mapping[str, frozenset[str]]


def read_shipped(tree: Tree) -> ShippedModule:
    """Read the contract and the ``*.tf`` files of one module version.

    Raises ``ValueError`` as ``read_interface`` does, and for a variable or an output that the
    contract does not declare; ``InputError`` for an invalid contract.
    """
    interface = read_interface(tree)
    path = min((path for path in tree if path.name == "contract.yaml"), key=_depth)
    contract = Contract.parse(tree[path], Path(path))
    declared = {variable.name for variable in contract.variables}
    places = {name: variable.place for name, variable in interface.variables.items()}
    _refuse_undeclared("variable", places, declared)
    _refuse_undeclared("output", interface.outputs, {output.name for output in contract.outputs})
    checks: dict[str, set[str]] = {}
    for check in contract.checks:
        condition = expand(_parsed(check.condition), interface.meanings)
        checks.setdefault(check.input, set()).add(condition)
    return ShippedModule(contract, interface, {k: frozenset(v) for k, v in checks.items()})


def _refuse_undeclared(kind: str, places: Mapping[str, Place], declared: set[str]) -> None:
    for name, place in places.items():
        if name not in declared:
            raise ValueError(f"{place}: {kind} {name} is not declared in contract.yaml")


def _parsed(expression: str) -> str:
    """Return an expression on one line, without comments, as ``read_interface`` does.

    >>> _parsed("alltrue([  # why\\n  var.a,\\n  var.b,\\n])")
    'alltrue([var.a, var.b])'
    """
    (block,) = _blocks(f"locals {{\n  it = {expression}\n}}\n")
    return _texts(block)["it"]


def _depth(path: PurePosixPath) -> int:
    return len(path.parts)


def read_interface(tree: Tree) -> Interface:
    """Read the ``*.tf`` files of one module version, except those in folders below it.

    Raises ``ValueError`` with the file's name for a file that is not HCL, that python-hcl2 cannot
    read although Terraform can, or that lacks what Terraform requires.
    """
    read = _Blocks()
    top = min(map(_depth, tree), default=0)
    for path, content in sorted(tree.items()):
        if not is_code(path.name) or _depth(path) != top:
            continue
        _refuse_other_form(path)
        try:
            # Terraform ignores a byte order mark, too.
            blocks = _blocks(content.decode("utf-8-sig"))
        except Exception as error:  # python-hcl2 raises errors of the parser below it
            # The parser's other lines list what else it expected.
            why = str(error).partition("\n")[0]
            raise ValueError(f"{path} is not HCL that finbase can read: {why}") from error
        _refuse_long_number(path, content)
        for block in blocks:
            _add(read, block, path)
    return read.interface()


def _add(read: _Blocks, block: Any, path: PurePosixPath) -> None:
    """Add a block; refuse one that python-hcl2 parses and then cannot write as text."""
    unreadable = f"{path} is not HCL that finbase can read: line {block.raw._meta.line}"
    if any("\\" in label for label in block.name_labels):
        raise ValueError(f"{unreadable}: a label with an escape; write the character itself")
    try:
        read.add(block, path)
    except TypeError as error:
        # Its writer joins the parts of a `for` expression, and fails where one is a number.
        raise ValueError(
            f"{unreadable}: a `for` expression whose result is a number; write tonumber(1) for 1"
        ) from error


@lru_cache(maxsize=256)  # Two versions of a module share most files, and to parse one is slow.
def _blocks(text: str) -> tuple[Any, ...]:  # python-hcl2 has no exact types
    """Return the top-level blocks of a file; raises what the parser raises."""
    from hcl2.query import DocumentView

    return tuple(DocumentView.parse(text).blocks())


def _refuse_other_form(path: PurePosixPath) -> None:
    """Refuse a file that Terraform reads, but whose blocks a comparison would miss."""
    if path.suffix != ".tf":
        raise ValueError(f"{path} is not a .tf file, so finbase cannot read its blocks")
    if path.stem == "override" or path.stem.endswith("_override"):
        raise ValueError(f"{path} overrides blocks of other files; change those files instead")


def _refuse_long_number(path: PurePosixPath, content: bytes) -> None:
    """Refuse a number of which Terraform reads more digits than python-hcl2 does."""
    for match in _DECIMAL.finditer(code_of(content.decode("utf-8-sig"))):
        number = match[0].replace(" ", "")
        if sum(map(str.isdigit, number)) > _MOST_DIGITS:
            raise ValueError(
                f"{path} has the number {number}, and finbase reads {_MOST_DIGITS} digits at most"
            )


class _Blocks:
    """Collect the top-level blocks of all files; locals are known only after the last file."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.outputs: dict[str, Place] = {}
        self.resources: dict[str, Resource] = {}
        self.moved: dict[str, str] = {}
        self.forgotten: set[str] = set()
        self.requirements: dict[str, tuple[str, Place]] = {}
        self.conditions: list[tuple[str, str, Place]] = []
        self.locals: dict[str, str] = {}

    def add(self, block: Any, path: PurePosixPath) -> None:  # python-hcl2 has no exact types
        place = Place(path, block.raw._meta.line)
        labels = block.name_labels
        try:
            match block.block_type:
                case "variable":
                    self.variables[labels[0]] = _variable(block, place)
                case "output":
                    self.outputs[labels[0]] = place
                    self.conditions += _conditions(block, path)
                case "resource":
                    resource = _resource(".".join(labels), block, place)
                    self.resources[resource.address] = resource
                    self._add_conditions(block, path)
                case "data" | "ephemeral":
                    self._add_conditions(block, path)
                case "moved":
                    ends = _texts(block)
                    self.moved[ends["from"]] = ends["to"]
                case "removed":
                    for lifecycle in block.blocks("lifecycle"):
                        if _texts(lifecycle.body).get("destroy") == "false":
                            self.forgotten.add(_texts(block)["from"])
                case "terraform":
                    self.requirements |= _requirements(block, path)
                case "locals":
                    texts = _texts(block)
                    self.locals |= {f"local.{name}": text for name, text in texts.items()}
        except (KeyError, IndexError) as error:
            raise ValueError(f"{place}: this {block.block_type} lacks {error}") from error

    def _add_conditions(self, block: Any, path: PurePosixPath) -> None:
        for lifecycle in block.blocks("lifecycle"):
            self.conditions += _conditions(lifecycle.body, path)

    def interface(self) -> Interface:
        meanings = dict(self.locals)
        for resource in self.resources.values():
            if not resource.keys:
                for name, text in resource.arguments.items():
                    if name.isidentifier():
                        meanings[f"{resource.address}.{name}"] = text
        return Interface(
            {
                name: replace(v, conditions=tuple(expand(c, meanings) for c in v.conditions))
                for name, v in self.variables.items()
            },
            self.outputs,
            {
                address: replace(
                    r, arguments={name: expand(t, meanings) for name, t in r.arguments.items()}
                )
                for address, r in self.resources.items()
            },
            self.moved,
            frozenset(self.forgotten),
            self.requirements,
            tuple((kind, expand(text, meanings), place) for kind, text, place in self.conditions),
            meanings,
        )


def _conditions(block: Any, path: PurePosixPath) -> Iterator[tuple[str, str, Place]]:
    for kind in ("precondition", "postcondition"):
        for condition in block.blocks(kind):
            yield kind, _texts(condition)["condition"], Place(path, condition.raw._meta.line)


def _variable(block: Any, place: Place) -> Variable:
    attributes = {name: text for name, text in _texts(block).items() if name != "description"}
    conditions = tuple(_texts(inner)["condition"] for inner in block.blocks("validation"))
    return Variable(attributes, conditions, place)


def _resource(address: str, block: Any, place: Place) -> Resource:
    arguments = list(_arguments(block, place.path, ""))
    return Resource(
        address,
        {name: text for name, text, _ in arguments},
        {name: line for name, _, line in arguments},
        place,
    )


def _arguments(block: Any, path: PurePosixPath, outer: str) -> Iterator[tuple[str, str, Place]]:
    """Yield every argument of a block and of the blocks in it: path, expression, place."""
    for attribute in block.attributes():
        place = Place(path, attribute.raw._meta.line)
        yield f"{outer}{attribute.name}", one_line(attribute.value), place
    numbers: dict[str, int] = {}
    for inner in block.blocks():
        name = inner.name_labels[0] if inner.block_type == "dynamic" else inner.block_type
        number = numbers[name] = numbers.get(name, -1) + 1
        inside = f"{outer}{name}[{number}]." if number else f"{outer}{name}."
        for argument in _arguments(inner.body, path, inside):
            if name != "lifecycle" or argument[0].removeprefix(inside) in _REPLACING:
                yield argument


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

    views = attribute.value_node.walk_semantic()
    return next((view.entries for view in views if isinstance(view, ObjectView)), [])


def _texts(block: Any) -> dict[str, str]:
    return {attribute.name: one_line(attribute.value) for attribute in block.attributes()}


def expand(text: str, meanings: Mapping[str, str], around: frozenset[str] = frozenset()) -> str:
    """Replace references by what they stand for, recursively; those in ``around`` stay.

    >>> expand('"${local.p}-db"', {"local.p": '"x"'})
    '"x-db"'
    """

    def meaning(match: re.Match[str]) -> str:
        name = match[0]
        if name not in meanings or name in around or len(text) > _LONGEST:
            return name
        inner = expand(meanings[name], meanings, around | {name})
        return inner if name == text or _SIMPLE.fullmatch(inner) else f"({inner})"

    expanded = _REFERENCE.sub(meaning, text)
    if expanded == text:
        return text
    expanded = re.sub(r'\$\{\(("(?:[^"\\]|\\.)*")\)\}', r"${\1}", expanded)
    return _PLAIN_IN_TEXT.sub(r"\1", expanded)


def renamed(text: str, moves: Mapping[str, str]) -> str:
    """Replace the addresses of moved resources in an expression by the new ones.

    >>> renamed("aws_kms_key.a.arn", {"aws_kms_key.a": "aws_kms_key.b"})
    'aws_kms_key.b.arn'
    """
    for old, new in moves.items():
        if old in text:
            text = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w-])", lambda _: new, text)  # noqa: B023
    return text


def one_line(value: Any) -> str:
    r"""Write an expression that python-hcl2 returned on one line, as HCL.

    >>> one_line({"a": [1, True, "${var.b}"]}), one_line("<<EOT\n  a\n  b\nEOT")
    ('{a = [1, true, var.b]}', '<<EOT␤  a␤  b␤EOT')
    """
    if isinstance(value, str):
        whole = value.startswith("${") and value.endswith("}")
        text = value[2:-1] if whole else value
        if "<<" not in value:
            return " ".join(text.split("\n"))
        return _LINE_END.join(text.replace(_LINE_END, 2 * _LINE_END).split("\n"))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(one_line, value))}]"
    if isinstance(value, dict):
        entries = sorted((str(key).strip('"'), one_line(part)) for key, part in value.items())
        return f"{{{', '.join(f'{key} = {text}' for key, text in entries)}}}"
    return str(value)
