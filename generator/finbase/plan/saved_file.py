"""Read the configuration, the backend and the workspace from the file of a saved plan.

Terraform and OpenTofu write a zip archive. ``tfconfig/modules.json`` lists the modules,
``tfconfig/m-KEY/`` holds the files of each, and ``tfplan`` is a protocol buffer whose field 13 is
the backend: its type, its settings as MessagePack, and the workspace. The reader is strict: it
refuses a file that Go and Python may read differently.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finbase.source.bounds import load_json

DEFAULT_WORKSPACE = "default"
"""The workspace of a stack's own state."""

_CONFIG = "tfconfig/m-"
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _END_64_SIZE = 22, 20
# An archive of two megabytes can unpack to four gigabytes.
_MOST_BYTES, _MOST_MEMBERS, _SMALL, _RATIO = 256 << 20, 10_000, 8 << 20, 100
_DEPTH = 16  # Of nested settings; a backend has two levels.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError)
_NUMBERS = {head: f">{form}" for head, form in enumerate("fdBHIQbhiq", 0xCA)}
"""Head of a number in MessagePack → its form for ``struct``."""
_FIXED = {1: 8, 5: 4}
"""Type of a field in a protocol buffer → its number of bytes."""


@dataclass(frozen=True)
class Module:
    """A planned module; the root module has the key ``""`` and no source.

    ``folder`` is relative to the stack. ``files`` maps the names of files in it to their contents.
    """

    key: str
    source: str
    folder: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Backend:
    """The backend with the state of a plan; ``settings`` omits null values."""

    type: str
    settings: Mapping[str, Any]
    workspace: str


@dataclass(frozen=True)
class PlanFile:
    """The contents of a saved plan; ``modules`` maps keys to modules."""

    modules: Mapping[str, Module]
    backend: Backend


