"""The evidence report: one file for people who were not there, without scripts and network.

What is shown is gathered in Python, and the template only sets it. Jinja escapes every value;
the pictures are XML trees that were escaped when they were written. The page may load nothing:
its Content-Security-Policy allows its own stylesheet, by hash, and that is all.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from finbase.report.drawing.canvas import clean, stylesheet
from finbase.report.html import pci
from finbase.report.html.findings import Chapter, Subject, chapter
from finbase.report.html.links import Links
from finbase.report.html.proof import Mutation

__all__ = ["Subject", "render"]

_FOLDER = Path(__file__).parent
_LEVELS = ("high", "medium", "low")


@dataclass(frozen=True)
class _Requirement:
    """A requirement of PCI DSS: the controls that support it, and where each one fails."""

    number: str
    subject: pci.Subject
    controls: tuple[str, ...]
    failing: tuple[str, ...]


def render(
    root: Path,
    subjects: Sequence[Subject],
    *,
    base: Path,
    day: date,
    proof: Sequence[Mutation] = (),
) -> str:
    """Return the report as HTML.

    ``root`` is the project's folder, ``base`` the folder that the report will lie in, from
    which its links go out. The same arguments give the same text.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        # What a plan says may hold characters that no document can.
        finalize=lambda each: clean(each) if type(each) is str else each,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    links = Links(root.resolve(), base.resolve())
    anchors = _anchors([subject.verdict.environment for subject in subjects])
    chapters = [
        chapter(subject, anchor, root, links)
        for subject, anchor in zip(subjects, anchors, strict=True)
    ]
    style = (_FOLDER / "page.css").read_text(encoding="utf-8") + stylesheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        style=Markup(style),  # noqa: S704 - package data, without anything from outside
        picture=Markup,
        digest=digest,
        day=day.isoformat(),
        version=version("finbase"),
        chapters=chapters,
        levels=_LEVELS,
        failures=[finding.row for finding in chapters[0].findings] if chapters else [],
        passed=all(each.verdict.passed for each in chapters),
        requirements=_requirements(chapters),
        beyond=pci.BEYOND,
        proof=proof,
        mutations=Counter(each.failure for each in proof),
        caught=Counter(each.failure for each in proof if each.caught),
    )


def _requirements(chapters: Sequence[Chapter]) -> list[_Requirement]:
    controls: dict[str, dict[str, None]] = {}
    failing: dict[str, dict[str, None]] = {}
    for each in chapters:
        for finding in each.findings:
            for name in finding.row.requirements:
                number = name.removeprefix("PCI DSS ")
                controls.setdefault(number, {})[finding.row.id] = None
                if not finding.absent:
                    failing.setdefault(number, {})[each.name] = None
    unknown = pci.Subject("see the standard", "not described here")
    return [
        _Requirement(
            number,
            pci.SUBJECTS.get(number, unknown),
            tuple(controls[number]),
            tuple(failing.get(number, ())),
        )
        for number in sorted(controls, key=pci.order)
    ]


def _anchors(names: Sequence[str]) -> list[str]:
    """Return an id for each name, the name itself where that is one; no two are equal."""
    anchors: list[str] = []
    for number, name in enumerate(names, 1):
        anchor = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "plan"
        anchors.append(anchor if anchor not in anchors else f"{anchor}-{number}")
    return anchors
