"""What an environment's root stack says: its module blocks and its outputs.

Given inputs stay as the file gives them; wiring becomes references. What is an ``Hcl`` here
is a reference, everything else is data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from finbase.contract.contract import Output, Wire
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.render.hcl import Hcl

__all__ = ["Block", "blocks", "default_tags", "exports", "label", "local_values"]


@dataclass(frozen=True)
class Block:
    """One ``module`` block: ``inputs`` as given, in the contract's order, then ``wiring``."""

    label: str
    summary: str
    source: str
    inputs: Mapping[str, Any]
    wiring: Mapping[str, Any]


def local_values(environment: Environment) -> dict[str, str]:
    """List the ``locals`` of the stack: what wiring from ``environment`` refers to."""
    return {
        "name": environment.stack_name,
        "project": environment.project,
        "environment": environment.name,
        "region": environment.region,
        "account_id": environment.account_id,
    }


def default_tags(environment: Environment) -> dict[str, Any]:
    """List the tags of every resource: ``cost_centre`` of the file becomes ``CostCentre``."""
    given = {
        "".join(part.capitalize() for part in name.split("_")): value
        for name, value in environment.tags.items()
    }
    return {
        "Project": Hcl("local.project"),
        "Environment": Hcl("local.environment"),
        **given,
        "ManagedBy": "finbase",
    }


def blocks(environment: Environment) -> Iterator[Block]:
    """Yield the module blocks, in dependency order.

    Raises ``ValueError`` where a required wire has no source, which a validated environment
    rules out.
    """
    for use in environment.modules:
        contract = use.contract
        for instance in use.instances:
            wires = {
                wire.name: source
                for wire in contract.wiring
                if (source := _source(wire, instance, environment)) is not None
            }
            yield Block(
                label=label(use, instance),
                summary=contract.summary,
                source=f"../../modules/{use.name}/{use.version}",
                inputs={
                    given.name: instance.inputs[given.name]
                    for given in contract.inputs
                    if given.name in instance.inputs
                },
                wiring=wires,
            )


def exports(environment: Environment) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the outputs of the stack: a name, and the attributes of its block."""
    for use in environment.modules:
        for output in use.contract.outputs:
            if output.export:
                yield f"{use.name}_{output.name}", _export(use, output)


def _export(use: ModuleUse, output: Output) -> dict[str, Any]:
    description = output.description.strip()
    if use.contract.multiplicity == "many":
        description = f"{description.rstrip('.')}, keyed by instance."
    export = {"description": description, "value": _value(use, output.name)}
    return {**export, "sensitive": True} if output.sensitive else export


def _source(wire: Wire, instance: Instance, environment: Environment) -> Any:
    """Write what fills a wire; None leaves it to its default."""
    if wire.module == "environment" and wire.output in local_values(environment):
        return Hcl(f"local.{wire.output}")
    if wire.source == "instance.name":
        return instance.key
    use = environment.module(wire.module)
    if use is not None and (use.instances or wire.required):
        return _value(use, wire.output)
    if wire.required:
        raise ValueError(f"{wire.name} is wired from {wire.source}, which is not in the stack")
    return None


def _value(use: ModuleUse, output: str) -> Hcl | dict[str, Hcl]:
    """Refer to an output: of a ``many`` module as a map, keyed by instance."""
    references = {
        instance.key: Hcl(f"module.{label(use, instance)}.{output}") for instance in use.instances
    }
    return references if use.contract.multiplicity == "many" else references[""]


def label(use: ModuleUse, instance: Instance) -> str:
    """Name the module block of an instance."""
    return f"{use.name}_{instance.key.replace('-', '_')}" if instance.key else use.name
