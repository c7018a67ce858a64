"""Compare a project's features with those that finbase was released with.

The features decide what a check finds, and the author of a change can edit them with it. finbase
therefore carries its own copy. A project may add features and steps. What it removes or changes is
named, and what it adds never decides about the controls of finbase: those are judged by the copy.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from finbase.errors import ComplianceError, TreeError
from finbase.judge.catalogue import FILE as CATALOGUE
from finbase.judge.catalogue import OWN, Failure
from finbase.judge.verdict import Scenario, Verdict
from finbase.project.files import refuse_links
from finbase.project.shipped import shipped
from finbase.source.cache import load_yaml

_GENERATED = re.compile(r"__pycache__|\.(mypy|ruff|pytest)_cache")
_PROOF = (("mutations",), ("applied",), (OWN, "mutations"))
"""Folders that `finbase prove` reads; they decide about no verdict."""
_PLACE = re.compile(r"features/([^\s'\":]+\.(?:feature|py))(?::(\d+))?")
_TAG = re.compile(r"@([A-Z]\d{2}[a-z]?)\b")


def released_features() -> Path:
    """Return the features that finbase was released with."""
    return shipped("features")


def deviations(features: Path, released: Path | None = None) -> tuple[str, ...]:
    """Return what a project removed from the released features, or changed in them, one line each.

    ``released`` is a folder to compare with instead of that of finbase. Raises
    ``ComplianceError`` for a file that cannot be read.
    """
    theirs = released or released_features()
    if theirs == features:
        return ()
    return tuple(_deviations(_files(features), _files(theirs)))


def additions(features: Path, released: Path | None = None) -> frozenset[str]:
    """Return the files that a project adds to the released features, such as ``own/a.feature``.

    In a clone of finbase, they are those of the folder ``own``.
    """
    theirs = released or released_features()
    known = {path for path in _files(theirs) if path.parts[0] != OWN}
    return frozenset(map(str, _files(features).keys() - known))


def remove_own(features: Path) -> None:
    """Remove the controls of a project itself from a copy of the released features."""
    shutil.rmtree(features / OWN, ignore_errors=True)


def added_beside_released(features: Path) -> frozenset[str]:
    """Return the added files of a project that changes no released one; else none.

    None too if the features cannot be read, which is reported when they are copied.
    """
    try:
        if deviations(features):
            return frozenset()
        return additions(features)
    except (ComplianceError, TreeError):
        return frozenset()


def has_own_files(features: Path) -> bool:
    """Return whether a project's features differ from the released ones in any way."""
    return bool(deviations(features) or additions(features))


def with_additions(floor: Verdict, verdict: Verdict, added: frozenset[str]) -> Verdict:
    """Return the released features' verdict with the scenarios of added files.

    ``floor`` is the verdict of the released features alone, ``verdict`` that of the project's. An
    added scenario with the tag of a released control says nothing about it, but it can fail.
    """
    released = {failure.id for failure in floor.failures}
    own = (
        replace(s, failure_ids=tuple(i for i in s.failure_ids if i not in released))
        for s in verdict.scenarios
        if _file(s.location) in added
    )
    return replace(verdict, scenarios=(*floor.scenarios, *own), not_judged=floor.not_judged)


def with_broken_additions(floor: Verdict, failures: tuple[Failure, ...], why: str) -> Verdict:
    """Return the released features' verdict, in which all controls of the project fail.

    ``why`` says why the added files have no verdict.
    """
    own = tuple(failure.id for failure in failures if failure.section == "project")
    place = _PLACE.search(why)
    broken = Scenario(
        feature="Features of the project",
        name="The features of the project can be judged",
        tags=(),
        failure_ids=own,
        severity=None,
        requirements=(),
        status="failed",
        evidence=why,
        location=f"features/{place[1]}:{place[2] or 1}"
        if place
        else f"features/{OWN}/{CATALOGUE}:1",
    )
    return replace(floor, failures=failures, scenarios=(*floor.scenarios, broken))


def _file(location: str) -> str:
    """Return the file of a location, such as ``features/own.feature:3``, inside the folder."""
    return location.rpartition(":")[0].partition("/")[2]


def _deviations(
    project: Mapping[PurePosixPath, bytes], released: Mapping[PurePosixPath, bytes]
) -> Iterator[str]:
    for path, content in released.items():
        ids = ", ".join(dict.fromkeys(_TAG.findall(content.decode(errors="replace"))))
        judges = f"; it judges {ids}" if ids and path.suffix == ".feature" else ""
        if path not in project:
            yield f"features/{path} was removed{judges}"
        elif str(path) == CATALOGUE:
            yield from _of_catalogue(project[path], content)
        elif project[path] != content:
            yield f"features/{path} was changed{judges}"


def _of_catalogue(project: bytes, released: bytes) -> Iterator[str]:
    entries = _entries(project)
    for identity, entry in _entries(released).items():
        if identity not in entries:
            yield f"features/{CATALOGUE}: {identity} was removed"
        elif entries[identity] != entry:
            keys = [key for key in entry if entries[identity].get(key) != entry[key]]
            yield f"features/{CATALOGUE}: {identity} was changed: {', '.join(keys) or 'more keys'}"


def _entries(content: bytes) -> dict[str, dict[str, Any]]:
    try:
        return {str(entry["id"]): dict(entry) for entry in load_yaml(content) or ()}
    except (yaml.YAMLError, TypeError, KeyError, ValueError, RecursionError):
        return {}  # Every entry counts as removed.


def _files(features: Path) -> dict[PurePosixPath, bytes]:
    """Read every file that can decide about a verdict; a line end may be that of Windows."""
    files = {}
    refuse_links(features)
    try:
        for path in sorted(features.rglob("*")):
            relative = PurePosixPath(path.relative_to(features).as_posix())
            generated = any(_GENERATED.fullmatch(part) for part in relative.parts)
            proof = any(relative.parts[: len(folder)] == folder for folder in _PROOF)
            if not generated and not proof and path.is_file():
                files[relative] = path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise ComplianceError(
            f"{error.filename} cannot be read: {error.strerror}",
            "fix it, or remove it from the features",
        ) from error
    return files
