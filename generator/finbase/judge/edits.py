"""Edits of rendered HCL, of which a mutation consists."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from finbase.source.hcl_scan import Block, scan

_TEXTS = ("file", "find", "replace", "append", "create", "block", "insert", "argument", "value")
_FIELDS = {*_TEXTS, "count", "delete"}


@dataclass(frozen=True)
class Replace:
    """Replace a text; the amount of white space between its words does not matter."""

    find: str
    replace: str

    def apply(self, text: str) -> tuple[str, int]:
        r"""Return the changed text and the number of changes.

        >>> Replace("port = 1", "port = 2").apply("from_port   = 1\n")
        ('from_port = 2\n', 1)
        """
        pattern = r"\s+".join(map(re.escape, self.find.split()))
        return re.subn(pattern, lambda _: self.replace, text)

    def __str__(self) -> str:
        return "the text to replace"


@dataclass(frozen=True)
class Insert:
    """Insert lines at the start of each block with a header, such as ``resource "a" "b"``.

    ``a > b`` names the blocks ``b`` within blocks ``a``.
    """

    block: str
    lines: str

    def apply(self, text: str) -> tuple[str, int]:
        r"""Return the changed text and the number of changes.

        >>> Insert("lifecycle", "a = 1").apply("lifecycle {\n}\n")
        ('lifecycle {\n  a = 1\n\n}\n', 1)
        """
        return _in_blocks(text, self.block, lambda block: (block.body, block.body, self.lines))

    def __str__(self) -> str:
        return f"the block {self.block}"


@dataclass(frozen=True)
class Set:
    """Set an argument of each block with a header; an empty value removes the argument."""

    block: str
    argument: str
    value: str

    def apply(self, text: str) -> tuple[str, int]:
        r"""Return the changed text and the number of changes.

        >>> Set("lifecycle", "a", "2").apply("lifecycle {\n  a = 1\n}\n")
        ('lifecycle {\n  a = 2\n}\n', 1)
        >>> Set("lifecycle", "a", "").apply("lifecycle {\n}\n")  # It is not set already.
        ('lifecycle {\n}\n', 0)
        """
        line = f"{self.argument} = {self.value}" if self.value else ""

        def change(block: Block) -> tuple[int, int, str] | None:
            if span := block.spans.get(self.argument):
                return (*span, line)
            return (block.body, block.body, line) if line else None

        return _in_blocks(text, self.block, change)

    def __str__(self) -> str:
        return f"{self.argument} of the block {self.block}"


@dataclass(frozen=True)
class Delete:
    """Delete each block with a header."""

    block: str

    def apply(self, text: str) -> tuple[str, int]:
        r"""Return the changed text and the number of changes.

        >>> Delete('resource "a" "b"').apply('resource "a" "b" {\n}\nresource "a" "c" {\n}\n')
        ('\nresource "a" "c" {\n}\n', 1)
        """
        return _in_blocks(text, self.block, lambda block: (block.start, block.end, ""))

    def __str__(self) -> str:
        return f"the block {self.block}"


@dataclass(frozen=True)
class Append:
    """Append a text to each file."""

    text: str

    def apply(self, text: str) -> tuple[str, int]:
        """Return the changed text, and 1."""
        return f"{text}\n{self.text}\n", 1

    def __str__(self) -> str:
        return "the file"


@dataclass(frozen=True)
class Create:
    """Create a file with a text in each folder."""

    text: str


Change: TypeAlias = Replace | Insert | Set | Delete | Append | Create


@dataclass(frozen=True)
class Edit:
    """Change the files of a stack that match a pattern of ``PurePath.match``.

    ``file`` is such a pattern: ``modules/database/*/main.tf``. ``count`` is the number of texts or
    blocks that the files must have together.
    """

    file: str
    change: Change
    count: int = 1


def read_edit(entry: Mapping[str, Any]) -> Edit:
    """Return the edit of an entry of a mutation file.

    Raises ``KeyError`` for a missing field, and ``ValueError`` for an invalid one.
    """
    if unknown := entry.keys() - _FIELDS:
        raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
    for name in _TEXTS:
        if not isinstance(entry.get(name, ""), str):
            raise ValueError(f"{name} must be a text; put {entry[name]!r} in quotes")
    change = _change(entry)
    if isinstance(change, Replace) and (not change.find.split() or change.find == change.replace):
        raise ValueError(f"an edit of {entry['file']} changes nothing")
    return Edit(entry["file"], change, entry.get("count", 1))


def _change(entry: Mapping[str, Any]) -> Change:
    if "create" in entry:
        return Create(entry["create"])
    if "append" in entry:
        return Append(entry["append"])
    if "block" not in entry:
        return Replace(entry["find"], entry["replace"])
    if entry.get("delete"):
        return Delete(entry["block"])
    if "insert" in entry:
        return Insert(entry["block"], entry["insert"])
    return Set(entry["block"], entry["argument"], entry["value"])


def _in_blocks(
    text: str, header: str, change: Callable[[Block], tuple[int, int, str] | None]
) -> tuple[str, int]:
    """Replace, for each block with a header, the text between two offsets by lines."""
    changes = [c for block in _blocks(text, header) if (c := change(block))]
    for start, end, lines in sorted(changes, reverse=True):  # The last first: offsets stay valid.
        if start == end:
            lines = f"\n{textwrap.indent(lines, '  ')}\n"
        text = text[:start] + lines + text[end:]
    return text, len(changes)


def _blocks(text: str, header: str) -> list[Block]:
    blocks = [scan(text)]
    for part in header.split(">"):
        wanted = next(iter(scan(f"{part} {{}}").blocks), Block())
        inner = [block for outer in blocks for block in outer.walk(wanted.type)]
        blocks = [block for block in inner if block.labels == wanted.labels]
    return blocks
