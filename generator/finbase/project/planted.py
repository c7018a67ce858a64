"""Find files that make Terraform do something that neither the YAML nor the templates say.

A committed ``.terraform/`` brings its own provider or module, a state or a saved plan its own
facts, a CLI configuration its own mirror. Without git, nobody can say what was committed, so such
a file counts wherever finbase or Terraform could read it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from finbase.errors import FinbaseError
from finbase.project.files import GIT, owner
from finbase.project.journal import NAME as JOURNAL
from finbase.project.terraform_files import LOCK_FILE, is_left_behind
from finbase.project.tree import is_ignored

_FOLDERS = {".terraform", ".terraform.d", "terraform.tfstate.d"}
_SETUP = ".venv"
"""What pipelines install and run: make sets up nothing if a commit brings one."""
_DATA = ("docs", "tests")
"""Folders whose files may be hidden: pictures and test data. Elsewhere, any file can be code where
a pipeline installs the checkout, such as a hook in a Makefile."""
_OWNERS = "CODEOWNERS"
_NO_TEXT = re.compile(
    r"[^/]\.(gif|gz|ico|jpe?g|pdf|png|webp|whl|woff2?|zip)\Z", re.IGNORECASE | re.ASCII
)
_READ_BY_GIT = 8000
"""git calls a file binary if one of so many first bytes is a NUL, and shows no text of it."""
_LONGEST_LINE = 2047
"""git ignores a longer line of .gitattributes; the programs of a platform need not."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FILES = ("ls-files", "--cached", "-z")
_CONVERTING = ("filter", "ident", "working-tree-encoding")
_HIDING = ("diff", "linguist-generated", "gitlab-generated")
_SETTINGS = re.compile(r"\.?(terraformrc|tofurc)|(terraform|tofu)\.rc|.*\.tfrc(\.json)?", re.DOTALL)


def planted(root: Path) -> tuple[PurePosixPath, ...]:
    """Return the files of the project that nobody may commit, sorted.

    With git, these are tracked files; without it, files on disk beside or below the stacks, the
    module versions and the project's folder itself. Raises ``FinbaseError`` if git fails in a
    repository.
    """
    tracked = _tracked(root)
    paths = _on_disk(root) if tracked is None else filter(_is_refused, tracked)
    return tuple(sorted(set(paths)))


