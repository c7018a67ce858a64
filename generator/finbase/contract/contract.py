"""Read the contract of a module: the single source of its interface.

``contract.yaml`` contains the name and version of the module, its inputs (JSON Schema properties,
in order), the inputs that other modules or the environment set (``wiring``), rules across inputs
(``checks``) and its outputs. Variables, outputs, version constraints, the README, the schema of
environment files and the module blocks of stacks are generated from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from finbase import codes
from finbase.contract.version import Version
from finbase.errors import Diagnostic, InputError
from finbase.source.cache import load_yaml
from finbase.source.syntax import not_yaml, refuse_conflict

Schema = Mapping[str, Any]
Multiplicity = Literal["one", "optional", "many"]

SCHEMA: Final = Path(__file__).with_name("schema.json")
"""The JSON Schema of ``contract.yaml``."""

# Keys of an input that are not part of its JSON Schema.
_OWN = frozenset({"description", "ephemeral", "from", "keyed", "rule", "sensitive"})
_NO_NUMBER = re.compile("nan|inf", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
# Arguments of a module block that Terraform defines or reserves.
_RESERVED = frozenset(
    "source version provider providers count for_each depends_on lifecycle locals".split()
)
# terraform-compliance takes an argument of this name for the outputs of the module, and stops.
_MISREAD = frozenset({"outputs"})
_INSTANCE_KEY = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
_INSTANCES = "instances"


@dataclass(frozen=True)
class Input:
    """A value that the environment file sets, or that has its default.

    ``schema`` is the JSON Schema of the value. ``rule`` describes the schema in words; the CLI
    and the ``validation`` block print it.
    """

    name: str
    schema: Schema
    description: str
    rule: str | None
    required: bool
    sensitive: bool = False
    ephemeral: bool = False

    @property
    def default(self) -> Any:
        """The default value; None for a required input, and for an optional one without a value."""
        return self.schema.get("default")


@dataclass(frozen=True)
class Wire(Input):
    """An input that the environment file cannot set: ``source`` is ``<module>.<output>``.

    The pseudo modules ``environment`` (name, project, environment, region, account_id) and
    ``instance`` (name: the key of an instance of a ``many`` module) are sources too. An output
    of a ``many`` module is a map by instance; ``keyed`` makes such a map, with the module's name as
    its only key, of the output of a module that an environment may leave out.
    """

    source: str = ""
    keyed: bool = False

    @property
    def module(self) -> str:
        """The module or pseudo module that provides the value."""
        return self.source.partition(".")[0]

    @property
    def output(self) -> str:
        """The output of that module."""
        return self.source.partition(".")[2]


@dataclass(frozen=True)
class Check:
    """A rule across inputs, rendered as a ``validation`` block of ``input``."""

    input: str
    condition: str
    message: str


@dataclass(frozen=True)
class Output:
    """An output of the module; ``value`` is an HCL expression.

    An ``export`` is also an output of the root stack.
    """

    name: str
    value: str
    description: str
    sensitive: bool = False
    ephemeral: bool = False
    export: bool = False


@dataclass(frozen=True)
class Shared:
    """Files of another module's templates, ``folder`` being below ``templates/modules``."""

    folder: str
    include: tuple[str, ...]


@dataclass(frozen=True)
class Archive:
    """A zip file in the module, with the files of ``folder`` that match a glob of ``include``.

    The ``shared`` files are copied to ``folder``, beside the module's own.
    """

    name: str
    folder: str
    include: tuple[str, ...]
    shared: Shared | None = None


