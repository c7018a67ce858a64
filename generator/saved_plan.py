"""A saved plan against the stack that it is said to be of.

A plan file is a zip archive that Terraform and OpenTofu write alike: ``tfconfig/`` holds every
file of the configuration that was planned, and ``tfplan`` names the backend and the workspace.
An apply follows what is in there and reads no file of the stack, so that all of it has to be
what lies in the project. That the state is still the one that was planned on, Terraform itself
sees to, by its lineage and serial.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from generator.errors import FinbaseError

__all__ = ["verify"]

_CONFIG = "tfconfig/"
_ENVIRONMENT = re.compile(r'^\s*environment\s*=\s*"([^"]+)"', re.MULTILINE)
_SETTING = re.compile(r'^\s*(\w+)\s*=\s*"([^"]+)"', re.MULTILINE)
_DEFAULT_WORKSPACE = b"\x1a\x07default"  # Field 3 of the plan's backend.


def verify(plan: Path, stack: Path, called: Path) -> None:
    """Refuse a plan that is not of the stack as it lies there, on its own backend.

    Raises ``FinbaseError`` that names the first difference, and whose plan it is; ``called`` is
    how the user knows the plan.
    """
    members = _members(plan, called)
    again = f"plan {stack.name} again: finbase plan {stack.name}"
    planned = dict(_planned(members, stack))
    there = {
        path.resolve(): path
        for folder in {path.parent for path in planned} | {stack.resolve()}
        for path in [*folder.glob("*.tf"), *folder.glob("*.tf.json")]
    }
    for path in sorted(planned.keys() | there.keys()):
        if path in there and planned.get(path) == path.read_bytes():
            continue
        whose = _environment(members)
        if whose and whose != stack.name:
            raise FinbaseError(f"{called} is a plan of {whose}, not of {stack.name}", again)
        place = os.path.relpath(path, stack.parent.parent.resolve())
        raise FinbaseError(
            f"{called} was made of something else than what lies there: {place} differs", again
        )
    backend = members["tfplan"]
    file = stack / "backend.tf"
    for name, value in _SETTING.findall(file.read_text(encoding="utf-8") if file.is_file() else ""):
        if _packed(value) not in backend:
            raise FinbaseError(
                f"{called} was made on another state: its {name} is not {value}, as in {file}",
                again,
            )
    if _DEFAULT_WORKSPACE not in backend:
        raise FinbaseError(
            f"{called} was made in a workspace, and so on another state than {stack.name} has",
            f"unset TF_WORKSPACE, run `terraform workspace select default` there, and {again}",
        )


def _members(plan: Path, called: Path) -> Mapping[str, bytes]:
    try:
        with zipfile.ZipFile(plan) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        json.loads(members[f"{_CONFIG}modules.json"])
        members["tfplan"]
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise FinbaseError(
            f"{called} is no saved plan, or one that is encrypted and so cannot be compared",
            "`finbase plan` saves one; `terraform show -json` makes another thing of it",
        ) from error
    return members


def _planned(members: Mapping[str, bytes], stack: Path) -> Iterator[tuple[Path, bytes]]:
    """Each file that was planned, by the place where it would lie in the project."""
    for module in json.loads(members[f"{_CONFIG}modules.json"]):
        prefix = f"{_CONFIG}m-{module['Key']}/"
        for name, content in members.items():
            if name.startswith(prefix):
                yield (stack / module["Dir"] / name.removeprefix(prefix)).resolve(), content


def _environment(members: Mapping[str, bytes]) -> str:
    """The name that the root module of a plan gives itself; empty where it gives none."""
    found = _ENVIRONMENT.search(members.get(f"{_CONFIG}m-/main.tf", b"").decode(errors="replace"))
    return found[1] if found else ""


def _packed(text: str) -> bytes:
    """Write a text as MessagePack does, which is how a plan holds what its backend was given."""
    data = text.encode()
    if len(data) < 32:
        return bytes([0xA0 | len(data)]) + data
    head = [0xD9, len(data)] if len(data) < 256 else [0xDA, *len(data).to_bytes(2, "big")]
    return bytes(head) + data