def unreviewed(root: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Yield tracked files whose bytes no review shows, and the attribute of git that is why.

    A review shows the bytes of the commit, and Terraform reads those on disk: an attribute can make
    them differ, or hide the change. Line ends are not counted. git takes the attributes from its
    index, as it does when it writes the files. A link has the attribute of what it leads to.
    """
    attributes = ("check-attr", "--cached", "-z", "--stdin", *_CONVERTING, *_HIDING)
    parts = _split(_git(root, _FILES, attributes) or b"")
    data: dict[PurePosixPath, str] = {}
    for name, attribute, value in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if value == b"unspecified":  # As of almost all files: their paths need not be read.
            continue
        setting = _setting(os.fsdecode(attribute), os.fsdecode(value))
        path = _path(name)
        if not setting or (setting, path.suffix) == ("-diff", ".zip"):
            continue
        if _is_data(path):
            data[path] = setting
        else:
            yield path, setting
    names = parts[:: 3 * len(_CONVERTING + _HIDING)] if data else ()
    for path in map(_path, names):
        if not _is_data(path) and (root / path).is_symlink():
            place = PurePosixPath(os.path.normpath(path.parent / (root / path).readlink()))
            settings = (data[each] for each in data if each.is_relative_to(place))
            yield from ((path, setting) for setting in list(settings)[:1])


def illegible(root: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Yield tracked files of which a review shows no text or no effect, and why."""
    for name in map(os.fsdecode, _split(_git(root, _FILES) or b"")):
        is_text = not name.startswith("tests/") and not _NO_TEXT.search(name)
        if is_text and b"\0" in _beginning(f"{root}/{name}"):
            yield PurePosixPath(name), "git takes it for a binary file, because it has a NUL"
    # In the whole repository: those above the project count for it as well.
    attributes = ("ls-files", "--cached", "-z", "--", ":(top,glob)**/.gitattributes")
    for path in map(_path, _split(_git(root, attributes) or b"")):
        if (root / path).is_symlink():
            yield path, "git does not follow it, but reads it as text where no file is on disk"
        elif (content := _beginning(root / path, None)).startswith(_BYTE_ORDER_MARK):
            yield path, "git reads its first line in the files on disk, but not in a commit"
        elif b"\0" in content:
            yield path, "git reads what follows a NUL in the files on disk, but not in a commit"
        elif any(len(line) > _LONGEST_LINE for line in content.splitlines()):
            yield path, "git ignores a line of so many characters, but others may not"


def _is_data(path: PurePosixPath) -> bool:
    return path.parts[0] in _DATA and path.name != _OWNERS


def _beginning(path: Path | str, size: int | None = _READ_BY_GIT) -> bytes:
    """Return the first bytes of a file, all without ``size``, nothing of a folder."""
    try:
        # What the path leads to can be a pipe, which would let finbase wait.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        status = os.fstat(file)
        return os.read(file, size or status.st_size) if stat.S_ISREG(status.st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(file)


def _setting(attribute: str, value: str) -> str:
    """Return a setting as .gitattributes has it, or an empty text if a review shows all of it.

    >>> _setting("diff", "unset"), _setting("diff", "set"), _setting("filter", "x")
    ('-diff', '', 'filter=x')
    """
    if attribute == "diff":
        return "-diff" if value == "unset" else ""
    if value in ("unspecified", "unset") or (attribute in _HIDING and value == "false"):
        return ""
    return attribute if value == "set" else f"{attribute}={value}"


def _is_refused(path: PurePosixPath) -> bool:
    is_setup = path.parts[0].casefold() == _SETUP
    return is_setup or _is_dangerous(path) or _is_hidden_in_stack(path)


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
    names = _git(root, ("ls-files", "--cached", "--recurse-submodules", "-z"))
    return None if names is None else map(_path, _split(names))


def _git(root: Path, *commands: Sequence[str]) -> bytes | None:
    """Return what the last command of git prints; each reads what the one before it prints.

    Return None if there is no git or no repository; raises ``FinbaseError`` if one fails otherwise.
    """
    # ``subprocess`` would take longer to import than git takes to answer.
    children, source = [], os.open(os.devnull, os.O_RDONLY)
    try:
        for command in commands:
            reader, writer = os.pipe()
            actions = [
                (os.POSIX_SPAWN_DUP2, source, 0),
                (os.POSIX_SPAWN_DUP2, writer, 1),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ]
            words = [*GIT, "-C", str(root), *command]
            try:
                children.append(os.posix_spawnp(words[0], words, os.environ, file_actions=actions))
            except OSError:
                return None
            finally:
                os.close(writer)
                os.close(source)
                source = reader
        with open(source, "rb", closefd=False) as output:
            printed = output.read()
    finally:
        os.close(source)
        statuses = [os.waitpid(child, 0)[1] for child in children]
    if any(statuses):
        _raise_cause(root, commands)
        return None
    return printed


def _raise_cause(root: Path, commands: Sequence[Sequence[str]]) -> None:
    """Raise ``FinbaseError`` with the cause if git fails although there is a repository.

    A commit can make git fail, for example by ``.gitmodules``. Then finbase cannot read which
    files are tracked. If git refuses a checkout of another user, finbase looks at the disk.
    """
    folder = root.resolve()
    if "GIT_DIR" in os.environ or any((f / ".git").exists() for f in (folder, *folder.parents)):
        from finbase.project.git import Repository

        try:
            repository = Repository(root)
            for command in commands:
                repository.run(*command)
        except FinbaseError as error:
            # The checkout belongs to another user, as in many containers. No commit can cause it.
            if "dubious ownership" in str(error):
                return
            raise
        raise FinbaseError(
            f"git {commands[0][0]} failed for {root}", "run the command again; `git status` helps"
        )


def _split(names: bytes) -> list[bytes]:
    return names.split(b"\0")[:-1]


def _path(name: bytes) -> PurePosixPath:
    return PurePosixPath(os.fsdecode(name))


def _on_disk(root: Path) -> Iterator[PurePosixPath]:
    """Yield dangerous files in the project's folder, and in its stacks and module versions."""
    # finbase itself saves plans and keeps the journal of a running render in the project's folder.
    beside = _entries(root, PurePosixPath())
    own = (path for path in beside if path.name == JOURNAL or path.suffix == ".tfplan")
    yield from filter(_is_dangerous, beside.keys() - set(own))
    folders = [PurePosixPath(name) for name in ("environments", "modules")]
    while folders:
        for path, is_folder in _entries(root, folders.pop()).items():
            if _is_dangerous(path):
                yield path
            elif is_folder:
                folders.append(path)


def _entries(root: Path, folder: PurePosixPath) -> dict[PurePosixPath, bool]:
    """Return the paths in a folder, and whether each is a folder and no link to one."""
    try:
        entries = list(os.scandir(root / folder))
    except OSError:
        return {}
    return {folder / entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
