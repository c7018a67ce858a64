"""What of a plan can be drawn: its network with every allowed flow, and what its modules share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finbase.plan.network import Network, read_network

if TYPE_CHECKING:
    from stack_graph import Stack

__all__ = ["Module", "Picture", "Wire", "pinned", "read_picture"]


@dataclass(frozen=True)
class Module:
    """A module block: its label, where it is, and how many resources of each type it plans."""

    label: str
    source: str
    resources: tuple[tuple[str, int], ...]

    @property
    def count(self) -> int:
        """How many resources it plans."""
        return sum(count for _, count in self.resources)


@dataclass(frozen=True)
class Wire:
    """An output of one module that an input of another one takes."""

    source: str
    output: str
    target: str
    input: str


@dataclass(frozen=True)
class Picture:
    """All that is drawn of one plan; ``modules`` in an order in which none needs a later one."""

    network: Network
    modules: tuple[Module, ...]
    wires: tuple[Wire, ...]


def read_picture(plan: Mapping[str, Any], stack: Stack) -> Picture:
    """Read the picture of a plan; ``stack`` is the graph of the same plan."""
    calls: Mapping[str, Any] = plan["configuration"]["root_module"].get("module_calls", {})
    wires = tuple(dict.fromkeys(_wires(calls)))
    modules = {
        label: Module(label, call.get("source", ""), _counts(stack, label))
        for label, call in calls.items()
    }
    order = _ordered(list(modules), wires)
    return Picture(read_network(stack), tuple(modules[label] for label in order), wires)


def _counts(stack: Stack, label: str) -> tuple[tuple[str, int], ...]:
    mine = (r for r in stack.resources if r.module and r.module[0][0] == label)
    return tuple(sorted(Counter(r.type for r in mine if r.mode == "managed").items()))


def _wires(calls: Mapping[str, Any]) -> Iterator[Wire]:
    for target, call in calls.items():
        for name, expression in call.get("expressions", {}).items():
            references = expression.get("references", ()) if isinstance(expression, dict) else ()
            for reference in references:
                match reference.split("."):
                    case ["module", source, output, *_]:
                        yield Wire(source.partition("[")[0], output, target, name)


def _ordered(labels: Sequence[str], wires: Sequence[Wire]) -> list[str]:
    """Put each module after all that it takes from, and as near to them as can be."""
    needs = {label: {w.source for w in wires if w.target == label} for label in labels}
    order: list[str] = []
    while len(order) < len(labels):
        left = [label for label in labels if label not in order]
        # Terraform plans no cycle; of a plan that has one, the rest comes as it is.
        ready = [label for label in left if needs[label] <= set(order)] or left
        order.append(ready[0])
    return order


def pinned(module: Module) -> str:
    """Return ``kms 1.0.0`` for a module of the project, else its source."""
    parts = module.source.split("/")
    return " ".join(parts[-2:]) if parts[:-2] == ["..", "..", "modules"] else module.source
