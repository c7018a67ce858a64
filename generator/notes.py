"""What a release tells: the changelog and the upgrade notes of a module, both for people.

They lie beside the versions, in ``modules/<module>/``. A release adds a section at the top; what
is there already, and may have been corrected by hand, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from generator.compatibility import Level, Reason
from generator.contract import Version

__all__ = ["UpgradeNote", "upgrade_notes", "with_release"]

_SECTION = re.compile(r"^## From (\d+\.\d+\.\d+) to (\d+\.\d+\.\d+)\n", re.MULTILINE)


@dataclass(frozen=True)
class UpgradeNote:
    """What has to be known of the step from one release to the next; ``text`` is Markdown."""

    before: Version
    after: Version
    text: str


def with_release(
    root: Path,
    module: str,
    previous: Version | None,
    version: Version,
    level: Level,
    reasons: Sequence[Reason],
    why: str,
    hints: Sequence[str],
    day: date,
) -> dict[PurePosixPath, bytes]:
    """Give both files as they are with the release in them."""
    home = PurePosixPath("modules", module)
    kind = str(level) if previous else "first release"
    listed = [f"- {reason.what}." for reason in reasons]
    entry = [f"## {version} ({kind}, {day.isoformat()})", why, "\n".join(listed)]
    texts = {home / "CHANGELOG.md": (f"# Changelog of the module {module}", entry)}
    if previous:
        todo = [f"- {reason.todo}: {reason.what}." for reason in reasons if reason.todo]
        todo += [f"- {hint}" for hint in hints]
        what = "\n".join(todo) or "Nothing has to be done."
        note = [f"## From {previous} to {version}", why, what]
        texts[home / "UPGRADING.md"] = (f"# Upgrading the module {module}", note)
    return {path: _added(root / path, *text).encode() for path, text in texts.items()}


def upgrade_notes(
    root: Path, module: str, before: Version, after: Version
) -> tuple[UpgradeNote, ...]:
    """Read the notes on every release after one version and up to another, oldest first."""
    try:
        text = (root / "modules" / module / "UPGRADING.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    found = [n for n in _sections(text) if before < n.after <= after]
    return tuple(sorted(found, key=lambda note: note.after))


def _sections(text: str) -> Iterator[UpgradeNote]:
    _, *parts = _SECTION.split(text)
    for at in range(0, len(parts), 3):
        before, after, body = parts[at : at + 3]
        yield UpgradeNote(Version.parse(before), Version.parse(after), body.strip())


def _added(path: Path, title: str, section: Sequence[str]) -> str:
    """Put a section above the ones that are there."""
    old = path.read_text(encoding="utf-8") if path.exists() else f"{title}\n"
    head, mark, rest = old.partition("\n## ")
    new = "\n\n".join(part for part in section if part)
    return f"{head.rstrip()}\n\n{new}\n" + (f"\n## {rest}" if mark else "")
