"""The environments whose plan can change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

from finbase.ci.affected import Affected
from finbase.project.files import owner
from finbase.report.documents import Report
from finbase.system.printable import printable_name


@dataclass(frozen=True)
class AffectedReport(Report):
    """The affected environments between two commits; ``until`` is None for the working tree."""

    command: ClassVar[str] = "affected"
    environments: Sequence[Affected]
    since: str
    until: str | None

    def document(self) -> dict[str, Any]:
        """Return the commits and the environments with their files."""
        return {
            "since": self.since,
            "until": self.until,
            "affected": [
                asdict(affected) | {"files": [str(path) for path in affected.files]}
                for affected in self.environments
            ],
        }

    def _lines(self) -> Iterator[str]:
        if not self.environments:
            yield "no environment is affected"
        for affected in self.environments:
            yield f"{printable_name(affected.environment)}: {affected.change}"
            folders: dict[PurePosixPath, list[str]] = {}
            for path in affected.files:
                folder = owner(path) or path.parent
                folders.setdefault(folder, []).append(printable_name(path.relative_to(folder)))
            for folder, names in folders.items():
                yield f"  {printable_name(folder)}: {', '.join(names)}"
