"""The file of a saved plan: which configuration is in it, and which backend and workspace it names.

Terraform and OpenTofu write a zip archive. ``tfconfig/modules.json`` lists the modules,
``tfconfig/m-KEY/`` holds the files of each, and ``tfplan`` is a protocol buffer whose field 13 is
the backend: its type, its settings as MessagePack, the workspace. All is read as strictly as can
be: what two programs may read in two ways is not a plan here.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["DEFAULT_WORKSPACE", "Backend", "Module", "PlanFile", "read_plan_file"]

DEFAULT_WORKSPACE = "default"
"""The one that a stack's own state is in."""

_CONFIG = "tfconfig/m-"
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _END_64_SIZE = 22, 20
_DEPTH = 16  # That of the settings; those of a backend have two levels.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError)
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}


@dataclass(frozen=True)
class Module:
    """A module that was planned. The root has the key ``""`` and no source.

    ``folder`` is relative to the stack; ``files`` are by their names in it.
    """

    key: str
    source: str
    folder: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Backend:
    """Where the state of a plan is; settings that were not given are not in it."""

    type: str
    settings: Mapping[str, Any]
    workspace: str


@dataclass(frozen=True)
class PlanFile:
    """What a saved plan says that it was made of; ``modules`` are by their keys."""

    modules: Mapping[str, Module]
    backend: Backend


def read_plan_file(data: bytes) -> PlanFile:
    """Read a saved plan; raises ``ValueError`` where that is damaged, encrypted or none."""
    try:
        members = dict(_members(data))
        return PlanFile(_modules(members), _backend(members["tfplan"]))
    except _DAMAGED as error:  # RuntimeError: encrypted, of an unknown method, or nested too deep.
        raise ValueError(f"no saved plan: {error}") from error


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the files of an archive that is nothing else than one, and names none of them twice.

    Go and Python differ on which of two it is, on what lies before an archive or after it, and
    on an end in the form for large archives that the other end does not ask for.
    """
    end = len(data) - _END_SIZE
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = archive.infolist()
        names = {info.orig_filename for info in found}
        if len(names) < len(found) or not data.startswith(_END, end):
            raise ValueError("a name twice, or more than an archive")
        if data.startswith(_END_64, end - _END_64_SIZE) or min(i.header_offset for i in found):
            raise ValueError("two ends, or more than an archive")
        for info in found:
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("a way to compress that Terraform does not have")
            yield info.orig_filename, archive.read(info)


def _modules(members: Mapping[str, bytes]) -> Mapping[str, Module]:
    manifest = json.loads(members["tfconfig/modules.json"], object_pairs_hook=_object)
    if not isinstance(manifest, list):
        raise ValueError("the modules are no list")
    files: dict[str, dict[str, bytes]] = {}
    for name, content in members.items():
        if name.startswith(_CONFIG):
            key, _, file = name.removeprefix(_CONFIG).rpartition("/")
            files.setdefault(key, {})[_printable(file)] = content
    modules = {}
    for entry in manifest:
        if not isinstance(entry, dict):
            raise ValueError("a module is no object")
        key = _printable(entry.get("Key"))
        source = _printable(entry.get("Source", "" if key == "" else None))
        folder = _printable(entry.get("Dir"))
        modules[key] = Module(key, source, folder, files.get(key, {}))
    if "" not in modules or len(modules) < len(manifest) or files.keys() - modules.keys():
        raise ValueError("a module twice, or none of that key")
    return modules


def _object(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    """Refuse a name that is there twice; to Go, ``dir`` is the same as ``Dir``."""
    if len({name.casefold() for name, _ in pairs}) < len(pairs):
        raise ValueError("a name twice in an object")
    return dict(pairs)


def _printable(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{value!r} is no name")
    return value


# --- the backend in the protocol buffer -----------------------------------------------------------


def _backend(plan: bytes) -> Backend:
    backend = _only(plan, 13)
    config = _Reader(_only(_only(backend, 2), 1))
    settings = config.value()
    if not config.at_end or not isinstance(settings, dict):
        raise ValueError("the backend's settings are no object")
    return Backend(_only(backend, 1).decode(), settings, _only(backend, 3).decode())


def _only(message: bytes, wanted: int) -> bytes:
    """The one field of that number, whose type has a length."""
    found = [value for number, value in _fields(message) if number == wanted]
    if len(found) != 1 or found[0] is None:
        raise ValueError(f"field {wanted} is there {len(found)} times")
    return found[0]


def _fields(message: bytes) -> Iterator[tuple[int, bytes | None]]:
    """Each field by its number; None is one whose type has no length."""
    reader = _Reader(message)
    while not reader.at_end:
        tag = reader.varint()
        match tag & 7:
            case 0:
                reader.varint()
                yield tag >> 3, None
            case 1:
                reader.take(8)
                yield tag >> 3, None
            case 2:
                yield tag >> 3, reader.take(reader.varint())
            case 5:
                reader.take(4)
                yield tag >> 3, None
            case kind:
                raise ValueError(f"a field of type {kind}")


class _Reader:
    """Bytes from the first to the last; raises ``ValueError`` where more are asked for."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    @property
    def at_end(self) -> bool:
        return self._place == len(self._data)

    def take(self, size: int) -> bytes:
        taken = self._data[self._place : self._place + size]
        if len(taken) < size:
            raise ValueError("cut short")
        self._place += size
        return taken

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("a number that does not end")

    def value(self, depth: int = 0) -> Any:
        """One value of MessagePack, without the members of objects that are null."""
        (head,) = self.take(1)
        if depth > _DEPTH:
            raise ValueError("nested too deep")
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
        raise ValueError("a value that is not known yet")

    def _size(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def _list(self, size: int, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(size)]

    def _object(self, size: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(size):
            key = self.value(depth + 1)
            if not isinstance(key, str) or key in found:
                raise ValueError(f"{key!r} is no name, or there twice")
            found[key] = self.value(depth + 1)
        return {key: value for key, value in found.items() if value is not None}
