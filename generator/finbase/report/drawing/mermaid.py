"""Write a plan as a Mermaid flowchart, for Markdown documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from finbase.plan.addresses import name_of, place_of, title_of, type_of
from finbase.plan.flows import is_allowed
from finbase.plan.network import PEERED, outlet
from finbase.plan.picture import pinned
from finbase.report.columns import counted
from finbase.report.drawing.canvas import clean

if TYPE_CHECKING:
    from finbase.plan.flows import Flow
    from finbase.plan.network import Network
    from finbase.plan.picture import Picture
    from finbase.report.drawing.draw import Subject


@dataclass(frozen=True)
class _Node:
    """A node; ``within`` names the frame around it, if any."""

    key: str
    lines: tuple[str, ...]
    within: str = ""


@dataclass(frozen=True)
class _Edge:
    """An arrow; ``broken`` draws it dashed, because no traffic is possible."""

    source: str
    target: str
    label: str = ""
    broken: bool = False


_Graph: TypeAlias = tuple[Iterable[_Node], Iterable[_Edge]]


def mermaid(picture: Picture, subject: Subject) -> str:
    """Return a diagram as a Mermaid flowchart; ``architecture`` has none."""
    nodes, edges = _GRAPHS[subject](picture)
    ids: dict[str, str] = {}
    frames: dict[str, list[str]] = {}
    for number, node in enumerate(nodes):
        ids[node.key] = f"n{number}"
        frames.setdefault(node.within, []).append(f"n{number}[{_mermaid(node.lines)}]")
    lines = ["flowchart TB" if subject == "network" else "flowchart LR"]
    for number, (frame, boxes) in enumerate(frames.items()):
        if frame:
            lines.append(f"  subgraph f{number}[{_mermaid([frame])}]")
        lines += [f"{'    ' if frame else '  '}{box}" for box in boxes]
        if frame:
            lines.append("  end")
    for edge in edges:
        arrow = "-.->" if edge.broken else "-->"
        label = f"|{_mermaid([edge.label])}|" if edge.label else ""
        lines.append(f"  {ids[edge.source]} {arrow}{label} {ids[edge.target]}")
    return "\n".join(lines) + "\n"


def _modules(picture: Picture) -> _Graph:
    labels = {module.label for module in picture.modules}
    shared = Counter((wire.source, wire.target) for wire in picture.wires)
    return (
        [_Node(m.label, (m.label, f"{pinned(m)}, {m.count} resources")) for m in picture.modules],
        [
            _Edge(source, target, counted(count, "value"))
            for (source, target), count in shared.items()
            if {source, target} <= labels
        ],
    )


def _flows(picture: Picture) -> _Graph:
    flows = picture.network.flows
    ends = dict.fromkeys(end for flow in flows for end in (flow.source, flow.target))
    return (
        [_Node(end, (title_of(end), place_of(end)) if type_of(end) else (end,)) for end in ends],
        [
            _Edge(flow.source, flow.target, _traffic(flow), broken=not is_allowed(flow))
            for flow in flows
        ],
    )


def _traffic(flow: Flow) -> str:
    return ": ".join(filter(None, (f"{flow.protocol} {flow.ports}".strip(), flow.description)))


def _network(picture: Picture) -> _Graph:
    return _network_nodes(picture.network), _network_edges(picture.network)


def _network_nodes(network: Network) -> Iterator[_Node]:
    zones = {subnet.address: subnet.zone for subnet in network.subnets}
    for gateway in network.gateways:
        title = "Internet gateway" if gateway.kind == "internet" else "NAT gateway"
        ip = (f"elastic IP {name_of(gateway.ip)}",) if gateway.ip else ()
        yield _Node(gateway.address, (title, *ip), zones.get(gateway.subnet, ""))
    for subnet in network.subnets:
        lines = (f"{subnet.tier} {subnet.cidr}", outlet(network, subnet))
        yield _Node(subnet.address, lines, subnet.zone)
    for kind, target in dict.fromkeys(
        (r.kind, r.target) for s in network.subnets for r in s.routes
    ):
        if kind in PEERED:
            yield _Node(target, (PEERED[kind], target))
    for member in network.members:
        yield _Node(member.address, (member.title, member.address))


def _network_edges(network: Network) -> Iterator[_Edge]:
    known = {subnet.address for subnet in network.subnets}
    for subnet in network.subnets:
        for route in subnet.routes:
            if route.target:
                yield _Edge(subnet.address, route.target, route.destination)
    for gateway in network.gateways:
        if gateway.subnet in known:
            yield _Edge(gateway.address, gateway.subnet, "in")
    for member in network.members:
        for address in member.subnets:
            yield _Edge(member.address, address, "in")


_GRAPHS: dict[str, Callable[[Picture], _Graph]] = {
    "modules": _modules,
    "network": _network,
    "flows": _flows,
}


def _mermaid(lines: Sequence[str]) -> str:
    """Return a quoted label; Mermaid writes entities with ``#`` instead of ``&``."""
    codes = str.maketrans({character: f"#{ord(character)};" for character in '#"<>&`\\|'})
    text = "<br>".join(clean(line).translate(codes) for line in lines if line)
    return f'"{" ".join(text.split())}"'
