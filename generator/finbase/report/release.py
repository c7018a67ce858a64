"""A release of a module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from finbase.release.integrity import folder_of
from finbase.release.prepare import Release
from finbase.report.documents import Report


@dataclass(frozen=True)
class ReleaseReport(Report):
    """A prepared release; a dry run writes nothing."""

    command: ClassVar[str] = "release"
    release: Release
    dry_run: bool

    def _lines(self) -> Iterator[str]:
        release = self.release
        folder = folder_of(release.module, release.version)
        files = sum(path.is_relative_to(folder) for path in release.steps)
        after = f"after {release.previous}" if release.previous else "the first release"
        outcome = "would be released" if self.dry_run else "released"
        written = f"{files} files in" if files else "the files of the draft in"
        yield (
            f"{release.module} {release.version} ({after}) {outcome}: {written} {folder}/, "
            "its hash, changelog and upgrade notes; environments keep the versions that they pin"
        )

    def reasons(self) -> str:
        """Return a line per change for users: the level that it requires, the file, the change."""
        return "".join(f"  {r.level!s:5}  {r.place}: {r.what}\n" for r in self.release.reasons)

    def refusal(self) -> str:
        """Return why the release is refused, and how to fix that."""
        release, count = self.release, len(self.release.refused)
        changes = "1 change requires" if count == 1 else f"{count} changes require"
        return (
            f"{release.module} {release.version} is not released: {changes} more than a "
            f"{release.level} release\n    hint: run `finbase release {release.module} "
            f"{release.needed} …`, or change the templates so that a {release.level} release is "
            "enough"
        )

    def document(self) -> dict[str, Any]:
        """Return the versions, the level, and the changes that require it."""
        release = self.release
        return {
            "module": release.module,
            "version": str(release.version),
            "previous": str(release.previous) if release.previous else None,
            "level": str(release.level),
            "needed": str(release.needed),
            "released": not (self.dry_run or release.refused),
            "reasons": [
                {
                    "level": str(reason.level),
                    "place": str(reason.place),
                    "what": reason.what,
                    "to_do": reason.todo or None,
                }
                for reason in release.reasons
            ],
        }
