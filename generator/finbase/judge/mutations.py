"""Mutations: edits that put a failure of the catalogue back into the rendered files.

A feature that never failed proves nothing. Each entry of ``features/mutations.yaml`` changes the
rendered HCL so that it has one failure. The plan of the changed files must fail the scenarios of
that failure, and no others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import yaml

from finbase.errors import ComplianceError
from finbase.judge.catalogue import load_failures
from finbase.judge.verdict import Verdict

__all__ = ["Edit", "Files", "Mutation", "Outcome", "caught", "load_mutations", "mutate"]

Files: TypeAlias = Mapping[PurePosixPath, bytes]
"""Path, relative to the project → content."""

_FILE = "mutations.yaml"
_FORM = "the comment at the top of features/mutations.yaml lists the fields of an entry"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SOURCE = re.compile(r'^\s*source\s*=\s*"\.\./\.\./(modules/[^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Edit:
    """Replace a text that occurs ``count`` times in the files that match a pattern.

    ``file`` is a pattern of ``PurePath.match``, such as ``modules/database/*/main.tf``.
    """

    file: str
    find: str
    replace: str
    count: int


@dataclass(frozen=True)
class Mutation:
    """One way to put ``failure`` back: ``what`` it does, and ``why`` it matters.

    ``environment`` names the stack that is changed and planned.
    """

    id: str
    failure: str
    what: str
    why: str
    edits: tuple[Edit, ...]
    environment: str


@dataclass(frozen=True)
class Outcome:
    """The failures that a verdict reports after a mutation, in the order of the catalogue.

    ``may_fall`` holds the ids that inherently overlap with the mutation's own. ``refused`` is the
    message of Terraform or of the features if there is no verdict.
    """

    mutation: Mutation
    fell: tuple[str, ...]
    may_fall: frozenset[str]
    refused: str = ""

    @property
    def missed(self) -> bool:
        """Whether the scenarios of the failure passed although it was put back."""
        return self.mutation.failure not in self.fell

    @property
    def stray(self) -> tuple[str, ...]:
        """Ids that fell but neither belong to the mutation nor overlap with it."""
        return tuple(i for i in self.fell if i != self.mutation.failure and i not in self.may_fall)

    @property
    def proved(self) -> bool:
        """Whether the scenarios of the mutation fell, and no others."""
        return not self.missed and not self.stray


def load_mutations(features: Path) -> tuple[Mutation, ...]:
    """Return the mutations beside the feature files, in their order.

    Raises ``ComplianceError`` if they are missing, invalid, or not of the failure catalogue.
    """
    path = features / _FILE
    catalogue = {failure.id for failure in load_failures(features)}
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        mutations = tuple(_mutation(entry) for entry in entries)
    except FileNotFoundError as error:
        hint = "restore it: git checkout HEAD -- features"
        raise ComplianceError(f"{path} is missing", hint) from error
    except KeyError as error:
        raise ComplianceError(f"{path}: an entry has no {error}", _FORM) from error
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ComplianceError(f"{path} is not a valid list of mutations: {error}", _FORM) from error
    ids = [mutation.id for mutation in mutations]
    for mutation in mutations:
        if ids.count(mutation.id) > 1:
            raise ComplianceError(f"{path}: {mutation.id} is listed twice", "change one of the ids")
        if mutation.failure not in catalogue:
            unknown = f"{mutation.failure} is not in the failure catalogue"
            raise ComplianceError(
                f"{path}: {mutation.id}: {unknown}", "add it to failures.yaml, or correct the id"
            )
    return mutations


def mutate(files: Files, mutation: Mutation) -> dict[PurePosixPath, bytes]:
    """Return all files, with the mutation applied to the stack of its environment.

    Raises ``ComplianceError`` if a text does not occur as often as it must: then the templates
    have changed, and the mutation would prove nothing.
    """
    changed = dict(files)
    for edit in mutation.edits:
        paths = [path for path in _stack(files, mutation) if path.match(edit.file)]
        count = sum(changed[path].decode().count(edit.find) for path in paths)
        if count != edit.count:
            where = ", ".join(map(str, paths)) or f"no file of {mutation.environment}"
            raise ComplianceError(
                f"{_FILE}: {mutation.id}: the text to replace occurs {count} times in {where} "
                f"({edit.file}), not {edit.count}",
                "update the mutation to the current templates",
            )
        for path in paths:
            changed[path] = changed[path].decode().replace(edit.find, edit.replace).encode()
    return changed


def caught(
    verdict: Verdict, mutation: Mutation, overlaps: Mapping[str, Collection[str]]
) -> Outcome:
    """Return which failures a verdict on a mutated stack reports.

    ``overlaps`` maps an id to the ids that inherently fall together with it.
    """
    fell = tuple(row.id for row in verdict.by_failure() if row.status == "failed")
    return Outcome(mutation, fell, frozenset(overlaps.get(mutation.failure, ())))


def _stack(files: Files, mutation: Mutation) -> list[PurePosixPath]:
    """Return the files of the environment and of the module versions that it uses."""
    stack = PurePosixPath("environments", mutation.environment)
    main = files.get(stack / "main.tf")
    if main is None:
        unknown = f"environment {mutation.environment} is not rendered"
        hint = f"render it: finbase render {mutation.environment}"
        raise ComplianceError(f"{_FILE}: {mutation.id}: {unknown}", hint)
    folders = {stack, *map(PurePosixPath, _SOURCE.findall(main.decode()))}
    return sorted(path for path in files if path.suffix == ".tf" and path.parent in folders)


def _mutation(entry: dict[str, Any]) -> Mutation:
    if not _ID.fullmatch(entry["id"]):
        raise ValueError(f"{entry['id']!r} is not a valid id: use a-z and 0-9, joined by hyphens")
    return Mutation(
        id=entry["id"],
        failure=entry["failure"],
        what=entry["what"],
        why=entry["why"],
        edits=tuple(map(_edit, (entry, *entry.get("further", ())))),
        environment=entry.get("environment", "production"),
    )


def _edit(entry: dict[str, Any]) -> Edit:
    if not entry["find"] or entry["find"] == entry["replace"]:
        raise ValueError(f"an edit of {entry['file']} changes nothing")
    return Edit(entry["file"], entry["find"], entry["replace"], entry.get("count", 1))
