"""Mutations: what puts a catalogued failure back into a rendered tree, to see it caught.

A feature that never failed proves nothing. ``features/mutations.yaml`` holds, as data, changes
of the rendered HCL that are each one failure of the catalogue; the plan of a tree so changed
must make the scenarios of that failure fail, and those of no other.
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
_FORM = "the head of features/mutations.yaml says what an entry holds"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SOURCE = re.compile(r'^\s*source\s*=\s*"\.\./\.\./(modules/[^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Edit:
    """Replace a text that stands ``count`` times in the files of a path pattern.

    The pattern is one of ``PurePath.match``: ``modules/database/*/main.tf``.
    """

    file: str
    find: str
    replace: str
    count: int


@dataclass(frozen=True)
class Mutation:
    """One way to put the failure ``failure`` back: ``what`` it does, and ``why`` it matters.

    ``environment`` is the one whose stack is changed and planned.
    """

    id: str
    failure: str
    what: str
    why: str
    edits: tuple[Edit, ...]
    environment: str


@dataclass(frozen=True)
class Outcome:
    """Which failures a verdict found after a mutation, in the order of the catalogue.

    ``may_fall`` holds the ids that overlap with the mutation's own by nature. ``refused`` is
    why there was no verdict: Terraform's own message, or that of the features.
    """

    mutation: Mutation
    fell: tuple[str, ...]
    may_fall: frozenset[str]
    refused: str = ""

    @property
    def missed(self) -> bool:
        """The failure was put back, and its scenarios passed."""
        return self.mutation.failure not in self.fell

    @property
    def stray(self) -> tuple[str, ...]:
        """Ids that fell although they have nothing to do with the mutation."""
        return tuple(i for i in self.fell if i != self.mutation.failure and i not in self.may_fall)

    @property
    def proved(self) -> bool:
        """The mutation's own scenarios fell, and no others."""
        return not self.missed and not self.stray


def load_mutations(features: Path) -> tuple[Mutation, ...]:
    """Read the mutations beside the feature files, in their order.

    Raises ``ComplianceError`` where they are missing, or do not fit the failure catalogue.
    """
    path = features / _FILE
    catalogue = {failure.id for failure in load_failures(features)}
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        mutations = tuple(_mutation(entry) for entry in entries)
    except FileNotFoundError as error:
        hint = "it says how each failure of the catalogue is put back"
        raise ComplianceError(f"{path} is missing", hint) from error
    except KeyError as error:
        raise ComplianceError(f"{path}: an entry has no {error}", _FORM) from error
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ComplianceError(f"{path} is not a list of mutations: {error}", _FORM) from error
    ids = [mutation.id for mutation in mutations]
    for mutation in mutations:
        if ids.count(mutation.id) > 1:
            raise ComplianceError(f"{path}: {mutation.id} is listed twice", "give one another id")
        if mutation.failure not in catalogue:
            unknown = f"{mutation.failure} is not in the failure catalogue"
            raise ComplianceError(
                f"{path}: {mutation.id}: {unknown}", "add it to failures.yaml, or correct the id"
            )
    return mutations


def mutate(files: Files, mutation: Mutation) -> dict[PurePosixPath, bytes]:
    """Return all files, with the mutation in those that make up its environment's stack.

    Raises ``ComplianceError`` where a text does not stand there as often as it must: then the
    templates have moved on, and the mutation would prove nothing.
    """
    changed = dict(files)
    for edit in mutation.edits:
        paths = [path for path in _stack(files, mutation) if path.match(edit.file)]
        found = sum(changed[path].decode().count(edit.find) for path in paths)
        if found != edit.count:
            where = ", ".join(map(str, paths)) or f"no file of {mutation.environment}"
            raise ComplianceError(
                f"{_FILE}: {mutation.id}: the text to replace is {found} times in {where} "
                f"({edit.file}), not {edit.count}",
                "bring the mutation up to date with the templates",
            )
        for path in paths:
            changed[path] = changed[path].decode().replace(edit.find, edit.replace).encode()
    return changed


def caught(
    verdict: Verdict, mutation: Mutation, overlaps: Mapping[str, Collection[str]]
) -> Outcome:
    """Compare a verdict on a mutated stack with what had to fall.

    ``overlaps`` gives, for an id, the ids that fall together with it by nature.
    """
    fell = tuple(row.id for row in verdict.by_failure() if row.status == "failed")
    return Outcome(mutation, fell, frozenset(overlaps.get(mutation.failure, ())))


def _stack(files: Files, mutation: Mutation) -> list[PurePosixPath]:
    """List the files of the environment and of the module versions that it uses."""
    home = PurePosixPath("environments", mutation.environment)
    main = files.get(home / "main.tf")
    if main is None:
        unknown = f"no environment {mutation.environment} is rendered"
        hint = f"render it: finbase render {mutation.environment}"
        raise ComplianceError(f"{_FILE}: {mutation.id}: {unknown}", hint)
    folders = {home, *map(PurePosixPath, _SOURCE.findall(main.decode()))}
    return sorted(path for path in files if path.suffix == ".tf" and path.parent in folders)


def _mutation(entry: dict[str, Any]) -> Mutation:
    if not _ID.fullmatch(entry["id"]):
        raise ValueError(f"{entry['id']!r} is not an id: words and digits, joined by hyphens")
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
