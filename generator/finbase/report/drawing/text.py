"""The pictures of a plan as text for other tools: Mermaid for documents, DOT for Graphviz."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finbase.plan.addresses import name_of, place_of
from finbase.plan.flows import is_group, whole
from finbase.plan.network import outlet
from finbase.plan.picture import pinned
from finbase.report.drawing.canvas import clean

if TYPE_CHECKING:
    from finbase.plan.network import Network
    from finbase.plan.picture import Picture
    from finbase.report.drawing import Subject

__all__ = ["dot", "mermaid"]


@dataclass(frozen=True)
class _Node:
    """What an edge can end at; ``within`` names the frame that it stands in, if any."""

    key: str
    lines: tuple[str, ...]
    within: str = ""


@dataclass(frozen=True)
class _Edge:
    """An arrow; ``broken`` where nothing comes through."""

    source: str
    target: str
    label: str = ""
    broken: bool = False


@dataclass(frozen=True)
class _Graph:
    nodes: tuple[_Node, ...]
    edges: tuple[_Edge, ...]

    def frames(self) -> dict[str, list[tuple[str, _Node]]]:
        """The nodes by frame, each with an id that any tool takes."""
        frames: dict[str, list[tuple[str, _Node]]] = {}
        for number, node in enumerate(self.nodes):
            frames.setdefault(node.within, []).append((f"n{number}", node))
        return frames

    def ids(self) -> dict[str, str]:
        """The id of each node by its key."""
        return {node.key: f"n{number}" for number, node in enumerate(self.nodes)}


def mermaid(picture: Picture, subject: Subject) -> str:
    """Write a picture as a Mermaid flowchart."""
    graph = _GRAPHS[subject](picture)
    lines = ["flowchart TB" if subject == "network" else "flowchart LR"]
    for number, (frame, nodes) in enumerate(graph.frames().items()):
        indent = "    " if frame else "  "
        if frame:
            lines.append(f"  subgraph f{number}[{_mermaid([frame])}]")
        lines += [f"{indent}{id_}[{_mermaid(node.lines)}]" for id_, node in nodes]
        if frame:
            lines.append("  end")
    ids = graph.ids()
    for edge in graph.edges:
        arrow = "-.->" if edge.broken else "-->"
        label = f"|{_mermaid([edge.label])}|" if edge.label else ""
        lines.append(f"  {ids[edge.source]} {arrow}{label} {ids[edge.target]}")
    return "\n".join(lines) + "\n"


def dot(picture: Picture, subject: Subject) -> str:
    """Write a picture as a graph for Graphviz."""
    graph = _GRAPHS[subject](picture)
    lines = [
        f"digraph {subject} {{",
        f"  rankdir={'BT' if subject == 'network' else 'LR'};",
        '  node [shape=box, fontname="sans-serif"];',
        '  edge [fontname="sans-serif"];',
    ]
    for number, (frame, nodes) in enumerate(graph.frames().items()):
        indent = "    " if frame else "  "
        if frame:
            lines += [f"  subgraph cluster_{number} {{", f"    label={_dot([frame])};"]
        lines += [f"{indent}{id_} [label={_dot(node.lines)}];" for id_, node in nodes]
        if frame:
            lines.append("  }")
    ids = graph.ids()
    for edge in graph.edges:
        looks = [f"label={_dot([edge.label])}"] * bool(edge.label) + ["style=dashed"] * edge.broken
        look = f" [{', '.join(looks)}]" if looks else ""
        lines.append(f"  {ids[edge.source]} -> {ids[edge.target]}{look};")
    return "\n".join([*lines, "}"]) + "\n"


def _modules(picture: Picture) -> _Graph:
    labels = {module.label for module in picture.modules}
    shared = Counter((wire.source, wire.target) for wire in picture.wires)
    return _Graph(
        tuple(
            _Node(m.label, (m.label, f"{pinned(m)}, {m.count} resources")) for m in picture.modules
        ),
        tuple(
            _Edge(source, target, f"{count} value{'' if count == 1 else 's'}")
            for (source, target), count in shared.items()
            if {source, target} <= labels
        ),
    )


def _flows(picture: Picture) -> _Graph:
    flows = picture.network.flows
    ends = dict.fromkeys(end for flow in flows for end in (flow.source, flow.target))
    return _Graph(
        tuple(
            _Node(end, (name_of(end), place_of(end)) if is_group(end) else (end,)) for end in ends
        ),
        tuple(
            _Edge(
                flow.source,
                flow.target,
                ": ".join(
                    filter(None, (f"{flow.protocol} {flow.ports}".strip(), flow.description))
                ),
                broken=not whole(flow),
            )
            for flow in flows
        ),
    )


def _network(picture: Picture) -> _Graph:
    network = picture.network
    return _Graph(tuple(_network_nodes(network)), tuple(_network_edges(network)))


def _network_nodes(network: Network) -> Iterator[_Node]:
    zones = {subnet.address: subnet.zone for subnet in network.subnets}
    for gateway in network.gateways:
        words = "Internet gateway" if gateway.kind == "internet" else "NAT gateway"
        ip = (f"elastic IP {name_of(gateway.ip)}",) if gateway.ip else ()
        yield _Node(gateway.address, (words, *ip), zones.get(gateway.subnet, ""))
    for subnet in network.subnets:
        lines = (f"{subnet.tier} {subnet.cidr}", outlet(network, subnet))
        yield _Node(subnet.address, lines, subnet.zone)
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
            yield _Edge(gateway.address, gateway.subnet, "lies in")
    for member in network.members:
        for address in member.subnets:
            yield _Edge(member.address, address, "lies in")


_GRAPHS: dict[str, Callable[[Picture], _Graph]] = {
    "modules": _modules,
    "network": _network,
    "flows": _flows,
}


def _mermaid(lines: tuple[str, ...] | list[str]) -> str:
    """Quote a label; Mermaid knows entities by number or name, written with ``#``."""
    codes = str.maketrans({character: f"#{ord(character)};" for character in '#"<>&`\\|'})
    text = "<br>".join(clean(line).translate(codes) for line in lines if line)
    return f'"{" ".join(text.split())}"'


def _dot(lines: tuple[str, ...] | list[str]) -> str:
    """Quote a label; a backslash begins an escape of DOT's own."""
    escaped = (clean(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines if line)
    text = "\\n".join(" ".join(line.split()) for line in escaped)
    return f'"{text}"'
