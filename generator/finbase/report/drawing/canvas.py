"""Build an SVG tree from the few shapes that the diagrams use."""

from __future__ import annotations

import re
import textwrap
from functools import cache
from importlib.resources import files
from xml.etree import ElementTree as ET

WIDTH = 760.0
"""The usual width of a diagram; a unit is a pixel on a page that is 800 pixels wide."""

MARGIN = 12.0
"""The space around a diagram."""

_HEADING = 34.0
"""The height of a heading with its space."""

# XML 1.0 cannot contain these characters, not even escaped, but a plan's strings can.
_INVALID = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The width of a character relative to its font size, in the widest of the usual fonts.
_SANS, _MONO = 0.54, 0.61
_SIZES = {"small": 11.0, "mono": 12.0, "strong": 13.0, "": 12.0}


class Canvas:
    """One diagram; coordinates start at its upper left corner."""

    def __init__(self, name: str, title: str, description: str) -> None:
        self._root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "class": "picture",
                "role": "img",
                "aria-labelledby": f"{name}-title {name}-desc",
            },
        )
        for tag, text in (("title", title), ("desc", description)):
            ET.SubElement(self._root, tag, {"id": f"{name}-{tag}"}).text = clean(text)
        self._body = ET.SubElement(self._root, "g")
        self._top = MARGIN

    def heading(self, text: str) -> None:
        """Write a heading above the diagram, for a file of its own; its size must be set."""
        attributes = {"x": _number(MARGIN), "y": _number(MARGIN + 14), "class": "heading"}
        ET.SubElement(self._root, "text", attributes).text = clean(text)
        self._top = MARGIN + _HEADING
        self._resize()

    def size(self, width: float, height: float) -> None:
        """Set the size without margins; a page scrolls a wide diagram instead of shrinking it."""
        if width > WIDTH:
            self._root.set("class", "picture wide")
        self._width, self._height = width, height
        self._resize()

    def _resize(self) -> None:
        width, height = self._width + 2 * MARGIN, self._height + self._top + MARGIN
        for key, value in (("width", width), ("height", height)):
            self._root.set(key, _number(value))
        self._root.set("viewBox", f"0 0 {_number(width)} {_number(height)}")
        self._body.set("transform", f"translate({_number(MARGIN)} {_number(self._top)})")

    def box(self, x: float, y: float, width: float, height: float, look: str) -> None:
        """Draw a rectangle."""
        attributes = {"x": x, "y": y, "width": width, "height": height}
        self._add("rect", look=look, **{key: _number(value) for key, value in attributes.items()})

    def line(self, look: str, *points: tuple[float, float]) -> None:
        """Draw a line from point to point."""
        steps = " L".join(f"{_number(x)} {_number(y)}" for x, y in points)
        self._add("path", look=f"line {look}".strip(), d=f"M{steps}")

    def arrow(self, x: float, y: float, towards: str) -> None:
        """Draw the head of an arrow that ends at a point."""
        turns = {
            "right": "l-7 -3.5 v7 z",
            "left": "l7 -3.5 v7 z",
            "up": "l-3.5 7 h7 z",
        }
        self._add("path", look="head", d=f"M{_number(x)} {_number(y)} {turns[towards]}")

    def dot(self, x: float, y: float, look: str = "dot") -> None:
        """Draw a dot."""
        self._add("circle", look=look, cx=_number(x), cy=_number(y), r="3.5")

    def text(
        self, x: float, y: float, text: str, look: str = "", room: float = 0, anchor: str = ""
    ) -> None:
        """Write one line from ``x``; a tooltip has the whole text if it does not fit ``room``."""
        most = _fitting(look, room) if room else len(text)
        visible = text if len(text) <= most else f"{text[: max(most - 1, 1)].rstrip()}…"
        position = {"x": _number(x), "y": _number(y)} | ({"text-anchor": anchor} if anchor else {})
        element = self._add("text", visible, look=look, **position)
        if visible != text:
            # The title must be the first child, so the visible text is its tail.
            title = ET.SubElement(element, "title")
            title.text, title.tail, element.text = clean(text), element.text, None

    def paragraph(self, x: float, y: float, text: str, look: str, room: float) -> None:
        """Write at most two lines."""
        first, *rest = textwrap.wrap(clean(text), max(_fitting(look, room), 8)) or [""]
        self.text(x, y, first, look, room)
        if rest:
            self.text(x, y + 13, " ".join(rest), look, room)

    def add_style(self) -> None:
        """Include the stylesheet, for a diagram that is a file of its own."""
        style = ET.Element("style")
        style.text = stylesheet()
        self._root.insert(2, style)

    def _add(self, tag: str, text: str = "", *, look: str = "", **attributes: str) -> ET.Element:
        if look:
            attributes["class"] = look
        element = ET.SubElement(self._body, tag, attributes)
        element.text = clean(text) or None
        return element


def markup(canvas: Canvas) -> str:
    """Return the SVG document as text."""
    return ET.tostring(canvas._root, encoding="unicode")


def clean(text: str) -> str:
    """Replace the characters that XML cannot contain."""
    return _INVALID.sub("\ufffd", text)


@cache
def stylesheet() -> str:
    """Return the stylesheet of all diagrams, for light, dark and print."""
    return files("finbase.report.drawing").joinpath("pictures.css").read_text(encoding="utf-8")


def _fitting(look: str, room: float) -> int:
    """Return the number of characters that are sure to fit."""
    size = next(size for name, size in _SIZES.items() if name in look)
    return int(room / (size * (_MONO if "mono" in look else _SANS)))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
