"""What modules share: a row for each, and a line down from each that gives to others.

A module stands below all that it takes from. A dot is a joint; where two lines cross without
one, they have nothing to do with each other.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from finbase.plan.picture import pinned
from finbase.report.drawing.canvas import WIDTH, Canvas

if TYPE_CHECKING:
    from finbase.plan.picture import Module, Picture

__all__ = ["draw"]

_ROW, _BOX, _LEFT, _NARROWEST = 48.0, 38.0, 220.0, 44.0
_TAKES, _GIVES = 13.0, 26.0


def draw(picture: Picture, name: str) -> Canvas:
    """Draw what the modules of a stack share, as a picture whose ids begin with ``name``."""
    modules, shared = picture.modules, Counter((w.source, w.target) for w in picture.wires)
    canvas = Canvas(
        name,
        "What the modules share",
        f"{len(modules)} modules in an order in which none needs a later one. "
        + " ".join(_sentence(module, shared) for module in modules),
    )
    givers = [module.label for module in modules if any(s == module.label for s, _ in shared)]
    step = max(_NARROWEST, (WIDTH - _LEFT - 40) / max(len(givers), 1))
    lanes = {label: _LEFT + 40 + index * step for index, label in enumerate(givers)}
    tops = {module.label: index * _ROW for index, module in enumerate(modules)}
    for giver in givers:
        takers = [target for source, target in shared if source == giver and target in tops]
        x, y = lanes[giver], tops[giver] + _GIVES
        last = max((tops[taker] for taker in takers), default=tops[giver])
        canvas.line("way", (_LEFT, y), (x, y), (x, last + _TAKES))
    for module in modules:
        _module(canvas, module, tops[module.label], shared, lanes)
    width = _LEFT + 40 + max(len(givers) - 1, 0) * step + 44
    canvas.size(max(width, WIDTH), len(modules) * _ROW)
    return canvas


def _module(
    canvas: Canvas,
    module: Module,
    top: float,
    shared: Counter[tuple[str, str]],
    lanes: dict[str, float],
) -> None:
    canvas.box(0.5, top + 0.5, _LEFT - 1, _BOX, "cell")
    canvas.text(12, top + 16, module.label, "strong", _LEFT - 24)
    count = f"{module.count} resource{'' if module.count == 1 else 's'}"
    canvas.text(12, top + 31, f"{pinned(module)}, {count}", "small muted", _LEFT - 24)
    y = top + _TAKES
    takes = {s: n for (s, t), n in shared.items() if t == module.label and s in lanes}
    if takes:
        canvas.line("", (_LEFT + 6, y), (max(lanes[giver] for giver in takes), y))
        canvas.arrow(_LEFT + 1, y, "left")
    for giver, values in takes.items():
        canvas.dot(lanes[giver], y)
        canvas.text(lanes[giver] + 6, y - 3, str(values), "small muted")


def _sentence(module: Module, shared: Counter[tuple[str, str]]) -> str:
    takes = [f"{s} ({n})" for (s, t), n in shared.items() if t == module.label]
    return f"{module.label} takes from {', '.join(takes) or 'none'}."
