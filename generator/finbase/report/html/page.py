"""The evidence report as one HTML page, without scripts and without network access.

Python collects the content, and the template only lays it out. Jinja escapes every value, and the
pictures are XML trees, which are escaped when they are written. The page loads nothing: its
Content-Security-Policy allows only its own stylesheet, by hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from finbase.judge.catalogue import SECTIONS, Section, Severity
from finbase.judge.frameworks import Framework, Row, order
from finbase.judge.verdict import FailureRow
from finbase.report.drawing.canvas import clean, stylesheet
from finbase.report.html.findings import Chapter, Subject
from finbase.report.html.links import Links
from finbase.report.html.proof import Proof
from finbase.report.provenance import Provenance, shared_modules

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_FOLDER = Path(__file__).parent
_LEVELS: tuple[Severity, ...] = ("high", "medium", "low")


def render(
    subjects: Sequence[Subject],
    *,
    features: Mapping[str, str],
    links: Links,
    provenance: Provenance,
    proof: Proof | None = None,
    frameworks: Sequence[Framework] = (),
) -> str:
    """Return the report as HTML; the same arguments return the same text.

    ``features`` maps the paths of feature files to their texts.
    """
    from markupsafe import Markup

    anchors = _anchors([subject.verdict.environment for subject in subjects])
    chapters = [
        Chapter(subject, anchor, features, links)
        for subject, anchor in zip(subjects, anchors, strict=True)
    ]
    rows = [finding.row for finding in chapters[0].findings] if chapters else []
    css = (_FOLDER / "page.css").read_text(encoding="utf-8")
    style = css + stylesheet() + _footer(chapters, provenance)
    introduced = proof.mutations if proof else ()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _template().render(
        style=Markup(style),  # noqa: S704 - package data only
        picture=Markup,
        digest=digest,
        links=links,
        provenance=provenance,
        version=version("finbase"),
        chapters=chapters,
        shared_modules=shared_modules([(each.name, each.facts) for each in chapters]),
        extracts=links.extracts(),
        groups=_groups(rows),
        failures=rows,
        passed=all(chapter.verdict.passed for chapter in chapters),
        complete=all(chapter.absent == len(chapter.findings) for chapter in chapters),
        frameworks=[(each, [*_requirements(each, chapters)]) for each in frameworks],
        proof=introduced,
        proof_of=proof,
        mutations=Counter(mutation.failure for mutation in introduced),
        caught=Counter(mutation.failure for mutation in introduced if mutation.caught),
    )


@cache
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        # Strings of a plan may contain characters that HTML does not allow.
        finalize=lambda value: clean(value) if type(value) is str else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": _breakable, "coded": _coded, "tables": _tables}
    return environment.get_template("page.html.j2")


def _footer(chapters: Sequence[Chapter], provenance: Provenance) -> str:
    """Return a style that writes on each sheet of paper what the report is about."""
    commit = f", commit {provenance.checkout.commit[:12]}" if provenance.checkout else ""
    text = f"{', '.join(c.name for c in chapters)[:80]}, {provenance.made:%Y-%m-%d}{commit}"
    # Names come from a plan: nothing that ends the text, or the style, may stay in it.
    plain = re.sub(r"[^A-Za-z0-9 ,._-]", " ", text)
    return f'@page {{ @bottom-left {{ content: "{plain}"; font: 8pt sans-serif; }} }}\n'


def _breakable(text: str) -> Markup:
    """Return an address that a browser may break after each dot and underscore."""
    from markupsafe import Markup, escape

    pieces = re.split(r"(?<=[._])(?=\w)", clean(text))
    return Markup("<wbr>").join(map(escape, pieces))


def _coded(text: str) -> Markup:
    """Return a text with what is between backticks as code."""
    from markupsafe import Markup, escape

    code = Markup("<code>{}</code>")
    pieces = enumerate(clean(text).split("`"))
    return Markup("").join(code.format(each) if odd % 2 else escape(each) for odd, each in pieces)


def _tables(steps: Sequence[str]) -> Iterator[tuple[list[list[str]], list[str]]]:
    """Yield the steps in groups: the cells of the rows of a table, or else the lines."""
    for is_table, lines in groupby(steps, key=lambda step: step.startswith("|")):
        if is_table:
            cells = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines]
            yield cells, []
        else:
            yield [], list(lines)


def _groups(rows: Sequence[FailureRow]) -> list[tuple[Section, Severity, str, str]]:
    """Return each section and severity that has a control, with its anchor and its heading."""
    several = len({row.section for row in rows}) > 1
    return [
        (
            section,
            level,
            level if section == "review" else f"{section}-{level}",
            f"{SECTIONS[section]}, {level} severity" if several else f"{level} severity",
        )
        for section in SECTIONS
        for level in _LEVELS
        if any((row.section, row.severity) == (section, level) for row in rows)
    ]


def _requirements(
    framework: Framework, chapters: Sequence[Chapter]
) -> Iterator[tuple[Row, list[str], list[str]]]:
    """Yield the requirements of a framework by number, at the end those without controls.

    With each come the environments that fail it, and those that do not show that it is met.
    """
    for row in sorted(framework.rows, key=lambda row: (not row.controls, order(row.number))):
        states = {
            section.name: {f.row.status for f in section.findings if f.row.id in row.controls}
            for section in chapters
        }
        failing = [name for name, of in states.items() if of & {"failed", "not shown"}]
        yield row, failing, [name for name, of in states.items() if "passed" not in of]


def _anchors(names: Sequence[str]) -> list[str]:
    """Return a unique id for each name, the name itself if that is a valid id."""
    anchors: list[str] = []
    for number, name in enumerate(names, 1):
        anchor = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "plan"
        anchors.append(anchor if anchor not in anchors else f"{anchor}-{number}")
    return anchors
