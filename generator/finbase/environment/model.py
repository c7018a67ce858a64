"""A validated environment, the input of the rules and of rendering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from finbase.aws.catalogue import AwsCatalogue
from finbase.contract.contract import Contract
from finbase.contract.version import Version
from finbase.errors import Diagnostic
from finbase.source.document import Document, Where


@dataclass(frozen=True)
class Instance:
    """One use of a module, with only the inputs that the file sets.

    ``key`` is the name of an instance of a ``many`` module, or of a further database. It is empty
    for the first database, and for a module that an environment has once.
    """

    key: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class ModuleUse:
    """A module at its pinned version.

    Modules other than ``many`` have one instance with an empty key, and those that repeat another
    one for each further database.
    """

    contract: Contract
    instances: tuple[Instance, ...]

    @property
    def name(self) -> str:
        """The module's name."""
        return self.contract.name

    @property
    def version(self) -> Version:
        """The pinned version."""
        return self.contract.version

    def declares(self, name: str) -> bool:
        """Return whether the module has an input of that name."""
        return name in self.contract.defaults

    def value(self, instance: Instance, name: str) -> Any:
        """Return an input's value or its default, or None if the contract has no such input."""
        if name in instance.inputs:
            return instance.inputs[name]
        return self.contract.defaults.get(name)

    def label(self, instance: Instance) -> str:
        """Return the name of an instance's module block, such as ``replica_reporting``."""
        return f"{self.name}_{instance.key.replace('-', '_')}" if instance.key else self.name

    def is_further(self, instance: Instance) -> bool:
        """Return whether an instance belongs to a further database."""
        return self.contract.repeats and bool(instance.key)

    def has(self, key: str) -> bool:
        """Return whether the module repeats, and has an instance for a further database."""
        return self.contract.repeats and any(i.key == key for i in self.instances)

    def where(self, instance: Instance, *names: str) -> Where:
        """Return the path of an instance in the document, or of a value in it."""
        many = self.contract.multiplicity == "many"
        key = ("instances", instance.key) if many or instance.key else ()
        return ("modules", self.name, *key, *names)


@dataclass(frozen=True)
class Environment:
    """One environment, with its ``modules`` in dependency order.

    ``notes`` are remarks about values that finbase cannot judge. ``provider`` is the version of the
    AWS provider, empty for that of the project.
    """

    path: Path = field(repr=False)
    name: str
    project: str
    region: str
    account_id: str
    tags: Mapping[str, str]
    state: Mapping[str, str]
    modules: tuple[ModuleUse, ...]
    document: Document = field(repr=False)
    catalogue: AwsCatalogue = field(default_factory=AwsCatalogue, repr=False)
    notes: tuple[Diagnostic, ...] = field(default=(), repr=False)
    provider: str = ""

    @property
    def stack_name(self) -> str:
        """The prefix of every name in the stack."""
        return f"{self.project}-{self.name}"

    @property
    def partition(self) -> str:
        """The partition of the region, which ARNs start with: aws, aws-cn or aws-us-gov."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if "-gov-" in self.region else "aws"

    @cached_property
    def _by_name(self) -> Mapping[str, ModuleUse]:
        return {use.name: use for use in self.modules}

    @cached_property
    def _by_place(self) -> Mapping[str, ModuleUse]:
        return {use.contract.place: use for use in reversed(self.modules)}

    def module(self, name: str) -> ModuleUse | None:
        """Return the use of a module, or None if the environment does not have it."""
        return self._by_name.get(name)

    def in_place(self, name: str) -> ModuleUse | None:
        """Return the use of a module, or of the one that stands in its place."""
        return self._by_place.get(name)

    def instances(self, name: str) -> Iterator[tuple[ModuleUse, Instance]]:
        """Yield every instance of a module, with its use."""
        if use := self.module(name):
            for instance in use.instances:
                yield use, instance


def tag_key(name: str) -> str:
    """Return the key that a tag of the file has in AWS.

    >>> tag_key("cost_centre"), tag_key("owner_")
    ('CostCentre', 'Owner')
    """
    return "".join(part.capitalize() for part in name.split("_"))
