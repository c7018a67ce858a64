"""Write pieces of Markdown: blocks of code and anchors of headings."""

from __future__ import annotations

import re


def page(*parts: str) -> str:
    """Join parts with an empty line between, and one newline at the end."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def block(language: str, text: str) -> str:
    """Return a fenced code block."""
    return f"```{language}\n{text}\n```"


def escaped(text: str) -> str:
    """Escape ``<``, so that it does not start an HTML tag."""
    return text.replace("<", "\\<")


def slug(heading: str) -> str:
    """Return the anchor that GitHub and MyST derive from a heading.

    >>> slug("FB201: a zone lies outside the region")
    'fb201-a-zone-lies-outside-the-region'
    """
    words = re.sub(r"[^\w\- ]", "", heading.lower())
    return words.strip().replace(" ", "-")
