"""An SVG tree with the few shapes that the pictures are made of."""

from __future__ import annotations

import re
import textwrap
from functools import cache
from importlib.resources import files
from xml.etree import ElementTree as ET

__all__ = ["WIDTH", "Canvas", "clean", "markup", "stylesheet"]

WIDTH = 760.0
"""What a picture is drawn for, in units: a pixel each where the page is 800 pixels wide."""

# What XML 1.0 cannot hold, not even escaped. A plan's strings may have any of it.
_INVALID = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# How wide a character is, as a share of its size, in the widest of the usual fonts.
_SANS, _MONO = 0.54, 0.61
_SIZES = {"small": 11.0, "mono": 12.0, "strong": 13.0, "": 12.0}


class Canvas:
    """One picture; coordinates are in units from its upper left corner."""

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
        self._add("title", title, id=f"{name}-title")
        self._add("desc", description, id=f"{name}-desc")

    def size(self, width: float, height: float) -> None:
        """Give the picture its size; one that is wider than usual is not to be made smaller."""
        if width > WIDTH:
            self._root.set("class", "picture wide")
        for key, value in (("width", width), ("height", height)):
            self._root.set(key, _number(value))
        self._root.set("viewBox", f"0 0 {_number(width)} {_number(height)}")

    def box(self, x: float, y: float, width: float, height: float, look: str) -> None:
        """Draw a rectangle."""
        place = {"x": x, "y": y, "width": width, "height": height}
        self._add("rect", look=look, **{key: _number(value) for key, value in place.items()})

    def line(self, look: str, *points: tuple[float, float]) -> None:
        """Draw a line from point to point."""
        steps = " L".join(f"{_number(x)} {_number(y)}" for x, y in points)
        self._add("path", look=f"line {look}".strip(), d=f"M{steps}")

    def curve(self, look: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a curve that leaves and arrives level."""
        (x, y), (to_x, to_y) = start, end
        middle = (x + to_x) / 2
        numbers = [_number(n) for n in (x, y, middle, y, middle, to_y, to_x, to_y)]
        d = "M{} {} C{} {} {} {} {} {}".format(*numbers)
        self._add("path", look=f"line {look}".strip(), d=d)

    def arrow(self, x: float, y: float, towards: str) -> None:
        """Draw the head of an arrow that ends at a point."""
        turns = {
            "right": "l-7 -3.5 v7 z",
            "left": "l7 -3.5 v7 z",
            "up": "l-3.5 7 h7 z",
            "down": "l-3.5 -7 h7 z",
        }
        self._add("path", look="head", d=f"M{_number(x)} {_number(y)} {turns[towards]}")

    def dot(self, x: float, y: float, look: str = "dot") -> None:
        """Draw a dot."""
        self._add("circle", look=look, cx=_number(x), cy=_number(y), r="3.5")

    def text(
        self, x: float, y: float, text: str, look: str = "", room: float = 0, anchor: str = ""
    ) -> None:
        """Write on one line from ``x`` on; what needs more than ``room`` is cut, and told whole."""
        most = _fitting(look, room) if room else len(text)
        shown = text if len(text) <= most else f"{text[: max(most - 1, 1)].rstrip()}…"
        place = {"x": _number(x), "y": _number(y)} | ({"text-anchor": anchor} if anchor else {})
        element = self._add("text", shown, look=look, **place)
        if shown != text:
            # The title comes first, so what is written follows it.
            title = ET.SubElement(element, "title")
            title.text, title.tail, element.text = clean(text), element.text, None

    def paragraph(self, x: float, y: float, text: str, look: str, room: float) -> None:
        """Write on two lines at most."""
        first, *rest = textwrap.wrap(clean(text), max(_fitting(look, room), 8)) or [""]
        self.text(x, y, first, look, room)
        if rest:
            self.text(x, y + 13, " ".join(rest), look, room)

    def add_style(self) -> None:
        """Carry the stylesheet along, for a picture outside of a page."""
        style = ET.Element("style")
        style.text = stylesheet()
        self._root.insert(2, style)

    def _add(self, tag: str, text: str = "", *, look: str = "", **attributes: str) -> ET.Element:
        if look:
            attributes["class"] = look
        element = ET.SubElement(self._root, tag, attributes)
        element.text = clean(text) or None
        return element


def markup(canvas: Canvas) -> str:
    """Return the picture as text."""
    return ET.tostring(canvas._root, encoding="unicode")


def clean(text: str) -> str:
    """Replace what XML cannot hold."""
    return _INVALID.sub("\ufffd", text)


@cache
def stylesheet() -> str:
    """Return the stylesheet of all pictures, for light, dark and print."""
    return files("finbase.report.drawing").joinpath("pictures.css").read_text(encoding="utf-8")


def _fitting(look: str, room: float) -> int:
    """How many characters of a look surely fit."""
    size = next(size for word, size in _SIZES.items() if word in look)
    return int(room / (size * (_MONO if "mono" in look else _SANS)))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
