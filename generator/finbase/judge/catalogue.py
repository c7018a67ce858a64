"""The failure catalogue, ``features/failures.yaml``: the only list of ids and severities.

Controls of a project itself are in a catalogue of their own, ``features/own/failures.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from finbase.errors import ComplianceError, FinbaseError
from finbase.project.files import refuse_links
from finbase.source.cache import load_yaml
from finbase.source.syntax import CONFLICT_HINT, conflict

Severity = Literal["high", "medium", "low"]
Section = Literal["review", "design", "baseline", "project"]

FILE = "failures.yaml"
OWN = "own"
"""The folder in the features for the controls of a project itself."""

SECTIONS: Mapping[Section, str] = {
    "review": "Controls of the review",
    "design": "Controls of the design",
    "baseline": "Controls of the baseline",
    "project": "Controls of the project itself",
}
"""Headings of the sections in reports."""

_RELEASED = ("review", "design", "baseline")

_TEXT = (".feature", ".py", ".yaml")

_FORM = "the comment at the top of features/failures.yaml lists the fields of an entry"
# The ids of finbase have no hyphen.
_OWN_ID = re.compile(r"[A-Z][A-Z0-9]*-[0-9]+[a-z]?")


@dataclass(frozen=True)
class Failure:
    """One failure that a plan must not have.

    ``title`` says what a stack without the failure has, ``requirement`` what a plan must show.
    ``overlaps`` names the failures that inherently occur together with this one. ``section`` says
    where the control comes from: the review of the hand-written stack, the design profile, the
    baseline, or the project itself.
    """

    id: str
    severity: Severity
    title: str
    requirement: str
    overlaps: tuple[str, ...]
    section: Section = "review"


def load_failures(features: Path) -> tuple[Failure, ...]:
    """Return the failures of the catalogue beside the feature files, in its order.

    Those of ``own/failures.yaml`` follow. Raises ``ComplianceError`` if a catalogue is missing or
    invalid, or if any file in the folder has a marker of a merge conflict, and ``TreeError`` for a
    link.
    """
    refuse_links(features)
    _refuse_conflicts(features)
    failures = _load(features / FILE)
    if (own := features / OWN / FILE).exists():
        failures += _load(own, failures)
    return failures


def refuse_id(features: Path, identity: str) -> None:
    """Raise ``FinbaseError`` if a control of a project itself cannot have this id."""
    if _OWN_ID.fullmatch(identity) is None:
        raise FinbaseError(
            f"{identity!r} is not an id of a project",
            "use capital letters, a hyphen and a number, such as LEDGER-1",
        )
    failures = load_failures(features)
    if any(failure.id == identity for failure in failures):
        raise FinbaseError(f"{identity} is in the failure catalogue", "choose another number")
    if identity.partition("-")[0] in {f.id[0] for f in failures if f.section != "project"}:
        raise FinbaseError(
            f"{identity} looks like an id of finbase, such as {failures[0].id}",
            "write a name of your own before the hyphen, such as LEDGER-1",
        )


def _load(path: Path, released: Collection[Failure] = ()) -> tuple[Failure, ...]:
    """Read a catalogue: that of a project itself if there are ``released`` failures beside it.

    An entry may also overlap with one of these, on its side only.
    """
    try:
        entries = load_yaml(path.read_bytes())
        if not isinstance(entries, list) or not entries:
            raise ValueError("it has no entries")
        for number, entry in enumerate(entries, 1):
            if not isinstance(entry, dict):
                raise ValueError(f"entry {number} has no fields")
        failures = tuple(_failure(entry, own=bool(released)) for entry in entries)
    except FileNotFoundError as error:
        raise ComplianceError(
            f"{path} is missing", "restore it: git checkout HEAD -- features"
        ) from error
    except KeyError as error:
        raise ComplianceError(f"{path}: an entry has no {error}", _FORM) from error
    except (
        OSError,
        yaml.YAMLError,
        AttributeError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        why = getattr(error, "problem", None) or error
        raise ComplianceError(f"{where} is not a valid failure catalogue: {why}", _FORM) from error
    theirs = {failure.id for failure in released}
    ids = [*theirs, *(failure.id for failure in failures)]
    for failure in failures:
        if ids.count(failure.id) > 1:
            raise ComplianceError(f"{path}: {failure.id} is listed twice", "change one of the ids")
        for other in (each for each in failure.overlaps if each not in theirs):
            if all(failure.id not in each.overlaps for each in failures if each.id == other):
                raise ComplianceError(
                    f"{path}: {failure.id} overlaps {other}, but {other} does not overlap it",
                    "list each id in the `overlaps` of the other",
                )
    return failures


def _refuse_conflicts(features: Path) -> None:
    """Name the file and line, which the readers of features, steps and mutations would not."""
    for path in sorted(path for path in features.rglob("*") if path.suffix in _TEXT):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # What reads this file for a verdict reports it.
        if marker := conflict(text):
            raise ComplianceError(
                f"{path.relative_to(features.parent)}:{marker[0]}: a merge conflict",
                CONFLICT_HINT,
            )


def _failure(entry: dict[str, Any], *, own: bool) -> Failure:
    if own and not _OWN_ID.fullmatch(str(entry["id"])):
        raise ValueError(f"{entry['id']!r} is not an id of a project, such as LEDGER-1")
    if own and "section" in entry:
        raise ValueError(f"{entry['id']} has a section, which only released controls have")
    section: Section = "project" if own else entry.get("section", "review")
    if not own and section not in _RELEASED:
        raise ValueError(f"section {section!r} is not review, design or baseline")
    if entry["severity"] not in get_args(Severity):
        raise ValueError(f"severity {entry['severity']!r} is not high, medium or low")
    return Failure(
        id=str(entry["id"]),
        severity=entry["severity"],
        title=str(entry["title"]),
        requirement=str(entry["requirement"]),
        overlaps=tuple(str(other) for other in entry.get("overlaps", ())),
        section=section,
    )
