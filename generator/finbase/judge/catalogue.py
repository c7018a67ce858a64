"""The failure catalogue, ``features/failures.yaml``: the only list of ids and severities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from finbase.errors import ComplianceError
from finbase.project.files import refuse_links
from finbase.source.syntax import CONFLICT_HINT, conflict

Severity = Literal["high", "medium", "low"]
Section = Literal["review", "design", "baseline"]

FILE = "failures.yaml"

SECTIONS: Mapping[Section, str] = {
    "review": "Controls of the review",
    "design": "Controls of the design",
    "baseline": "Controls of the baseline",
}
"""Headings of the sections in reports."""

_TEXT = (".feature", ".py", ".yaml")

_FORM = "the comment at the top of features/failures.yaml lists the fields of an entry"


@dataclass(frozen=True)
class Failure:
    """One failure that a plan must not have.

    ``title`` says what a stack without the failure has, ``requirement`` what a plan must show.
    ``overlaps`` names the failures that inherently occur together with this one. ``section`` says
    where the control comes from: the review of the hand-written stack, the design profile, or the
    baseline.
    """

    id: str
    severity: Severity
    title: str
    requirement: str
    overlaps: tuple[str, ...]
    section: Section = "review"


def load_failures(features: Path) -> tuple[Failure, ...]:
    """Return the failures of the catalogue beside the feature files, in its order.

    Raises ``ComplianceError`` if it is missing or invalid, or if any file in the folder has a
    marker of a merge conflict, and ``TreeError`` for a link.
    """
    path = features / FILE
    refuse_links(features)
    _refuse_conflicts(features)
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        failures = tuple(_failure(entry) for entry in entries)
    except FileNotFoundError as error:
        raise ComplianceError(
            f"{path} is missing", "restore it: git checkout HEAD -- features"
        ) from error
    except KeyError as error:
        raise ComplianceError(f"{path}: an entry has no {error}", _FORM) from error
    except (OSError, yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise ComplianceError(f"{path} is not a valid failure catalogue: {error}", _FORM) from error
    if not failures:
        raise ComplianceError(f"{path} has no entries", _FORM)
    ids = [failure.id for failure in failures]
    for failure in failures:
        if ids.count(failure.id) > 1:
            raise ComplianceError(f"{path}: {failure.id} is listed twice", "change one of the ids")
        for other in failure.overlaps:
            if other not in ids or failure.id not in failures[ids.index(other)].overlaps:
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


def _failure(entry: dict[str, Any]) -> Failure:
    if entry["severity"] not in get_args(Severity):
        raise ValueError(f"severity {entry['severity']!r} is not high, medium or low")
    if entry.get("section", "review") not in get_args(Section):
        raise ValueError(f"section {entry['section']!r} is not review, design or baseline")
    return Failure(
        id=str(entry["id"]),
        severity=entry["severity"],
        title=str(entry["title"]),
        requirement=str(entry["requirement"]),
        overlaps=tuple(str(other) for other in entry.get("overlaps", ())),
        section=entry.get("section", "review"),
    )
