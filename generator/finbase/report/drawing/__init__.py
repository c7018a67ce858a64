"""Pictures of a plan as SVG, drawn by hand rather than by a layout engine.

The three pictures have a form each that their subject asks for, so the same plan always gives
the same picture, nothing has to be installed, and every label has its place. Text is put into
an XML tree, never into markup, and a picture names itself with ``title`` and ``desc``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from finbase.report.drawing import canvas, flows, modules, network

if TYPE_CHECKING:
    from finbase.plan.picture import Picture

__all__ = ["SUBJECTS", "Subject", "draw", "standalone"]

Subject = Literal["modules", "network", "flows"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)


def draw(picture: Picture, subject: Subject, name: str) -> str:
    """Draw one picture for a page that has the stylesheet; ``name`` begins the ids in it."""
    return canvas.markup(_drawn(picture, subject, name))


def standalone(picture: Picture, subject: Subject) -> str:
    """Draw one picture as a file of its own, light and dark, with a newline at its end."""
    drawn = _drawn(picture, subject, "picture")
    drawn.add_style()
    return canvas.markup(drawn) + "\n"


def _drawn(picture: Picture, subject: Subject, name: str) -> canvas.Canvas:
    if subject == "modules":
        return modules.draw(picture, name)
    if subject == "flows":
        return flows.draw(picture.network, name)
    return network.draw(picture.network, name)
