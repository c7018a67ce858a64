"""Draw the values that modules share: a row per module, and a line down from each source.

A module is below the modules that it depends on. A dot connects two lines; lines that cross
without a dot are not connected.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from finbase.plan.picture import pinned
from finbase.report.drawing.canvas import WIDTH, Canvas

if TYPE_CHECKING:
    from finbase.plan.picture import Module, Picture

_ROW, _BOX, _LEFT, _NARROWEST = 48.0, 38.0, 220.0, 44.0
_INPUT, _OUTPUT = 13.0, 26.0


def draw(picture: Picture, name: str) -> Canvas:
    """Draw the values that modules share; ``name`` starts every id in the picture."""
    modules, shared = picture.modules, Counter((w.source, w.target) for w in picture.wires)
    canvas = Canvas(
        name,
        "Values that modules share",
        f"{len(modules)} modules, each below the modules that it depends on. "
        + " ".join(_sentence(module, shared) for module in modules),
    )
    sources = [module.label for module in modules if any(s == module.label for s, _ in shared)]
    step = max(_NARROWEST, (WIDTH - _LEFT - 40) / max(len(sources), 1))
    lanes = {label: _LEFT + 40 + index * step for index, label in enumerate(sources)}
    tops = {module.label: index * _ROW for index, module in enumerate(modules)}
    for source in sources:
        targets = [target for origin, target in shared if origin == source and target in tops]
        x, y = lanes[source], tops[source] + _OUTPUT
        last = max((tops[target] for target in targets), default=tops[source])
        canvas.line("path", (_LEFT, y), (x, y), (x, last + _INPUT))
    for module in modules:
        _module(canvas, module, tops[module.label], shared, lanes)
    width = _LEFT + 40 + max(len(sources) - 1, 0) * step + 44
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
    y = top + _INPUT
    inputs = {s: n for (s, t), n in shared.items() if t == module.label and s in lanes}
    if inputs:
        canvas.line("", (_LEFT + 6, y), (max(lanes[source] for source in inputs), y))
        canvas.arrow(_LEFT + 1, y, "left")
    for source, values in inputs.items():
        canvas.dot(lanes[source], y)
        canvas.text(lanes[source] + 6, y - 3, str(values), "small muted")


def _sentence(module: Module, shared: Counter[tuple[str, str]]) -> str:
    inputs = [f"{s} ({n})" for (s, t), n in shared.items() if t == module.label]
    return f"{module.label} uses values of {', '.join(inputs) or 'no module'}."
