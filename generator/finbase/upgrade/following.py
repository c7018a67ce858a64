"""Bring a project to the installed finbase: newer modules, templates and controls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from finbase.contract.lock import PATH as LOCK
from finbase.contract.lock import Lock
from finbase.contract.version import Version
from finbase.errors import FinbaseError
from finbase.project import checksums
from finbase.project.files import ProjectFiles, wrap_os_errors
from finbase.project.journal import Journal, Step
from finbase.project.tree import apply, difference
from finbase.scaffold.shipment import (
    PACKAGES,
    RECORD,
    REQUIREMENTS,
    WHEELS,
    Files,
    Record,
    Shipment,
)

_SECTION = re.compile(r"^## (\d+\.\d+\.\d+) [^\n]*\n", re.MULTILINE)


_PROVIDER = (
    PurePosixPath("templates", "stack", "stack.yaml"),
    PurePosixPath("templates", "stack", "provider.yaml"),
)
"""What `finbase provider pin` writes: once it has, the pin belongs to the project."""


@dataclass(frozen=True)
class Release:
    """A release that an update adds, and what its changelog says."""

    module: str
    version: Version
    changes: str


@dataclass(frozen=True)
class Update:
    """What an update does.

    ``edited`` lists files of finbase that somebody changed or deleted, ``kept`` those that pin
    another provider and stay. ``remark`` says what the pin of finbase still needs.
    """

    before: str
    after: str
    steps: Mapping[PurePosixPath, Step]
    releases: tuple[Release, ...]
    edited: tuple[PurePosixPath, ...]
    kept: tuple[PurePosixPath, ...] = ()
    remark: str = ""


def find_update(root: Path) -> Update:
    """Compare a project with what the installed finbase brings.

    Raises ``FinbaseError`` if the project was made by a newer finbase, or if it has another
    release of the same name and version.
    """
    shipment, record, lock = Shipment(), Record.load(root), Lock.load(root)
    if _number(record.version) > _number(shipment.version):
        raise FinbaseError(
            f"the project is of finbase {record.version}, newer than {shipment.version}",
            f"install the version that {REQUIREMENTS} pins",
        )
    steps, edited = _replaced(root, shipment, record)
    remark = ""
    releases = []
    for (module, number), theirs in sorted(shipment.lock.hashes.items()):
        if (module, number) in lock:
            if lock.hashes[module, number] != theirs:
                raise FinbaseError(
                    f"{module} {number} of this project is not that of finbase",
                    f"rename your module {module}, or release it as another version",
                )
            continue
        added = shipment.release(module, number)
        edited += [path for path, data in added.items() if _read(root, path) not in (None, data)]
        steps |= {path: (_read(root, path), data) for path, data in added.items()}
        releases.append(Release(module, number, _changes(shipment.files, module, number)))
        lock = lock.with_release(module, number, theirs)
    wanted = {LOCK: lock.text().encode(), RECORD: Record.of(shipment).text()}
    if (pin := _read(root, REQUIREMENTS)) is not None:
        text = shipment.pinned(pin.decode(errors="surrogateescape"))
        wanted[REQUIREMENTS] = text.encode(errors="surrogateescape")
        name = shipment.wheel.name if shipment.wheel else ""
        remark = shipment.remark(text, _read(root, WHEELS / name) if name else None)
        if wanted[REQUIREMENTS] != pin:
            steps |= _wheels(root, record, shipment)
    steps |= {path: (_read(root, path), data) for path, data in wanted.items()}
    steps = {path: step for path, step in steps.items() if step[0] != step[1]}
    kept = _PROVIDER if _pins_provider(root, record) else ()
    steps = {path: step for path, step in steps.items() if path not in kept}
    return Update(
        record.version,
        shipment.version,
        steps,
        tuple(releases),
        tuple(sorted({*edited} - {*kept})),
        kept,
        remark,
    )


def _pins_provider(root: Path, record: Record) -> bool:
    """Return whether both files of the pin differ from what finbase wrote."""
    contents = [(path, _read(root, path)) for path in _PROVIDER]
    return all(
        content is not None and checksums.digest(content) != record.hashes.get(str(path))
        for path, content in contents
    )


def write(update: Update, journal: Journal) -> None:
    """Write an update, all of it or nothing; raises ``TreeError``."""
    apply(update.steps, journal)


def _replaced(
    root: Path, shipment: Shipment, record: Record
) -> tuple[dict[PurePosixPath, Step], list[PurePosixPath]]:
    """Return the files of finbase to write and delete, and those that somebody edited."""
    steps: dict[PurePosixPath, Step] = {}
    edited = []
    for path in {*shipment.files, *record.paths}:
        now, new = _read(root, path), shipment.files.get(path)
        if now == new:
            continue
        digest = checksums.digest(now) if now is not None else None
        if digest != record.hashes.get(str(path)):
            edited.append(path)
        steps[path] = (now, new)
    return steps, edited


def _wheels(root: Path, record: Record, shipment: Shipment) -> Iterator[tuple[PurePosixPath, Step]]:
    """Yield the wheel to add, and that of the version before to delete, where it is."""
    for path, content in shipment.wheels.items():
        yield path, (_read(root, path), content)
        name = path.name.replace(f"-{shipment.version}-", f"-{record.version}-", 1)
        old = _read(root, path.with_name(name))
        if old is not None and name != path.name:
            yield path.with_name(name), (old, None)


def _changes(files: Files, module: str, number: Version) -> str:
    """Return what the changelog of a module says about a version."""
    text = files.get(PurePosixPath("modules", module, "CHANGELOG.md"), b"").decode()
    _, *sections = _SECTION.split(text)
    return dict(zip(sections[::2], sections[1::2], strict=True)).get(str(number), "").strip()


def _read(root: Path, path: PurePosixPath) -> bytes | None:
    """Return the content of a file of the project; None if it does not exist."""
    with wrap_os_errors("read"):
        return ProjectFiles(root).read(path)


def _number(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d{1,9}", version)[:3]]


def changed_files(update: Update) -> str:
    """Return a unified diff of what an update changes, without new releases and wheels."""
    added = {("modules", each.module, str(each.version)) for each in update.releases}
    steps = {
        path: step
        for path, step in update.steps.items()
        if path.parts[:3] not in added and path.parts[0] != str(WHEELS)
    }
    before = {path: old for path, (old, _) in steps.items() if old is not None}
    after = {path: new for path, (_, new) in steps.items() if new is not None}
    return difference(before, after, f"finbase {update.after}")


def summary(update: Update) -> Iterator[str]:
    """Yield the lines that say what an update changes."""
    if update.before != update.after:
        yield f"finbase {update.before} -> {update.after}"
    for release in update.releases:
        yield f"new: modules/{release.module}/{release.version}"
        yield from (f"    {line}" for line in release.changes.splitlines() if line)
    for path in update.kept:
        yield f"{path}: kept, because it pins a provider of your own"
    if REQUIREMENTS in update.steps:
        yield f"{REQUIREMENTS}: the pin of finbase"
    if PACKAGES in update.steps:
        yield f"{PACKAGES}: other versions of the packages that finbase needs"
    folders: dict[str, list[int]] = {}
    for path, (before, after) in sorted(update.steps.items()):
        if path.parts[0] in ("templates", "features"):
            counts = folders.setdefault("/".join(path.parts[:2]), [0, 0, 0])
            counts[0 if before is None else 2 if after is None else 1] += 1
    for folder, (new, changed, removed) in folders.items():
        yield f"{folder}: {new} new, {changed} changed, {removed} removed"
