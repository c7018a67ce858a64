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
from typing import TYPE_CHECKING

from finbase.contract.version import Version
from finbase.errors import FinbaseError
from finbase.project.files import ProjectFiles, told
from finbase.source.syntax import INVISIBLE

if TYPE_CHECKING:  # A render reads what is released, and compares nothing.
    from finbase.release.compatibility import Level, Reason

__all__ = ["UpgradeNote", "fault", "released", "upgrade_notes", "with_release"]

_VERSION = r"((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))"
_SECTION = re.compile(rf"^## From {_VERSION} to {_VERSION}[ \t]*\n", re.MULTILINE | re.ASCII)
_RELEASE = re.compile(rf"^## {_VERSION} \(", re.MULTILINE | re.ASCII)
_HEADING = re.compile(r"^## ", re.MULTILINE)
# What makes more of a line of Markdown than a paragraph.
_BLOCK = re.compile(r"[#>*+~=`|<_\[-]|\d+(?=[.)])", re.ASCII)
_MOST_LETTERS = 500


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
    why = _paragraph(why)
    kind = str(level) if previous else "first release"
    listed = [f"- {reason.what}." for reason in reasons]
    entry = [f"## {version} ({kind}, {day.isoformat()})", why, "\n".join(listed)]
    texts = {home / "CHANGELOG.md": (f"# Changelog of the module {module}", entry)}
    if previous:
        todo = [f"- {reason.todo}: {reason.what}." for reason in reasons if reason.todo]
        todo += [f"- {_paragraph(hint)}" for hint in hints]
        what = "\n".join(todo) or "Nothing has to be done."
        note = [f"## From {previous} to {version}", why, what]
        texts[home / "UPGRADING.md"] = (f"# Upgrading the module {module}", note)
    return {path: _added(_read(root, path), *text).encode() for path, text in texts.items()}


def upgrade_notes(
    root: Path, module: str, before: Version, after: Version
) -> tuple[UpgradeNote, ...]:
    """Read the notes on every release after one version and up to another, oldest first."""
    text = _read(root, PurePosixPath("modules", module, "UPGRADING.md"))
    found = [n for n in _sections(text) if before < n.after <= after]
    return tuple(sorted(found, key=lambda note: note.after))


def released(root: Path, module: str) -> frozenset[Version]:
    """Name the versions that the changelog of a module tells the release of."""
    text = _read(root, PurePosixPath("modules", module, "CHANGELOG.md"))
    return frozenset(Version.parse(found) for found in _RELEASE.findall(text))


def fault(text: str) -> str:
    """Say what keeps a text from being a sentence of the notes; nothing where all is well."""
    if not text.strip():
        return "it is empty"
    if "\n" in text or "\r" in text:
        return "it is more than one line"
    if found := INVISIBLE.search(text):
        return f"the character U+{ord(found[0]):04X} cannot be seen"
    if len(text) > _MOST_LETTERS:
        return f"it is longer than {_MOST_LETTERS} characters"
    return ""


def _paragraph(text: str) -> str:
    """Write a line of text such that Markdown makes nothing else of it than a paragraph."""
    text = text.strip()
    begins = _BLOCK.match(text)
    if not begins:
        return text
    at = begins.end() if begins[0].isdigit() else 0
    return f"{text[:at]}\\{text[at:]}"


def _read(root: Path, path: PurePosixPath) -> str:
    """Read one of the files; nothing where there is none."""
    with told("read"):
        place = ProjectFiles(root).place(path)
        if not place.exists():
            return ""
        try:
            return place.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise FinbaseError(f"{path} is not UTF-8", "save it as UTF-8") from error


def _sections(text: str) -> Iterator[UpgradeNote]:
    for match in _SECTION.finditer(text):
        end = _HEADING.search(text, match.end())
        before, after, body = match[1], match[2], text[match.end() : end and end.start()]
        yield UpgradeNote(Version.parse(before), Version.parse(after), body.strip())


def _added(old: str, title: str, section: Sequence[str]) -> str:
    """Put a section above the ones that are there."""
    old = old if old.strip() else f"{title}\n"
    first = _HEADING.search(old)
    head, rest = (old[: first.start()], old[first.start() :]) if first else (old, "")
    new = "\n\n".join(part for part in section if part)
    return "\n\n".join(filter(None, (head.rstrip(), f"{new}\n"))) + (f"\n{rest}" if rest else "")
