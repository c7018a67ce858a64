"""A module's contract: the single source of its interface.

``contract.yaml`` names the module, its version, its inputs (JSON Schema properties, in
order), the inputs that other modules or the environment fill (``wiring``), rules across
inputs (``checks``) and its outputs. Variables, outputs, version constraints, the README,
the schema of the environment file and the module block of a stack all come from here.

A contract is written by whoever writes the module, not by users, so a broken one is an
``InputError`` with the file's name but is checked for its shape only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from finbase import codes
from finbase.contract.version import Version
from finbase.errors import Diagnostic, InputError
from finbase.source.cache import load_yaml

__all__ = ["Archive", "Check", "Contract", "Input", "Output", "Wire"]

Schema = Mapping[str, Any]
Multiplicity = Literal["one", "optional", "many"]

_SOURCE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_INSTANCE_KEY = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"


@dataclass(frozen=True)
class Input:
    """A value the environment file gives, or leaves to its default.

    ``schema`` is the JSON Schema of the value. ``rule`` says in words what the schema
    demands, and is what both the CLI and the ``validation`` block print.
    """

    name: str
    schema: Schema
    description: str
    rule: str | None
    required: bool
    sensitive: bool
    ephemeral: bool

    @property
    def default(self) -> Any:
        """The default value; ``None`` for a required input and for an unset optional one."""
        return self.schema.get("default")


@dataclass(frozen=True)
class Wire(Input):
    """An input that is never given in YAML: ``source`` is ``<module>.<output>``.

    The pseudo modules ``environment`` (name, project, environment, region, account_id)
    and ``instance`` (name: the key of an instance of a ``many`` module) are sources too.
    An output of a ``many`` module arrives as a map keyed by instance.
    """

    source: str

    @property
    def module(self) -> str:
        """The module (or pseudo module) that the value comes from."""
        return self.source.partition(".")[0]

    @property
    def output(self) -> str:
        """The name of the output there."""
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
    sensitive: bool
    ephemeral: bool
    export: bool


@dataclass(frozen=True)
class Archive:
    """A zip that the module ships: of ``folder``, the files that match a glob of ``include``."""

    name: str
    folder: str
    include: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """One version of one module's interface."""

    name: str
    version: Version
    summary: str
    description: str
    multiplicity: Multiplicity
    terraform: str
    providers: Mapping[str, Mapping[str, str]]
    inputs: tuple[Input, ...]
    wiring: tuple[Wire, ...]
    checks: tuple[Check, ...]
    outputs: tuple[Output, ...]
    archives: tuple[Archive, ...]
    path: Path
    source: bytes

    @property
    def variables(self) -> tuple[Input, ...]:
        """Inputs, then wiring: the order of ``variables.tf``."""
        return (*self.inputs, *self.wiring)

    @cached_property
    def requires(self) -> tuple[str, ...]:
        """The modules whose outputs this one takes, each once, in wiring order."""
        modules = (w.module for w in self.wiring if w.module not in ("environment", "instance"))
        return tuple(dict.fromkeys(modules))

    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of what one instance of the module may be given."""
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {i.name: {**i.schema, "description": i.description} for i in self.inputs},
            "required": [i.name for i in self.inputs if i.required],
        }

    def section_schema(self) -> dict[str, Any]:
        """The JSON Schema of the module's section in an environment file."""
        version = {"type": "string", "description": "The released version of the module."}
        if self.multiplicity == "many":
            return {
                "type": "object",
                "description": self.summary,
                "additionalProperties": False,
                "properties": {
                    "version": version,
                    "instances": {
                        "type": "object",
                        "propertyNames": {"pattern": _INSTANCE_KEY, "maxLength": 20},
                        "additionalProperties": self.input_schema(),
                    },
                },
                "required": ["version", "instances"],
            }
        schema = self.input_schema()
        schema["description"] = self.summary
        schema["properties"] = {"version": version, **schema["properties"]}
        schema["required"] = ["version", *schema["required"]]
        return schema

    @classmethod
    def load(cls, path: Path) -> Contract:
        """Read ``contract.yaml``; raises ``InputError`` where it is not one."""
        return cls.parse(path.read_bytes(), path)

    @classmethod
    def parse(cls, source: bytes, path: Path, load: Callable[[bytes], Any] = load_yaml) -> Contract:
        """Take ``source`` as the content of the ``contract.yaml`` at ``path``; errors as above."""
        try:
            return _contract(load(source), path, source)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise _broken(path, f"not YAML: {error.problem}", line, column) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise _broken(path, f"not a contract: {what}") from error


def _broken(path: Path, message: str, line: int = 1, column: int = 1) -> InputError:
    return InputError([Diagnostic(str(path), line, column, codes.CONTRACT, message)])


def _contract(data: dict[str, Any], path: Path, source: bytes) -> Contract:
    multiplicity = data.get("multiplicity", "one")
    if multiplicity not in ("one", "optional", "many"):
        raise ValueError(f"multiplicity {multiplicity!r} is not one, optional or many")
    inputs = tuple(Input(**_input(n, s)) for n, s in (data.get("inputs") or {}).items())
    wiring = tuple(
        Wire(**_input(name, {k: v for k, v in spec.items() if k != "from"}), source=_from(spec))
        for name, spec in (data.get("wiring") or {}).items()
    )
    contract = Contract(
        name=data["name"],
        version=Version.parse(data["version"]),
        summary=data["summary"],
        description=data.get("description", ""),
        multiplicity=cast(Multiplicity, multiplicity),
        terraform=data["terraform"],
        providers=data["providers"],
        inputs=inputs,
        wiring=wiring,
        checks=tuple(Check(**check) for check in data.get("checks") or ()),
        outputs=tuple(
            Output(
                name=name,
                value=spec["value"],
                description=spec["description"],
                sensitive=spec.get("sensitive", False),
                ephemeral=spec.get("ephemeral", False),
                export=spec.get("export", False),
            )
            for name, spec in (data.get("outputs") or {}).items()
        ),
        archives=tuple(
            Archive(name=name, folder=spec["folder"], include=tuple(spec["include"]))
            for name, spec in (data.get("archives") or {}).items()
        ),
        path=path,
        source=source,
    )
    known = {variable.name for variable in contract.variables}
    for check in contract.checks:
        if check.input not in known:
            raise ValueError(f"a check names {check.input!r}, which is no input")
    return contract


def _input(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    own = ("description", "rule", "sensitive", "ephemeral")
    if "type" not in spec:
        raise ValueError(f"input {name!r} has no type")
    return {
        "name": name,
        "schema": {key: value for key, value in spec.items() if key not in own},
        "description": spec["description"],
        "rule": spec.get("rule"),
        "required": "default" not in spec,
        "sensitive": spec.get("sensitive", False),
        "ephemeral": spec.get("ephemeral", False),
    }


def _from(spec: dict[str, Any]) -> str:
    source = str(spec["from"])
    if _SOURCE.fullmatch(source) is None:
        raise ValueError(f"wiring from {source!r} is not <module>.<output>")
    return source
