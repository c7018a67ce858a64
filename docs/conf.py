"""Sphinx settings: MyST reads the Markdown, sphinx-click documents the commands, furo is the theme.

The built site is self-contained: it loads no font, script or image from another host.
"""

from __future__ import annotations

import re
from importlib.metadata import version as installed
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import urlsplit

import click
from docutils import nodes
from pygments.lexer import RegexLexer, bygroups, using  # type: ignore[import-untyped]
from pygments.lexers.shell import BashLexer  # type: ignore[import-untyped]
from pygments.token import Generic  # type: ignore[import-untyped]
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

project: Final = "finbase"
author: Final = "the finbase project"
version = release = installed("finbase")

extensions: Final = ["myst_parser", "sphinx_click"]
myst_enable_extensions: Final = ["deflist"]
# A sample of a comment is not a page: its first heading is of the third level.
exclude_patterns: Final = ["conf.py", "evidence/samples/*.md"]
nitpicky: Final = True

myst_heading_anchors: Final = 4
myst_links_external_new_tab: Final = False

html_theme: Final = "furo"
html_title: Final = f"finbase {release}"
html_copy_source: Final = False
html_show_sphinx: Final = False
html_show_copyright: Final = False
html_theme_options: Final[dict[str, object]] = {"top_of_page_buttons": []}
smartquotes: Final = False

HERE: Final = Path(__file__).resolve().parent
PROJECT: Final = HERE.parent


class LinksOutOfTheSite(SphinxTransform):
    """Replace links to project files that the site lacks by their text.

    In a checkout the link opens the file, but the site has no copy of it. Links to missing files
    stay, so that the build warns about them.
    """

    default_priority = 5

    def apply(self, **_: object) -> None:
        """Replace each such link by its text."""
        for link in list(self.document.findall(_is_link)):
            target = self._target(link)
            inside = target.is_relative_to(PROJECT) and not target.is_relative_to(HERE)
            excluded = target.match("docs/evidence/samples/*.md")
            if (inside or excluded) and target.exists():
                link.replace_self(link.children)

    def _target(self, link: nodes.Element) -> Path:
        """Return the file or folder that a link points to, or ``/`` for a web address."""
        folder = Path(self.env.doc2path(self.env.docname)).parent
        if link.get("refdomain") == "doc":  # MyST has taken the suffix off already.
            return (HERE / f"{link['reftarget']}.md").resolve()
        address = urlsplit(link.get("reftarget") or link.get("refuri") or "")
        return Path("/") if address.scheme else (folder / address.path).resolve()


def _is_link(node: nodes.Node) -> bool:
    return isinstance(node, download_reference | pending_xref | nodes.reference)


def to_restructured_text(_app: Sphinx, _context: click.Context, lines: list[str]) -> None:
    """Convert help text in place: code in backticks, examples as literal blocks.

    Click marks examples by a backspace, which sphinx-click turns into a line block (``| …``).
    """
    text = re.sub(r"`([^`\n]+)`", r"``\1``", "\n".join(lines))
    text = re.sub(r"^\| Examples:\n", "Examples::\n\n", text, flags=re.MULTILINE)
    text = re.sub(r"^\|   ", "    ", text, flags=re.MULTILINE)
    lines[:] = text.split("\n")


class ConsoleLexer(RegexLexer):  # type: ignore[misc]
    """Colour commands after ``$``, the lines of a diff, and controls that fail.

    The lexer of Pygments for a console colours no output, so that a difference would be grey.
    """

    name = "console"
    aliases: ClassVar = ["console"]
    tokens: ClassVar = {
        "root": [
            (r"(\$ )(.*\n)", bygroups(Generic.Prompt, using(BashLexer))),
            (r"(?:\+|  \+ ).*\n", Generic.Inserted),
            (r"(?:-|  - ).*\n", Generic.Deleted),
            (r"@@.*\n", Generic.Subheading),
            (r"FAIL.*\n", Generic.Error),
            (r".*\n", Generic.Output),
        ]
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform, the lexer and the conversion of help texts."""
    app.add_lexer("console", ConsoleLexer)
    app.add_transform(LinksOutOfTheSite)
    app.connect("sphinx-click-process-description", to_restructured_text)
    app.connect("sphinx-click-process-options", to_restructured_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
