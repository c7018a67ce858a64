"""Draw every allowed flow, with sources on the left and targets on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from finbase.plan.addresses import place_of, title_of
from finbase.plan.flows import UNKNOWN, is_allowed, is_endpoint, is_group, rules_of
from finbase.report.drawing.canvas import WIDTH, Canvas

if TYPE_CHECKING:
    from finbase.plan.flows import Flow
    from finbase.plan.network import Network

_ROW, _GAP, _TOP = 54.0, 16.0, 34.0
_LEFT, _RIGHT = 150.0, 178.0
_LEVEL = 490.0
"""Where labels end, and lines may turn to their targets."""


def draw(network: Network, name: str) -> Canvas:
    """Draw the flows of a network; ``name`` starts every id in the picture."""
    flows = network.flows
    canvas = Canvas(
        name,
        "Every allowed flow",
        f"{len(flows)} flows between security groups and address ranges. "
        + " ".join(_sentence(flow) for flow in flows),
    )
    sources = list(dict.fromkeys(flow.source for flow in flows))
    targets = sorted(
        dict.fromkeys(flow.target for flow in flows), key=lambda end: (not is_group(end), end)
    )
    left = _slots(sources, [flow.source for flow in flows])
    right = _slots(targets, [flow.target for flow in flows])
    height = _TOP + max(_height(left), _height(right)) + 30
    canvas.text(0, 14, "source", "small muted")
    canvas.text(_LEFT + 16, 14, "traffic and reason", "small muted")
    canvas.text(WIDTH - _RIGHT, 14, "target", "small muted")
    # Spread the lower side over the height of the higher one.
    spread = (_height(left) - _height(right)) / 2
    shift = (max(-spread, 0.0), max(spread, 0.0))
    for end, (top, count) in left.items():
        _end(canvas, network, end, (0, _LEFT), top + shift[0], count)
    for end, (top, count) in right.items():
        _end(canvas, network, end, (WIDTH - _RIGHT, _RIGHT), top + shift[1], count)
    heights = {
        flow: (
            left[flow.source][0] + shift[0] + (_outgoing(flow, flows, targets) + 0.5) * _ROW,
            right[flow.target][0] + shift[1] + (_incoming(flow, flows) + 0.5) * _ROW,
        )
        for flow in flows
    }
    lanes = _lanes(heights)
    for flow, (y, to_y) in heights.items():
        _flow(canvas, flow, y, to_y, lanes[flow])
    x, y = 4.0, height - 8
    rules = {bool(r) for f in flows for end, r in rules_of(f) if is_group(end)}
    for look, text, drawn in (
        ("dot", "a rule at this end", True in rules),
        ("open", "no rule at this end, so no traffic", False in rules),
    ):
        if drawn:
            canvas.dot(x, y - 4, look)
            canvas.text(x + 10, y, text, "small muted")
            x += 130
    canvas.size(WIDTH, height)
    return canvas


def _slots(ends: Sequence[str], used: Sequence[str]) -> dict[str, tuple[float, int]]:
    """Return the top and the number of rows of each end; it has a row per flow."""
    slots: dict[str, tuple[float, int]] = {}
    top = _TOP - 10
    for end in ends:
        slots[end] = (top, used.count(end))
        top += used.count(end) * _ROW + _GAP
    return slots


def _height(slots: dict[str, tuple[float, int]]) -> float:
    return sum(count * _ROW + _GAP for _, count in slots.values())


def _outgoing(flow: Flow, flows: Sequence[Flow], targets: Sequence[str]) -> int:
    """Return the row of a flow at its source."""
    found = [other for other in flows if other.source == flow.source]
    return sorted(found, key=lambda other: targets.index(other.target)).index(flow)


def _incoming(flow: Flow, flows: Sequence[Flow]) -> int:
    """Return the row of a flow at its target."""
    return [other for other in flows if other.target == flow.target].index(flow)


def _lanes(heights: Mapping[Flow, tuple[float, float]]) -> dict[Flow, float]:
    """Return where each line turns up or down: each at a place of its own, with few crossings.

    Of the lines that go down, the highest turns last; of those that go up, the lowest does.
    """
    down = sorted((f for f, (y, to) in heights.items() if to > y), key=lambda f: -heights[f][0])
    up = sorted((f for f in heights if f not in down), key=lambda f: heights[f][0])
    step = (WIDTH - _RIGHT - 24 - _LEVEL) / max(len(heights), 1)
    return {flow: _LEVEL + (number + 0.5) * step for number, flow in enumerate([*down, *up])}


def _flow(canvas: Canvas, flow: Flow, y: float, to_y: float, lane: float) -> None:
    look, end = "path" if is_allowed(flow) else "broken", WIDTH - _RIGHT
    room = _LEVEL - _LEFT - 16
    canvas.line(look, (_LEFT, y), (lane, y), (lane, to_y), (end - 10, to_y))
    canvas.arrow(end - 5, to_y, "right")
    canvas.text(_LEFT + 16, y - 6, f"{flow.protocol} {flow.ports}".strip(), "mono", room)
    canvas.paragraph(_LEFT + 16, y + 14, flow.description or "no description", "small muted", room)
    if is_group(flow.source):
        canvas.dot(_LEFT, y, "dot" if flow.outward else "open")
    if is_group(flow.target):
        canvas.dot(end, to_y, "dot" if flow.inward else "open")


def _end(
    canvas: Canvas,
    network: Network,
    end: str,
    across: tuple[float, float],
    top: float,
    count: int,
) -> None:
    x, width = across
    group = next((group for group in network.groups if group.address == end), None)
    canvas.box(x, top + 3, width, count * _ROW - 6, "cell")
    middle = top + count * _ROW / 2
    canvas.text(x + 12, middle - 2, title_of(end), "strong", width - 24)
    below = "group or addresses" if end == UNKNOWN else "address range"
    if is_endpoint(end):
        below = "gateway endpoint"
    if group is not None:
        members = len(group.members)
        count_text = f"{members or 'no'} member{'' if members == 1 else 's'}"
        below = f"{place_of(end).removeprefix('module.')}, {count_text}"
    canvas.text(x + 12, middle + 14, below, "small muted", width - 24)


def _sentence(flow: Flow) -> str:
    what = f"{flow.protocol} {flow.ports}".strip()
    return f"{title_of(flow.source)} to {title_of(flow.target)}, {what}."
