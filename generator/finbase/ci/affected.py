"""Find the environments whose plan can change between two states of the project's files.

A plan depends on the files of the stack and of all modules that it calls, directly or through
other modules: Terraform reads code by its ending, and HCL reads any other file by its name. So
every file counts, except pages, checksums and tests that no HCL of these folders names. The
``source`` arguments in both states say which modules a stack calls.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache, partial
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from finbase.project import checksums
from finbase.project.files import owner
from finbase.project.terraform_files import is_code, is_left_behind
from finbase.project.terraform_files import is_read as has_read_name
from finbase.source.hcl_scan import code_of
from finbase.terraform.offline import local_sources

Files: TypeAlias = Mapping[PurePosixPath, bytes]
"""Path, relative to the project → content."""

Change: TypeAlias = Literal["added", "changed", "removed"]

_HOME = "environments"
_ONLY_BY_NAME = {"README.md", "CHANGELOG.md", "contract.yaml", checksums.FILE_NAME}
_TEST_ENDS = (".tftest.hcl", ".tftest.json")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
# A sentence for people names files that Terraform does not read. A text without a space counts,
# because file() could get it from a local value of this name.
_SENTENCE = re.compile(r'\berror_message = "(?:[^" $%\\]+ )+[^" $%\\]*"')


@dataclass(frozen=True)
class Affected:
    """An affected environment, what happened to it, and the changed files, sorted."""

    environment: str
    change: Change
    files: tuple[PurePosixPath, ...]


def is_read(path: PurePosixPath) -> bool:
    """Return True if a plan can depend on a file below ``environments/`` or ``modules/``.

    States and hidden files do not count: no command plans while one of them is tracked.

    >>> is_read(PurePosixPath("modules/cache/1.0.0/notes.md"))
    True
    >>> is_read(PurePosixPath("modules/cache/CHANGELOG.md"))
    False
    """
    name = path.name
    if owner(path) is None or ".terraform" in path.parts:
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
        code = partial(_code, folders, before, after)
        files = tuple(sorted(path for path in changed if _belongs(path, folders, code)))
        if not files:
            continue
        change: Change = "added" if stack not in stacks_before else "changed"
        yield Affected(stack.name, change if stack in stacks_after else "removed", files)


def _belongs(path: PurePosixPath, folders: Set[PurePosixPath], code: Callable[[], str]) -> bool:
    """Return whether a file is in one of the folders, or below it in a folder that modules use.

    Tests and hidden folders are not used, unless a module call names them, and some files are not
    read, unless the code of the folders has their names.
    """
    unused = path.name in _ONLY_BY_NAME and path.parent == owner(path)
    unused |= path.name.endswith(_TEST_ENDS)
    for parent in path.parents:
        if parent in folders:
            return not unused or path.relative_to(parent).parts[0].casefold() in code()
        unused |= parent.name == "tests" or parent.name.startswith(".")
    return False


def _code(folders: Set[PurePosixPath], *states: Files) -> str:
    """Return the code of the folders in all states, without comments, messages and capitals."""
    return "\n".join(
        _without_comments(path.suffix, content)
        for files in states
        for path, content in files.items()
        if path.parent in folders and is_code(path.name)
    )


@cache
def _without_comments(suffix: str, content: bytes) -> str:
    """Return a file in lower case, without comments, error messages and escapes.

    What remains is searched for names: a comment only mentions one, and an escape could hide one.
    >>> _without_comments(".tf", b'error_message = "Do as README.md says."')
    'error_message = ""'
    >>> _without_comments(".tf", b'SOURCE = "..\\\\u002fkms" # README.md').rstrip()
    'source = "../kms"'
    """
    text = content.decode(errors="replace")
    code = text
    if suffix != ".json":
        code = _SENTENCE.sub('error_message = ""', code_of(text, texts=True))
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), code).casefold()


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
