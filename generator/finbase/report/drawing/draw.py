"""Draw a plan as SVG.

Each of the three diagrams has a fixed layout of its own, so the same plan always yields the same
diagram, and no layout engine has to be installed. Text is put into an XML tree, never into
markup. A diagram describes itself with ``title`` and ``desc``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from finbase.report.drawing import canvas, flows, modules, network

if TYPE_CHECKING:
    from finbase.plan.picture import Picture

Subject = Literal["modules", "network", "flows"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)


def draw(picture: Picture, subject: Subject, name: str) -> str:
    """Return a diagram for a page that has the stylesheet; ``name`` starts the ids in it."""
    return canvas.markup(_drawn(picture, subject, name))


def standalone(picture: Picture, subject: Subject) -> str:
    """Return a diagram as a file, with its stylesheet for light and dark, and a newline."""
    drawn = _drawn(picture, subject, "picture")
    drawn.add_style()
    return canvas.markup(drawn) + "\n"


def _drawn(picture: Picture, subject: Subject, name: str) -> canvas.Canvas:
    if subject == "modules":
        return modules.draw(picture, name)
    if subject == "flows":
        return flows.draw(picture.network, name)
    return network.draw(picture.network, name)
