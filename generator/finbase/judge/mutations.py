"""Mutations: edits that put a failure of the catalogue back into the rendered files.

A feature that never failed proves nothing. Each entry of ``features/mutations/*.yaml`` changes the
rendered HCL so that it has one failure. The plan of the changed files must fail the scenarios of
that failure, and no others. Those of a project itself are in ``features/own/mutations``. A project
of ``finbase init`` has no others: finbase brings them, with the stacks that they change.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import yaml

from finbase.errors import ComplianceError
from finbase.judge.catalogue import FILE, OWN, load_failures
from finbase.judge.edits import Create, Edit, read_edit
from finbase.judge.verdict import Verdict
from finbase.project.shipped import shipped
from finbase.source.cache import load_yaml
from finbase.terraform.offline import local_sources

Files: TypeAlias = Mapping[PurePosixPath, bytes]
"""Path, relative to the project → content."""

_FORM = (
    "an entry has id, failure, what, why, perhaps environment, part and count, and file with find "
    "and replace, with block and argument, value, insert or delete, with append or with create"
)
_OWN = ("id", "failure", "what", "why", "environment", "part", "edits")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Mutation:
    """One way to put ``failure`` back: ``what`` it does, and ``why`` it matters.

    ``environment`` names the stack that is changed and planned, in ``project`` if it is not that
    of the command. ``listed_in`` is the file of the mutation, for messages. ``part`` is a module
    that the stack must have.
    """

    id: str
    failure: str
    what: str
    why: str
    edits: tuple[Edit, ...]
    environment: str
    project: Path | None = None
    listed_in: str = "features/mutations"
    part: str = ""


@dataclass(frozen=True)
class Outcome:
    """The failures that a verdict reports after a mutation, in the order of the catalogue.

    ``may_fall`` holds the ids that inherently overlap with the mutation's own. ``refused`` is the
    message of Terraform or of the features if there is no verdict. ``unchanged`` says that the
    plan has no change of the applied stack: an argument that is no longer set keeps its value on
    AWS. ``inapplicable`` says what the stack lacks that the mutation is about.
    """

    mutation: Mutation
    fell: tuple[str, ...]
    may_fall: frozenset[str]
    refused: str = ""
    unchanged: bool = False
    inapplicable: str = ""

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
    """Return the mutations of all files in ``features/mutations``, by name of the file.

    Those of ``own/mutations`` follow. Raises ``ComplianceError`` if they are missing, invalid, or
    not of the failure catalogue.
    """
    failures = load_failures(features)
    own = {failure.id for failure in failures if failure.section == "project"}
    folder = features / "mutations"
    project = None
    if not folder.is_dir():
        folder = shipped("features") / "mutations"
        project = folder.parents[1]
    released = sorted(folder.glob("*.yaml"))
    file_of: dict[str, Path] = {}
    mutations: list[Mutation] = []
    for path in (*released, *sorted((features / OWN / "mutations").glob("*.yaml"))):
        catalogue = {failure.id for failure in failures} - own if path in released else own
        for mutation in _read(path, project if path in released else None):
            other = file_of.setdefault(mutation.id, path)
            if other != path or any(mutation.id == m.id for m in mutations):
                twice = f"{mutation.id} is listed twice" + (f", see {other}" * (other != path))
                raise ComplianceError(f"{path}: {twice}", "change one of the ids")
            if mutation.failure not in catalogue:
                unknown = f"{mutation.failure} is not in the failure catalogue"
                raise ComplianceError(
                    f"{path}: {mutation.id}: {unknown}",
                    f"add it to {FILE} beside its folder, or correct the id",
                )
            mutations.append(mutation)
    if not released:
        raise ComplianceError(
            f"{folder} contains no mutations", "restore it: git checkout HEAD -- features"
        )
    return tuple(mutations)


def mutate(files: Files, mutation: Mutation) -> dict[PurePosixPath, bytes]:
    """Return all files, with the mutation applied to the stack of its environment.

    Raises ``ComplianceError`` if a text or a block does not occur as often as it must: then the
    templates have changed, and the mutation would prove nothing.
    """
    changed = dict(files)
    for edit in mutation.edits:
        if isinstance(edit.change, Create):
            changed |= _created(changed, mutation, edit, edit.change.text)
            continue
        folders = _folders(changed, mutation)
        matching = (path for path in changed if _match(path, edit.file))
        paths = sorted(path for path in matching if path.suffix == ".tf" and path.parent in folders)
        count = 0
        for path in paths:
            text, places = edit.change.apply(changed[path].decode())
            changed[path] = text.encode()
            count += places
        if count != edit.count:
            where = ", ".join(map(str, paths)) or f"no file of {mutation.environment}"
            pattern = f" ({edit.file})" if where != edit.file else ""
            raise _outdated(
                mutation,
                f"{edit.change} occurs {count} times in {where}{pattern}, not {edit.count}",
            )
    return changed


def _created(files: Files, mutation: Mutation, edit: Edit, text: str) -> Files:
    folder, _, name = edit.file.rpartition("/")
    created = {path / name for path in _folders(files, mutation) if path.match(folder)}
    if not created or not created.isdisjoint(files):
        raise _outdated(mutation, f"{edit.file} names no folder, or a file that exists already")
    return dict.fromkeys(created, f"{text}\n".encode())


def _outdated(mutation: Mutation, problem: str) -> ComplianceError:
    return ComplianceError(
        f"{mutation.listed_in}: {mutation.id}: {problem}",
        "update the mutation to the rendered files",
    )


def caught(
    verdict: Verdict, mutation: Mutation, overlaps: Mapping[str, Collection[str]]
) -> Outcome:
    """Return which failures a verdict on a mutated stack reports.

    ``overlaps`` maps an id to the ids that inherently fall together with it.
    """
    fell = tuple(row.id for row in verdict.by_failure() if row.open)
    return Outcome(mutation, fell, frozenset(overlaps.get(mutation.failure, ())))


@cache
def _match(path: PurePosixPath, pattern: str) -> bool:
    return path.match(pattern)


def _folders(files: Files, mutation: Mutation) -> set[PurePosixPath]:
    """Return the folders of the environment and of the module versions that it uses."""
    stack = PurePosixPath("environments", mutation.environment)
    main = files.get(stack / "main.tf")
    if main is None:
        unknown = f"environment {mutation.environment} is not rendered"
        hint = f"render it: finbase render {mutation.environment}"
        raise ComplianceError(f"{mutation.listed_in}: {mutation.id}: {unknown}", hint)
    sources = local_sources("main.tf", main.decode())
    return {stack, *(PurePosixPath(source.removeprefix("../../")) for source in sources)}


def _read(path: Path, project: Path | None) -> list[Mutation]:
    try:
        entries = load_yaml(path.read_bytes())
        own = path.parents[1].name == OWN
        listed_in = "/".join(("features", *path.parts[-3 if own else -2 :]))
        return [_mutation(entry, project, listed_in) for entry in entries]
    except KeyError as error:
        raise ComplianceError(f"{path}: an entry has no {error}", _FORM) from error
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ComplianceError(f"{path} is not a valid list of mutations: {error}", _FORM) from error


def _mutation(entry: dict[str, Any], project: Path | None, listed_in: str) -> Mutation:
    if not _ID.fullmatch(entry["id"]):
        raise ValueError(f"{entry['id']!r} is not a valid id: use a-z and 0-9, joined by hyphens")
    first = {name: value for name, value in entry.items() if name not in _OWN}
    further = entry.get("edits", ())
    return Mutation(
        id=entry["id"],
        failure=entry["failure"],
        what=entry["what"],
        why=entry["why"],
        edits=tuple(map(read_edit, [first, *further] if first or not further else further)),
        environment=entry.get("environment", "production"),
        project=project,
        listed_in=listed_in,
        part=entry.get("part", ""),
    )