@dataclass(frozen=True, kw_only=True)
class Contract:
    """One version of one module's interface.

    ``in_place_of`` names the module whose place it takes: a stack has one of both, and what needs
    outputs of that module takes them from this one. ``reads_by`` names the input by which the
    module finds what it reads from the account; its data sources all refer to it.
    """

    name: str
    version: Version
    summary: str
    description: str = ""
    multiplicity: Multiplicity = "one"
    terraform: str
    providers: Mapping[str, Mapping[str, str]]
    inputs: tuple[Input, ...]
    wiring: tuple[Wire, ...]
    checks: tuple[Check, ...]
    outputs: tuple[Output, ...]
    archives: tuple[Archive, ...]
    path: Path = field(repr=False)
    source: bytes
    in_place_of: str = ""
    reads_by: str = ""

    def __hash__(self) -> int:
        """Return the hash of the text, which the other fields come from."""
        return hash(self.source)

    @property
    def variables(self) -> tuple[Input, ...]:
        """Inputs, then wiring: the order of ``variables.tf``."""
        return (*self.inputs, *self.wiring)

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The default of each input, None for one without."""
        return {declared.name: declared.default for declared in self.inputs}

    @property
    def place(self) -> str:
        """The name by which the wires of other modules know it: its own, or that of its place."""
        return self.in_place_of or self.name

    @cached_property
    def requires(self) -> tuple[str, ...]:
        """The modules whose outputs this one uses, each once, in the order of the wiring."""
        modules = (w.module for w in self.wiring if w.module not in ("environment", "instance"))
        return tuple(dict.fromkeys(modules))

    @cached_property
    def repeats(self) -> bool:
        """Whether an environment calls the module once more for each further database.

        Such calls are the ``instances`` of its section. An input of that name rules them out.
        """
        has_key = any(declared.name == _INSTANCES for declared in self.inputs)
        of_database = "database" in (self.name, *self.requires)
        return of_database and self.multiplicity != "many" and not has_key

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the inputs of one instance."""
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {i.name: {**i.schema, "description": i.description} for i in self.inputs},
            "required": [i.name for i in self.inputs if i.required],
        }

    def section_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the module's section in an environment file."""
        version = {"type": "string", "description": "The released version of the module."}
        instances = {
            "type": "object",
            "propertyNames": {"pattern": _INSTANCE_KEY, "maxLength": 20},
            "additionalProperties": self.input_schema(),
        }
        if self.multiplicity == "many":
            return {
                "type": "object",
                "description": self.summary,
                "additionalProperties": False,
                "properties": {"version": version, _INSTANCES: instances},
                "required": ["version", _INSTANCES],
            }
        schema = self.input_schema()
        schema["description"] = self.summary
        schema["properties"] = {"version": version, **schema["properties"]}
        if self.repeats:
            description = "The inputs of the module for each further database, by name."
            schema["properties"][_INSTANCES] = {**instances, "description": description}
        schema["required"] = ["version", *schema["required"]]
        return schema

    @classmethod
    def load(cls, path: Path) -> Contract:
        """Read a ``contract.yaml``; raises ``InputError`` if it is invalid."""
        return cls.parse(path.read_bytes(), path)

    @classmethod
    def parse(
        cls, source: bytes, path: Path, load: Callable[[bytes], Any] | None = None
    ) -> Contract:
        """Read ``source``, the content of the ``contract.yaml`` at ``path``.

        ``load`` replaces ``load_contract``, for a cache of its results. Raises ``InputError``.
        """
        try:
            contract = _contract((load or load_contract)(source), path, source)
        except yaml.YAMLError as error:
            refuse_conflict(str(path), source, codes.CONTRACT)
            raise not_yaml(str(path), codes.CONTRACT, error) from error
        except RecursionError as error:
            raise _broken(path, "nested too deeply") from error
        except InvalidContractError as error:
            name = ".".join(map(str, error.where)) or "the contract"
            where = _position(source, error.where)
            raise _broken(path, f"{name}: {error.message}", where) from error
        except (TypeError, ValueError) as error:  # YAML that is not JSON, such as a date
            for fault, where in _not_json(yaml.compose(source, Loader=yaml.SafeLoader)):
                raise _broken(path, fault, where) from error
            raise _broken(path, f"not a contract: {error}") from error
        names = set[str]()
        for variable in contract.variables:
            if fault := _name_fault(variable.name, names):
                section = "wiring" if isinstance(variable, Wire) else "inputs"
                where = _position(source, [section, variable.name])
                raise _broken(path, f"{section}.{variable.name}: {fault}", where)
            names.add(variable.name)
        for number, check in enumerate(contract.checks):
            if check.input not in names:
                where = _position(source, ["checks", number, "input"])
                raise _broken(path, f"check of an unknown input: {check.input}", where)
        return contract


