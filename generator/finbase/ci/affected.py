"""Find the environments whose plan can change between two states of the project's files.

A plan depends on the files of the stack and of all modules that it calls, directly or through
other modules, except files that Terraform never reads. The ``source`` arguments in both states
say which modules a stack calls.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from finbase.project import checksums
from finbase.project.terraform_files import is_code, is_left_behind
from finbase.project.terraform_files import is_read as has_read_name
from finbase.terraform.offline import local_sources

Files: TypeAlias = Mapping[PurePosixPath, bytes]
"""Path, relative to the project → content."""

Change: TypeAlias = Literal["added", "changed", "removed"]

_HOME = "environments"
_UNREAD_NAMES = {"contract.yaml", checksums.FILE_NAME}
_UNREAD_ENDS = (".md", ".tftest.hcl", ".tftest.json")


@dataclass(frozen=True)
class Affected:
    """An affected environment, what happened to it, and the changed files, sorted."""

    environment: str
    change: Change
    files: tuple[PurePosixPath, ...]


def is_read(path: PurePosixPath) -> bool:
    """Return True if a plan can depend on a file below ``environments/`` or ``modules/``.

    Unknown files count, because ``file("…")`` can read any of them.

    >>> is_read(PurePosixPath("modules/cache/1.0.0/main.tf"))
    True
    >>> is_read(PurePosixPath("modules/cache/1.0.0/README.md"))
    False
    """
    name = path.name
    if len(path.parts) < 3 or path.parts[0] not in (_HOME, "modules"):
        return False
    if ".terraform" in path.parts or name in _UNREAD_NAMES or name.endswith(_UNREAD_ENDS):
        return False
    return has_read_name(name) or not (name.startswith(".") or is_left_behind(name))


def affected(before: Files, after: Files) -> Iterator[Affected]:
    """Yield the environments whose plan can change, by name.

    An environment is a folder in ``environments/`` that directly contains Terraform code.
    """
    before, after = ({p: c for p, c in files.items() if is_read(p)} for files in (before, after))
    changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
    stacks_before, stacks_after = _stacks(before), _stacks(after)
    for stack in sorted(stacks_before | stacks_after):
        folders = _reached(stack, before) | _reached(stack, after)
        files = tuple(sorted(path for path in changed if _belongs(path, folders)))
        if not files:
            continue
        change: Change = "added" if stack not in stacks_before else "changed"
        yield Affected(stack.name, change if stack in stacks_after else "removed", files)


def _belongs(path: PurePosixPath, folders: Set[PurePosixPath]) -> bool:
    """Return whether a file is in one of the folders, or below it in a folder that modules use.

    Tests and hidden folders are not used, unless a module call names them.
    """
    for parent in path.parents:
        if parent in folders:
            return True
        if parent.name == "tests" or parent.name.startswith("."):
            return False
    return False


def _stacks(files: Files) -> set[PurePosixPath]:
    return {
        path.parent
        for path in files
        if len(path.parts) == 3 and path.parts[0] == _HOME and is_code(path.name)
    }


def _reached(stack: PurePosixPath, files: Files) -> set[PurePosixPath]:
    """Return the folders of a stack and of all modules that it calls, at any depth."""
    code: dict[PurePosixPath, list[tuple[str, str]]] = {}
    for path, content in files.items():
        if is_code(path.name):
            code.setdefault(path.parent, []).append((path.name, content.decode(errors="replace")))
    reached: set[PurePosixPath] = set()
    waiting = [stack]
    while waiting:
        folder = waiting.pop()
        if folder in reached:
            continue
        reached.add(folder)
        for name, text in code.get(folder, ()):
            for source in local_sources(name, text):
                waiting.append(PurePosixPath(posixpath.normpath(str(folder / source))))
    return reached
