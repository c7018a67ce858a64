"""A validated environment: what the rules read and rendering works on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finbase.aws.catalogue import AwsCatalogue
from finbase.contract.contract import Contract
from finbase.contract.version import Version
from finbase.errors import Diagnostic
from finbase.source.document import Document, Where

__all__ = ["Environment", "Instance", "ModuleUse"]


@dataclass(frozen=True)
class Instance:
    """One use of a module, with the inputs that the file gives and no others.

    ``key`` is the name of an instance of a ``many`` module, and empty for any other.
    """

    key: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class ModuleUse:
    """A module at the version that the environment pins.

    A module that is not ``many`` has exactly one instance.
    """

    contract: Contract
    instances: tuple[Instance, ...]

    @property
    def name(self) -> str:
        """The module's name."""
        return self.contract.name

    @property
    def version(self) -> Version:
        """The version that is pinned."""
        return self.contract.version

    def value(self, instance: Instance, name: str) -> Any:
        """An input as given, or its default; ``None`` where the contract has no such input."""
        if name in instance.inputs:
            return instance.inputs[name]
        return next((i.default for i in self.contract.inputs if i.name == name), None)

    def where(self, instance: Instance, *names: str) -> Where:
        """The way to an instance in the document, or to a value within it."""
        key = ("instances", instance.key) if self.contract.multiplicity == "many" else ()
        return ("modules", self.name, *key, *names)


@dataclass(frozen=True)
class Environment:
    """One environment; ``modules`` are in the order in which they depend on each other.

    ``notes`` tell what in the file could not be judged.
    """

    path: Path
    name: str
    project: str
    region: str
    account_id: str
    tags: Mapping[str, str]
    state: Mapping[str, str]
    modules: tuple[ModuleUse, ...]
    document: Document
    catalogue: AwsCatalogue = field(default_factory=AwsCatalogue)
    notes: tuple[Diagnostic, ...] = ()

    @property
    def stack_name(self) -> str:
        """The prefix of every name in the stack."""
        return f"{self.project}-{self.name}"

    def module(self, name: str) -> ModuleUse | None:
        """The use of a module, or None where the environment has none."""
        return next((use for use in self.modules if use.name == name), None)

    def instances(self, name: str) -> Iterator[tuple[ModuleUse, Instance]]:
        """Every instance of a module with the use it belongs to; none where there is none."""
        if use := self.module(name):
            for instance in use.instances:
                yield use, instance