def _name_fault(name: str, others: Set[str]) -> str:
    """Return why an input cannot have a name, or an empty string."""
    if not _IDENTIFIER.fullmatch(name):
        return "not a name of lowercase letters, digits and underscores that starts with a letter"
    if name in _RESERVED:
        return "Terraform reserves this name in a module block; choose another one"
    if name in _MISREAD:
        return "terraform-compliance takes this name for outputs, and stops; choose another one"
    return "there is another input of this name; rename one of them" if name in others else ""


class InvalidContractError(ValueError):
    """A value of a contract, at the keys and indexes ``where``, does not match the schema."""

    def __init__(self, where: list[str | int], message: str) -> None:
        super().__init__(message)
        self.where = where
        self.message = message


def load_contract(source: bytes) -> Any:
    """Parse a contract and validate it against ``schema.json``; returns plain values.

    Raises ``yaml.YAMLError`` or ``InvalidContractError``.
    """
    import jsonschema_rs

    data = load_yaml(source)
    validator = jsonschema_rs.validator_for(SCHEMA.read_text(encoding="utf-8"))
    for error in validator.iter_errors(data):
        raise InvalidContractError(list(error.instance_path), error.message)
    json.dumps(data, allow_nan=False)  # Raises for a date or a number without a value in JSON.
    return data


def _position(source: bytes, where: list[str | int]) -> tuple[int, int]:
    """Return line and column of a value, or of the nearest mapping or list around it."""
    node = yaml.compose(source, Loader=yaml.SafeLoader)
    for key in where:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            node = node.value[key]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for name, value in node.value if name.value == key), node)
    return _start(node)


def _not_json(top: yaml.Node | None) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield what JSON lacks, such as the key ``null`` or a date, and its position."""
    left, seen = [top] if top else [], set[int]()
    while left:
        node = left.pop(0)
        if id(node) in seen:  # An alias.
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        elif isinstance(node, yaml.MappingNode):
            left += [value for _, value in node.value]
            for key, _ in node.value:
                if not key.tag.endswith(":str"):
                    name = key.value if isinstance(key, yaml.ScalarNode) else "?"
                    yield f"YAML does not read the key `{name}` as text; quote it", _start(key)
        elif node.tag.rpartition(":")[2] not in ("str", "int", "float", "bool", "null"):
            yield f"YAML does not read `{node.value}` as text; quote it", _start(node)
        elif node.tag.endswith(":float") and _NO_NUMBER.search(node.value):
            yield f"`{node.value}` is not a number in JSON; write a finite one", _start(node)


def _start(node: yaml.Node | None) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1) if node else (1, 1)


def _broken(path: Path, message: str, where: tuple[int, int] = (1, 1)) -> InputError:
    return InputError([Diagnostic(str(path), *where, codes.CONTRACT, message)])


def _contract(data: Mapping[str, Any], path: Path, source: bytes) -> Contract:
    parts = {
        key: tuple(make(name, spec) for name, spec in (data.get(key) or {}).items())
        for key, make in _PARTS.items()
    }
    parts["checks"] = tuple(Check(**check) for check in data.get("checks") or ())
    version = Version.parse(data["version"])
    return Contract(**{**data, **parts, "version": version}, path=path, source=source)


def _input(name: str, spec: Mapping[str, Any]) -> Input:
    return Input(
        name=name,
        schema={key: value for key, value in spec.items() if key not in _OWN},
        description=spec["description"],
        rule=spec.get("rule"),
        required="default" not in spec,
        sensitive=spec.get("sensitive", False),
        ephemeral=spec.get("ephemeral", False),
    )


def _wire(name: str, spec: Mapping[str, Any]) -> Wire:
    return Wire(**vars(_input(name, spec)), source=spec["from"], keyed=spec.get("keyed", False))


def _archive(name: str, spec: Mapping[str, Any]) -> Archive:
    shared = spec.get("shared")
    files = Shared(shared["folder"], tuple(shared["include"])) if shared else None
    return Archive(name, spec["folder"], tuple(spec["include"]), files)


_PARTS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], object]]] = {
    "inputs": _input,
    "wiring": _wire,
    "outputs": lambda name, spec: Output(name, **spec),
    "archives": _archive,
}
