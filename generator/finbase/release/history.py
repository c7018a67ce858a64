"""Compare the releases with git's history, in which none may ever have been different.

``integrity`` compares files with the lock. An author who changes a release, its ``SHA256SUMS`` and
its line in the lock together passes that. History shows it: a line of the lock is added once and
stays, and the files of a release are the same in every commit that has them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import yaml

from finbase.contract.contract import InvalidContractError, load_contract
from finbase.contract.lock import PATH, Lock
from finbase.contract.version import Version
from finbase.errors import FinbaseError, InputError
from finbase.project.files import Tree, owner
from finbase.project.git import Repository
from finbase.release.integrity import Breach, folder_hash, folder_of

_MOST_ARCHIVED = 16 * 1024 * 1024
"""Bytes that all members of one archive may have together."""

WITHDRAWN = PurePosixPath("modules/withdrawn.lock")
"""The releases of the history that were changed before anybody used them, as lines of the lock."""


def verify_history(root: Path, since: str) -> tuple[Breach, ...]:
    """Return every release that differs from git's history, sorted by folder.

    ``since`` is a revision whose releases are trusted, such as the base of a pull request: each of
    them must still have its line in the lock, its hash and its files. Of all other commits, each
    line of the lock must equal the line of today, or be in ``modules/withdrawn.lock`` of that
    revision. An archive in a release must contain the files beside it. Raises ``FinbaseError``
    without git, without the revision, and in a shallow clone, and ``InputError`` for a lock that
    cannot be read.
    """
    repository = Repository(root)
    if repository.is_shallow():
        raise FinbaseError(
            f"the clone of {root} is shallow, so older releases cannot be compared",
            "fetch the whole history: git fetch --unshallow (fetch-depth: 0 in a pipeline)",
        )
    base = repository.commit(since)
    lock = Lock.load(root)
    then = repository.at(base, _is_module)
    now = repository.now(_is_module)
    trusted = Lock.parse(then[PATH]) if PATH in then else Lock()
    withdrawn, lines = _lines(then.get(WITHDRAWN, b"")), _lines(now.get(WITHDRAWN, b""))
    faults = (
        *_archived(lock, now),
        *_rewritten(repository, lock, withdrawn),
        *_newly_withdrawn(lines - withdrawn, since),
        *_changed(trusted, then, lock, now, since),
    )
    last = {release: Breach(folder_of(*release), what, fix) for release, what, fix in faults}
    return tuple(last[release] for release in sorted(last))


_Faults = Iterator[tuple[tuple[str, Version], str, str]]
"""Releases, what is wrong with each, and its fix."""


def _changed(trusted: Lock, then: Tree, lock: Lock, now: Tree, since: str) -> _Faults:
    """Compare the releases of a trusted revision with those of today."""
    files_then, files_now = _by_folder(then), _by_folder(now)
    for release, hash_then in trusted.hashes.items():
        folder = folder_of(*release)
        restore = f"restore the line: {trusted.line(*release)}"
        if release not in lock:
            yield release, f"{PATH} has lost the line of {folder}", restore
        elif lock.hashes[release] != hash_then:
            yield release, f"{PATH} has another hash for {folder} than at {since}", restore
        elif folder_hash(files_then.get(folder, {}), folder) != hash_then:
            what = f"the files of {folder} at {since} do not have the hash in {PATH}"
            yield release, what, "name a revision with intact releases"
        elif files_now.get(folder, {}) != files_then.get(folder, {}):
            what = f"the files of {folder} differ from those at {since}"
            yield release, what, f"restore the release: git checkout {since} -- {folder}"


def _newly_withdrawn(lines: frozenset[str], since: str) -> _Faults:
    """Report lines of withdrawn releases that the trusted revision does not have."""
    fix = "confirm that nobody has used it, and merge the line alone, without this check"
    for line in lines:
        release = next(iter(Lock.parse(line.encode()).hashes))
        what = f"{WITHDRAWN} withdraws a release of {folder_of(*release)}, and does not at {since}"
        yield release, what, fix


def _lines(content: bytes) -> frozenset[str]:
    """Return the lines of a file of withdrawn releases; raises ``FinbaseError``."""
    text = content.decode(errors="replace")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in lines:
        try:
            Lock.parse(line.encode())
        except InputError as error:
            raise FinbaseError(
                f"{WITHDRAWN}: {line[:60]!r} is not a line of {PATH}", "correct or remove it"
            ) from error
    return frozenset(lines)


def _rewritten(repository: Repository, lock: Lock, withdrawn: frozenset[str]) -> _Faults:
    """Compare the lines of the lock with the same lines in every earlier commit."""
    for commit, content in repository.versions_of(PATH):
        try:
            earlier = Lock.parse(content)
        except InputError:
            continue  # A merge conflict was committed once; the lock of today has been read.
        for release, was in earlier.hashes.items():
            folder = folder_of(*release)
            if earlier.line(*release) in withdrawn:
                continue
            restore = f"restore the line of commit {commit[:12]}: {earlier.line(*release)}"
            if release not in lock:
                yield release, f"{PATH} has lost the line of {folder}", restore
            elif lock.hashes[release] != was:
                what = f"{PATH} has another hash for {folder} than in commit {commit[:12]}"
                yield release, what, restore


def _archived(lock: Lock, now: Tree) -> _Faults:
    """Compare each archive of a release with the files beside it, of which it is made."""
    files = _by_folder(now)
    for release in lock.hashes:
        folder = folder_of(*release)
        for path, content in files.get(folder, {}).items():
            # AWS unpacks a file of any name.
            packed = path.suffix == ".zip" or zipfile.is_zipfile(io.BytesIO(content))
            sources = _sources(path, folder, files[folder]) if packed else path
            if packed and (wrong := _differs(sources, content, files[folder])):
                what = f"{path} does not contain the files of {sources}/: {wrong}"
                yield release, what, "release a version whose archive is made of its files"


def _sources(path: PurePosixPath, folder: PurePosixPath, files: Tree) -> PurePosixPath:
    """Return the folder whose files the contract of a release puts into an archive.

    That is the folder with the name of the archive if the contract does not list the archive.
    """
    name = str(path.relative_to(folder))
    with suppress(KeyError, yaml.YAMLError, InvalidContractError):
        contract = load_contract(files[folder / "contract.yaml"])
        return folder / str(contract["archives"][name]["folder"])
    return path.with_suffix("")


def _differs(sources: PurePosixPath, content: bytes, files: Tree) -> str:
    """Return how an archive differs from the folder of its sources; empty if it does not."""
    expected = {
        str(file.relative_to(sources)): data
        for file, data in files.items()
        if file.is_relative_to(sources) and file.suffix != ".md"  # Pages are not packed.
    }
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > _MOST_ARCHIVED:
                return f"it has more than {_MOST_ARCHIVED} bytes"
            packed = {member.filename: archive.read(member) for member in members}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        return f"it cannot be read: {error}"
    if len(packed) != len(members):
        return "it has two files of one name"
    for name in sorted(packed.keys() | expected.keys()):
        if packed.get(name) != expected.get(name):
            return f"{name!r} is another file"
    return ""


def _by_folder(files: Tree) -> dict[PurePosixPath, dict[PurePosixPath, bytes]]:
    folders: dict[PurePosixPath, dict[PurePosixPath, bytes]] = {}
    for path, content in files.items():
        if folder := owner(path):
            folders.setdefault(folder, {})[path] = content
    return folders


def _is_module(path: PurePosixPath) -> bool:
    return path.parts[:1] == ("modules",)
