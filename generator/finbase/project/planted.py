"""Find files that make Terraform do something that neither the YAML nor the templates say.

A committed ``.terraform/`` brings its own provider or module, a state or a saved plan its own
facts, a CLI configuration its own mirror. Without git, nobody can say what was committed, so such
a file counts wherever finbase or Terraform could read it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from finbase.project.files import GIT, owner
from finbase.project.journal import NAME as JOURNAL
from finbase.project.terraform_files import LOCK_FILE, is_left_behind
from finbase.project.tree import is_ignored

_FOLDERS = {".terraform", ".terraform.d", "terraform.tfstate.d"}
_SETTINGS = re.compile(r"\.?(terraformrc|tofurc)|(terraform|tofu)\.rc|.*\.tfrc(\.json)?", re.DOTALL)


def planted(root: Path) -> tuple[PurePosixPath, ...]:
    """Return the files of the project that nobody may commit, sorted.

    With git, these are tracked files; without it, files on disk beside or below the stacks, the
    module versions and the project's folder itself.
    """
    tracked = _tracked(root)
    paths = _on_disk(root) if tracked is None else filter(_is_refused, tracked)
    return tuple(sorted(set(paths)))


def _is_refused(path: PurePosixPath) -> bool:
    return _is_dangerous(path) or _is_hidden_in_stack(path)


def _is_dangerous(path: PurePosixPath) -> bool:
    name = path.name.casefold()
    return (
        not _FOLDERS.isdisjoint(part.casefold() for part in path.parts)
        or name == JOURNAL
        or _SETTINGS.fullmatch(name) is not None
        or is_left_behind(name)
    )


def _is_hidden_in_stack(path: PurePosixPath) -> bool:
    """Return whether a comparison with the rendered files would overlook a file."""
    folder = owner(path)
    if folder is None or (path.parent == folder and _is_rendered_lock(path)):
        return False
    inside = path.relative_to(folder).parts
    return any(is_ignored(folder.joinpath(*inside[:end])) for end in range(1, len(inside) + 1))


def _is_rendered_lock(path: PurePosixPath) -> bool:
    return path.parts[0] == "environments" and path.name == LOCK_FILE


def _tracked(root: Path) -> Iterable[PurePosixPath] | None:
    """Return the paths that git tracks, or None if there is no git or no repository."""
    # ``subprocess`` would take longer to import than git takes to answer.
    reader, writer = os.pipe()
    command = [*GIT, "-C", str(root), "ls-files", "--cached", "--recurse-submodules", "-z"]
    actions = [
        (os.POSIX_SPAWN_DUP2, writer, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    with open(reader, "rb") as output:  # noqa: PTH123 - a number, not a path
        try:
            child = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
        except OSError:
            return None
        finally:
            os.close(writer)
        names = output.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        return None
    return [PurePosixPath(os.fsdecode(name)) for name in names.split(b"\0") if name]


def _on_disk(root: Path) -> Iterator[PurePosixPath]:
    """Yield dangerous files in the project's folder, and in its stacks and module versions."""
    # finbase itself saves plans and keeps the journal of a running render in the project's folder.
    beside = _entries(root, PurePosixPath())
    own = (path for path in beside if path.name == JOURNAL or path.suffix == ".tfplan")
    yield from filter(_is_dangerous, set(beside) - set(own))
    folders = [PurePosixPath(name) for name in ("environments", "modules")]
    while folders:
        for path in _entries(root, folders.pop()):
            if _is_dangerous(path):
                yield path
            elif (root / path).is_dir() and not (root / path).is_symlink():
                folders.append(path)


def _entries(root: Path, folder: PurePosixPath) -> list[PurePosixPath]:
    try:
        return [folder / name for name in os.listdir(root / folder)]  # noqa: PTH208
    except OSError:
        return []
