"""Read and write the changelog and the upgrade notes of a module.

Both files are in ``modules/<module>/``. A release adds a section at the top and keeps the other
sections, which may have been edited by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from finbase import codes
from finbase.contract.version import Version
from finbase.project.files import ProjectFiles, wrap_os_errors
from finbase.source.syntax import INVISIBLE, decode, refuse_conflict

if TYPE_CHECKING:  # A render reads the notes, but never compares versions.
    from finbase.release.compatibility import Level, Reason

_VERSION = r"((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))"
_SECTION = re.compile(rf"^## From {_VERSION} to {_VERSION}[ \t]*\n", re.MULTILINE | re.ASCII)
_RELEASE = re.compile(rf"^## {_VERSION} \(", re.MULTILINE | re.ASCII)
_HEADING = re.compile(r"^## ", re.MULTILINE)
# The start of a line that is not a plain paragraph in Markdown.
_BLOCK = re.compile(r"[#>*+~=`|<_\[-]|\d+(?=[.)])", re.ASCII)
_MOST_LETTERS = 500


@dataclass(frozen=True)
class ReleaseRequest:
    """What to release. ``why`` and ``hints`` are sentences for the changelog and the notes.

    A first release has the version in the contract; ``level`` is then ignored.
    """

    module: str
    level: Level
    why: str
    hints: tuple[str, ...]
    day: date


@dataclass(frozen=True)
class UpgradeNote:
    """The notes for the upgrade from one release to the next; ``text`` is Markdown."""

    before: Version
    after: Version
    text: str


def with_release(
    root: Path,
    request: ReleaseRequest,
    previous: Version | None,
    version: Version,
    reasons: Sequence[Reason],
) -> dict[PurePosixPath, bytes]:
    """Return the new contents of both files, by path, with a section for the release."""
    module = request.module
    home = PurePosixPath("modules", module)
    why = _paragraph(request.why)
    kind = str(request.level) if previous else "first release"
    changes = "\n".join(f"- {reason.what}." for reason in reasons)
    entry = [f"## {version} ({kind}, {request.day.isoformat()})", why, changes]
    texts = {home / "CHANGELOG.md": (f"# Changelog of the module {module}", entry)}
    if previous:
        todo = [f"- {reason.todo}: {reason.what}." for reason in reasons if reason.todo]
        todo += [f"- {_paragraph(hint)}" for hint in request.hints]
        steps = "\n".join(todo) or "No action is required."
        note = [f"## From {previous} to {version}", why, steps]
        texts[home / "UPGRADING.md"] = (f"# Upgrading the module {module}", note)
    return {path: _added(_read(root, path), *text).encode() for path, text in texts.items()}


def upgrade_notes(
    root: Path, module: str, before: Version, after: Version
) -> tuple[UpgradeNote, ...]:
    """Return the notes on every release after ``before`` up to ``after``, oldest first."""
    text = _read(root, PurePosixPath("modules", module, "UPGRADING.md"))
    notes = [note for note in _sections(text) if before < note.after <= after]
    return tuple(sorted(notes, key=lambda note: note.after))


def released(root: Path, module: str) -> frozenset[Version]:
    """Return the versions that have a section in the changelog of a module."""
    text = _read(root, PurePosixPath("modules", module, "CHANGELOG.md"))
    return frozenset(Version.parse(version) for version in _RELEASE.findall(text))


def fault(text: str) -> str:
    """Return why a text cannot be a sentence of the notes, or an empty string.

    >>> fault("one\\ntwo")
    'it is more than one line'
    """
    if not text.strip():
        return "it is empty"
    if "\n" in text or "\r" in text:
        return "it is more than one line"
    if match := INVISIBLE.search(text):
        return f"the character U+{ord(match[0]):04X} is invisible"
    if len(text) > _MOST_LETTERS:
        return f"it is longer than {_MOST_LETTERS} characters"
    return ""


def _paragraph(text: str) -> str:
    """Escape a line so that Markdown shows it as a paragraph.

    >>> print(_paragraph("# no heading"), _paragraph("1. no list"))
    \\# no heading 1\\. no list
    """
    text = text.strip()
    block = _BLOCK.match(text)
    if not block:
        return text
    at = block.end() if block[0].isdigit() else 0
    return f"{text[:at]}\\{text[at:]}"


def _read(root: Path, path: PurePosixPath) -> str:
    """Return the text of a file, or an empty string if it does not exist.

    Raises ``InputError`` as ``decode`` does, and for a marker of a merge conflict.
    """
    with wrap_os_errors("read"):
        content = ProjectFiles(root).read(path) or b""
    text = decode(str(path), content).replace("\r\n", "\n")
    refuse_conflict(str(path), content, codes.SYNTAX)
    return text


def _sections(text: str) -> Iterator[UpgradeNote]:
    for match in _SECTION.finditer(text):
        end = _HEADING.search(text, match.end())
        before, after, body = match[1], match[2], text[match.end() : end and end.start()]
        yield UpgradeNote(Version.parse(before), Version.parse(after), body.strip())


def _added(old: str, title: str, section: Sequence[str]) -> str:
    """Insert a section above the existing ones."""
    old = old if old.strip() else f"{title}\n"
    first = _HEADING.search(old)
    head, rest = (old[: first.start()], old[first.start() :]) if first else (old, "")
    new = "\n\n".join(part for part in section if part)
    return "\n\n".join(filter(None, (head.rstrip(), f"{new}\n"))) + (f"\n{rest}" if rest else "")