def read_plan_file(data: bytes) -> PlanFile:
    """Read a saved plan; raises ``ValueError`` if it is damaged, encrypted or not a saved plan."""
    try:
        members = dict(_members(data))
        return PlanFile(_modules(members), _backend(members["tfplan"]))
    except _DAMAGED as error:  # RuntimeError: encrypted, unknown compression, or deep nesting.
        raise ValueError(f"not a saved plan: {error}") from error


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an archive; refuse duplicate names and bytes outside of the archive.

    Go and Python differ on duplicate names, on bytes before or after an archive, and on an
    unneeded end record in the form for large archives.
    """
    end = len(data) - _END_SIZE
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        names = {info.orig_filename for info in entries}
        if len(names) < len(entries) or not data.startswith(_END, end):
            raise ValueError("duplicate name, or bytes after the archive")
        if data.startswith(_END_64, end - _END_64_SIZE) or min(e.header_offset for e in entries):
            raise ValueError("two end records, or bytes before the archive")
        if len(entries) > _MOST_MEMBERS:
            raise ValueError(f"more than {_MOST_MEMBERS} files")
        size = sum(info.file_size for info in entries)
        if size > _MOST_BYTES or size > _SMALL + _RATIO * len(data):
            raise ValueError(f"{len(data)} bytes that unpack to {size}")
        for info in entries:
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("compression method that Terraform does not support")
            with archive.open(info) as member:
                # ``read`` without a bound would trust what the archive says about the size.
                content = member.read(info.file_size + 1)
            if len(content) != info.file_size:
                raise ValueError("a file is not as long as the archive says")
            yield info.orig_filename, content


def _modules(members: Mapping[str, bytes]) -> Mapping[str, Module]:
    manifest = load_json(members["tfconfig/modules.json"], _object)
    if not isinstance(manifest, list):
        raise ValueError("the modules are not a list")
    files: dict[str, dict[str, bytes]] = {}
    for name, content in members.items():
        if name.startswith(_CONFIG):
            key, _, file = name.removeprefix(_CONFIG).rpartition("/")
            files.setdefault(key, {})[_printable(file)] = content
    modules = {}
    for entry in manifest:
        if not isinstance(entry, dict):
            raise ValueError("a module is not an object")
        key = _printable(entry.get("Key"))
        source = _printable(entry.get("Source", "" if key == "" else None))
        folder = _printable(entry.get("Dir"))
        modules[key] = Module(key, source, folder, files.get(key, {}))
    if "" not in modules or len(modules) < len(manifest) or files.keys() - modules.keys():
        raise ValueError(
            "modules.json lists a module twice, or lacks the root module or one that has files"
        )
    return modules


def _object(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    """Return an object; refuse duplicate names. To Go, ``dir`` is the same as ``Dir``."""
    if len({name.casefold() for name, _ in pairs}) < len(pairs):
        raise ValueError("duplicate name in an object")
    return dict(pairs)


def _printable(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{value!r} is not a name")
    return value


# --- the backend in the protocol buffer -----------------------------------------------------------


def _backend(plan: bytes) -> Backend:
    backend = _only(plan, 13)
    config = _Reader(_only(_only(backend, 2), 1))
    settings = config.value()
    if not config.at_end or not isinstance(settings, dict):
        raise ValueError("the backend's settings are not an object")
    return Backend(_only(backend, 1).decode(), settings, _only(backend, 3).decode())


def _only(message: bytes, number: int) -> bytes:
    """Return the only field with a number; refuse types without a length."""
    values = [value for field, value in _fields(message) if field == number]
    if len(values) != 1 or values[0] is None:
        raise ValueError(f"field {number} must occur once, with a length; found {len(values)}")
    return values[0]


def _fields(message: bytes) -> Iterator[tuple[int, bytes | None]]:
    """Yield the number and the bytes of each field, or None if its type has no length."""
    reader = _Reader(message)
    while not reader.at_end:
        tag, value = reader.varint(), None
        kind = tag & 7
        if kind == 0:
            reader.varint()
        elif kind == 2:
            value = reader.take(reader.varint())
        elif kind in _FIXED:
            reader.take(_FIXED[kind])
        else:
            raise ValueError(f"a field of type {kind}")
        yield tag >> 3, value


class _Reader:
    """Read bytes in order; raises ``ValueError`` at their end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._data)

    def take(self, size: int) -> bytes:
        taken = self._data[self._position : self._position + size]
        if len(taken) < size:
            raise ValueError("the data ends too early")
        self._position += size
        return taken

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("number without an end")

    def value(self, depth: int = 0) -> Any:
        """Return the next value of MessagePack; objects lose members that are null."""
        (head,) = self.take(1)
        if depth > _DEPTH:
            raise ValueError("nested too deeply")
        if head < 0x80 or head >= 0xE0:
            return head if head < 0x80 else head - 0x100
        if head in _NUMBERS:
            (number,) = struct.unpack(_NUMBERS[head], self.take(struct.calcsize(_NUMBERS[head])))
            return number
        match head:
            case 0xC0:
                return None
            case 0xC2 | 0xC3:
                return head == 0xC3
            case 0xD9 | 0xDA | 0xDB:
                return self.take(self._size(1 << (head - 0xD9))).decode()
            case 0xDC | 0xDD:
                return self._list(self._size(2 << (head - 0xDC)), depth)
            case 0xDE | 0xDF:
                return self._object(self._size(2 << (head - 0xDE)), depth)
        if head < 0x90:
            return self._object(head & 0x0F, depth)
        if head < 0xA0:
            return self._list(head & 0x0F, depth)
        if head < 0xC0:
            return self.take(head & 0x1F).decode()
        raise ValueError("extension type of MessagePack")

    def _size(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def _list(self, size: int, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(size)]

    def _object(self, size: int, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for _ in range(size):
            key = self.value(depth + 1)
            if not isinstance(key, str) or key in members:
                raise ValueError(f"{key!r} is a duplicate, or not a name")
            members[key] = self.value(depth + 1)
        return {key: value for key, value in members.items() if value is not None}
