"""Draw a plan as SVG.

Each diagram has a fixed layout of its own, so the same plan always yields the same
diagram, and no layout engine has to be installed. Text is put into an XML tree, never into
markup. A diagram describes itself with ``title`` and ``desc``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Literal, get_args

from finbase.report.drawing import architecture, canvas, flows, modules, network

if TYPE_CHECKING:
    from finbase.plan.network import Network
    from finbase.plan.picture import Picture

Subject = Literal["modules", "network", "flows", "architecture"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
HEADINGS: Mapping[Subject, str] = {
    "modules": "modules and their wiring",
    "network": "network",
    "flows": "allowed flows",
    "architecture": "architecture",
}
_OF_NETWORK: Mapping[Subject, Callable[[Network, str], canvas.Canvas]] = {
    "network": network.draw,
    "flows": flows.draw,
    "architecture": architecture.draw,
}


def draw(picture: Picture, subject: Subject, name: str) -> str:
    """Return a diagram for a page that has the stylesheet; ``name`` starts the ids in it."""
    return canvas.markup(_drawn(picture, subject, name))


def standalone(
    picture: Picture, subject: Subject, environment: str, made: datetime | None = None
) -> str:
    """Return a diagram as a file, with its heading, date and stylesheet, and a newline."""
    drawn = _drawn(picture, subject, "picture")
    date = f", {made:%Y-%m-%d}" if made else ""
    drawn.heading(f"{environment}: {HEADINGS[subject]}{date}")
    drawn.add_style()
    return canvas.markup(drawn) + "\n"


def _drawn(picture: Picture, subject: Subject, name: str) -> canvas.Canvas:
    if subject == "modules":
        return modules.draw(picture, name)
    return _OF_NETWORK[subject](picture.network, name)
