"""Read what the diagrams of a plan show: its network, its flows and the values of its modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finbase.plan.network import Network, read_network

if TYPE_CHECKING:
    from stack_graph import Stack


@dataclass(frozen=True)
class Module:
    """A module block: its label, its source, and the number of its resources by type."""

    label: str
    source: str
    resources: tuple[tuple[str, int], ...]

    @property
    def count(self) -> int:
        """The number of resources that it plans."""
        return sum(count for _, count in self.resources)


@dataclass(frozen=True)
class Wire:
    """An output of one module that is an input of another one."""

    source: str
    output: str
    target: str
    input: str


@dataclass(frozen=True)
class Picture:
    """The content of the diagrams; each module comes after the modules that it depends on."""

    network: Network
    modules: tuple[Module, ...]
    wires: tuple[Wire, ...]


def read_picture(plan: Mapping[str, Any], stack: Stack) -> Picture:
    """Return the picture of a plan; ``stack`` is the graph of the same plan."""
    calls: Mapping[str, Any] = plan["configuration"]["root_module"].get("module_calls", {})
    wires = tuple(dict.fromkeys(_wires(calls)))
    modules = {
        label: Module(label, call.get("source", ""), _counts(stack, label))
        for label, call in calls.items()
    }
    order = _ordered(list(modules), wires)
    return Picture(read_network(stack), tuple(modules[label] for label in order), wires)


def _counts(stack: Stack, label: str) -> tuple[tuple[str, int], ...]:
    own = (r for r in stack.resources if r.module and r.module[0][0] == label)
    return tuple(sorted(Counter(r.type for r in own if r.mode == "managed").items()))


def _wires(calls: Mapping[str, Any]) -> Iterator[Wire]:
    for target, call in calls.items():
        for name, expression in call.get("expressions", {}).items():
            references = expression.get("references", ()) if isinstance(expression, dict) else ()
            for reference in references:
                match reference.split("."):
                    case ["module", source, output, *_]:
                        yield Wire(source.partition("[")[0], output, target, name)


def _ordered(labels: Sequence[str], wires: Sequence[Wire]) -> list[str]:
    """Return the labels in an order in which each module follows its dependencies."""
    needs = {label: {w.source for w in wires if w.target == label} for label in labels}
    order: list[str] = []
    while len(order) < len(labels):
        left = [label for label in labels if label not in order]
        # Terraform refuses cycles; if an edited plan has one, keep the order of the rest.
        ready = [label for label in left if needs[label] <= set(order)] or left
        order.append(ready[0])
    return order


def pinned(module: Module) -> str:
    """Return ``kms 1.0.0`` for a module of the project, else its source."""
    parts = module.source.split("/")
    return " ".join(parts[-2:]) if parts[:-2] == ["..", "..", "modules"] else module.source
