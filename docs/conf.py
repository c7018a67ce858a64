"""How Sphinx makes the site of these pages: MyST for Markdown, furo for its looks.

Everything that the site needs is in it: no font, script or picture comes from elsewhere.
"""

from __future__ import annotations

from importlib.metadata import version as installed
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

project: Final = "finbase"
author: Final = "the finbase project"
version = release = installed("finbase")

extensions: Final = ["myst_parser"]
exclude_patterns: Final = ["conf.py"]
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
    """Links to files of the project that are no pages: their text stays, the link goes.

    In a checkout the same link opens the file; the site has no copy of it that could grow old.
    A link to what is not there stays one, so that the build warns.
    """

    default_priority = 5

    def apply(self, **_: object) -> None:
        """Replace each such link by the text that it has."""
        for link in list(self.document.findall(_is_link)):
            target = self._target(link)
            inside = target.is_relative_to(PROJECT) and not target.is_relative_to(HERE)
            if inside and target.exists():
                link.replace_self(link.children)

    def _target(self, link: nodes.Element) -> Path:
        """The file or folder that a link means, if it means one."""
        folder = Path(self.env.doc2path(self.env.docname)).parent
        if link.get("refdomain") == "doc":  # MyST has taken the suffix off already.
            return (HERE / f"{link['reftarget']}.md").resolve()
        address = urlsplit(link.get("reftarget") or link.get("refuri") or "")
        return Path("/") if address.scheme else (folder / address.path).resolve()


def _is_link(node: nodes.Node) -> bool:
    return isinstance(node, download_reference | pending_xref | nodes.reference)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the transform."""
    app.add_transform(LinksOutOfTheSite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
