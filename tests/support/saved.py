"""Saved plans as Terraform writes them, so far as finbase looks at one."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def save(
    plan: Path,
    stack: Path,
    *,
    workspace: str = "default",
    kind: str = "",
    modules: Any = None,
    **settings: Any,
) -> None:
    """Save a plan of the stack unchanged; ``settings`` are beside those of its backend.

    ``kind`` is another type of backend; ``modules`` is another ``modules.json``.
    """
    folders = {"": stack}
    for block in re.finditer(
        r'^module "(\w+)" \{\n  source = "([^"]+)"', (stack / "main.tf").read_text(), re.MULTILINE
    ):
        folders[block[1]] = stack / block[2]
    if modules is None:
        modules = manifest({key: os.path.relpath(path, stack) for key, path in folders.items()})
    backend = (stack / "backend.tf").read_text()
    configured = {
        name: json.loads(value)
        for name, value in re.findall(r'^    (\w+) += (".*"|true|false)$', backend, re.MULTILINE)
    }
    named = kind or re.findall(r'backend "(\w+)"', backend)[0]
    plan.write_bytes(
        archive(
            [
                (
                    "tfplan",
                    tfplan(named, packed({"profile": None, **configured, **settings}), workspace),
                ),
                ("tfstate", b"{}"),
                *(
                    (f"tfconfig/m-{key}/{path.name}", path.read_bytes())
                    for key, folder in folders.items()
                    for path in sorted(folder.glob("*.tf"))
                ),
                ("tfconfig/modules.json", json.dumps(modules).encode()),
            ]
        )
    )


def manifest(folders: Mapping[str, str]) -> list[dict[str, str]]:
    """List modules as a plan does: a source is the way from the stack."""
    return [
        {"Key": key, **({"Source": folder} if key else {}), "Dir": folder}
        for key, folder in folders.items()
    ]


def archive(members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Write a zip archive; a name may be there twice."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as written:
        for name, content in members:
            written.writestr(name, content)
    return file.getvalue()


def members(plan: Path) -> list[tuple[str, bytes]]:
    """Read all members of a saved plan."""
    with zipfile.ZipFile(plan) as read:
        return [(name, read.read(name)) for name in read.namelist()]


def tfplan(kind: str, settings: bytes, workspace: str) -> bytes:
    """Write the protocol buffer of a plan: its format, a resource, the backend, the version."""
    backend = field(1, kind.encode()) + field(2, field(1, settings)) + field(3, workspace.encode())
    # The resource bears what would be a workspace, were it in the backend.
    return b"\x08\x03" + field(3, b"\x1a\x07default") + field(13, backend) + field(14, b"1.11.4")


def field(number: int, content: bytes) -> bytes:
    """Write a field of a protocol buffer whose type has a length."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """Write a number seven bits at a time, the lowest first."""
    head = bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
    return head + varint(value >> 7) if value > 0x7F else head


def packed(value: Any) -> bytes:
    """Write a value as MessagePack."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return b"\xd3" + value.to_bytes(8, "big", signed=True)
        case str():
            data = value.encode()
            short = len(data) < 32
            return (bytes([0xA0 | len(data)]) if short else bytes([0xD9, len(data)])) + data
        case list():
            return bytes([0xDC, 0, len(value)]) + b"".join(map(packed, value))
        case _:
            pairs = b"".join(packed(key) + packed(each) for key, each in value.items())
            return bytes([0xDE, 0, len(value)]) + pairs
