"""The files that a render writes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

from finbase.environment.model import Environment
from finbase.project.files import owner
from finbase.project.journal import Undone
from finbase.project.tree import Changes
from finbase.release.integrity import Breach
from finbase.report.columns import counted
from finbase.report.documents import Report
from finbase.system.printable import printable_name


@dataclass(frozen=True)
class ChangesReport(Report):
    """The result of a render; ``outcome`` ends its summary."""

    command: ClassVar[str] = "render"
    environments: Sequence[Environment]
    changes: Changes
    outcome: str
    breaches: Sequence[Breach] = ()
    written: bool = False

    def _lines(self) -> Iterator[str]:
        modules = {(use.name, use.version) for env in self.environments for use in env.modules}
        changes = self.changes
        yield (
            f"{counted(len(self.environments), 'environment')}, "
            f"{counted(len(modules), 'module version')}: "
            f"{len(changes.created)} files new, {len(changes.changed)} changed, "
            f"{len(changes.removed)} removed, {len(changes.unchanged)} unchanged; {self.outcome}"
        )

    def document(self) -> dict[str, Any]:
        """Return the paths of changed files, relative to the project, and broken releases."""
        return {
            "clean": self.changes.clean and not self.breaches,
            "written": self.written,
            "created": [str(path) for path in self.changes.created],
            "changed": [str(path) for path in self.changes.changed],
            "removed": [str(path) for path in self.changes.removed],
            "unchanged": len(self.changes.unchanged),
            "breaches": [
                {"folder": str(breach.folder), "what": breach.what, "fix": breach.fix}
                for breach in self.breaches
            ],
        }


def by_folder(changes: Changes) -> dict[str, str]:
    """Return the counts of changed files, for each module version, stack and other file."""
    counted = defaultdict[str, Counter[str]](Counter)
    for kind, paths in (
        ("new", changes.created),
        ("changed", changes.changed),
        ("removed", changes.removed),
    ):
        for path in paths:
            counted[str(owner(path) or path)][kind] += 1
    return {
        folder: ", ".join(f"{count} {kind}" for kind, count in counts.items())
        for folder, counts in sorted(counted.items())
    }


def abandoned(stack: PurePosixPath, remaining: Sequence[str]) -> str:
    """Return the warning for a stack that was removed, with the files that remain in it."""
    name = printable_name(stack)
    text = (
        f"removed the stack {name}/ because {name}.yaml no longer exists; "
        "resources that were applied from it still exist"
    )
    files = ", ".join(map(printable_name, remaining))
    return f"{text}, and Terraform's files remain: {files}" if remaining else text


def undone(undone: Undone) -> str:
    """Return what was done about the files of an interrupted render."""
    parts = []
    if undone.restored:
        names = ", ".join(map(printable_name, undone.restored))
        parts.append(f"{counted(len(undone.restored), 'file')} restored: {names}")
    if undone.left:
        names = ", ".join(map(printable_name, undone.left))
        parts.append(f"not touched, because changed since or by another render: {names}")
    outcome = "; ".join(parts) or "it had not changed any file"
    return f"an earlier render was interrupted; {outcome}"
