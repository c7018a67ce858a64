"""Prepare a release of a module: its files, its hash, its changelog and its upgrade notes.

The shipped files of the new and the previous version are compared. A release whose level is too
low for the changes is refused, with the line of each reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from finbase.contract.contract import Contract
from finbase.contract.lock import PATH, Lock
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.errors import FinbaseError
from finbase.project.files import ProjectFiles, Tree, wrap_os_errors
from finbase.project.journal import Step
from finbase.project.terraform_files import is_code
from finbase.project.tree import compare, read_folder
from finbase.release import notes
from finbase.release.compatibility import Level, Reason, required, what_changed
from finbase.release.integrity import before_the_last, folder_hash, folder_of
from finbase.release.interface import ShippedModule, read_shipped
from finbase.release.notes import ReleaseRequest
from finbase.render.editor_schema import pinnable
from finbase.render.module import render_module
from finbase.render.project import SCHEMA, render_schema
from finbase.source.scalars import with_closest
from finbase.terraform.refused_code import refused_in_file

_VERSION = re.compile(rb"^version:[ \t]*[^\s#]+", re.MULTILINE)


PLACEHOLDER = "One sentence that says what the module is for."
"""The summary of a contract that `finbase new module` writes."""


@dataclass(frozen=True)
class Release:
    """A prepared release; it must not be made if ``refused`` is not empty.

    ``previous`` is None for a first release. ``steps`` are for ``tree.apply``.
    """

    module: str
    version: Version
    previous: Version | None
    level: Level
    reasons: tuple[Reason, ...]
    steps: Mapping[PurePosixPath, Step]

    @property
    def refused(self) -> tuple[Reason, ...]:
        """The reasons that require a higher level."""
        return tuple(reason for reason in self.reasons if reason.level > self.level)

    @property
    def needed(self) -> Level:
        """The lowest level that the reasons allow."""
        return required(self.reasons)


def require_module(registry: Registry, module: str) -> None:
    """Raise ``FinbaseError`` if no templates of the module exist."""
    if module not in registry.names:
        hint = f"name one of {', '.join(registry.names)}, or run `finbase new module {module}`"
        raise FinbaseError(
            f"templates/modules/{module}/contract.yaml not found",
            with_closest(module, registry.names, hint),
        )


def prepare(root: Path, registry: Registry, request: ReleaseRequest) -> Release:
    """Prepare the next release of a module without writing anything.

    Raises ``FinbaseError`` for an unknown module, if nothing has changed, and if the previous
    release is not intact.
    """
    module, level = request.module, request.level
    require_module(registry, module)
    contract = registry.current(module)
    released = registry.lock.released(module)
    previous = released[-1] if released else None
    if previous and contract.version < previous:
        raise FinbaseError(*before_the_last(module, contract.version, previous))
    version = _next(previous, level) if previous else contract.version
    _is_free(root, registry.lock, module, version, contract.version)
    contract = _at(contract, version)
    rendered = render_module(contract, root / "templates")
    folder = folder_of(module, version)
    _refuse_code(rendered)
    _refuse_broken_python(root, contract)
    reasons: tuple[Reason, ...] = ()
    # Released files never change, so the next release must be able to read what this one writes.
    shipped = _shipped(rendered)
    if previous:
        before = _intact(root, registry.lock, module, previous)
        if before == render_module(_at(contract, previous), root / "templates"):
            raise FinbaseError(
                f"{module} still renders the same as {previous}, so there is nothing to release",
                f"change templates/modules/{module}/ first",
            )
        reasons = what_changed(_shipped(before), shipped)
    modules = pinnable(registry)
    lock = registry.lock.with_release(module, version, folder_hash(rendered, folder))
    texts = {
        PATH: lock.text().encode(),
        PurePosixPath("templates/modules", module, "contract.yaml"): contract.source,
        SCHEMA: render_schema({**modules, module: modules[module].with_release(contract)}),
        **notes.with_release(root, request, previous, version, reasons),
    }
    steps = _written(root, rendered, texts) | _draft(root, registry, module, version)
    _refuse_placeholder(contract)
    return Release(module, version, previous, level, reasons, steps)


def _refuse_placeholder(contract: Contract) -> None:
    """Refuse a module that still describes itself as `finbase new module` did."""
    if contract.summary == PLACEHOLDER:
        raise FinbaseError(
            f"templates/modules/{contract.name}/contract.yaml still has the summary and the "
            "description of a new module",
            "say in both what the module is for; a release keeps them forever",
        )


def _refuse_code(rendered: Tree) -> None:
    """Refuse a provider block, a foreign provider and other code that no control would judge."""
    for path, content in rendered.items():
        if is_code(path.name):
            text = content.decode(errors="replace")
            for problem in refused_in_file(path.name, text, of_stack=False):
                raise FinbaseError(f"{path}: {problem}", "correct the template, and release again")


def _refuse_broken_python(root: Path, contract: Contract) -> None:
    """Refuse an archive whose Python does not compile: nobody could import the function."""
    folder = root / "templates" / "modules" / contract.name
    for archive in contract.archives:
        for path in sorted((folder / archive.folder).rglob("*.py")):
            try:
                compile(path.read_bytes(), path.name, "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                where = path.relative_to(root)
                line = getattr(error, "lineno", None) or 1
                raise FinbaseError(
                    f"{where}:{line}: not Python: {error.args[0]}", "correct it, and release again"
                ) from error


def _next(version: Version, level: Level) -> Version:
    if level is Level.MAJOR:
        return Version(version.major + 1, 0, 0)
    if level is Level.MINOR:
        return Version(version.major, version.minor + 1, 0)
    return Version(version.major, version.minor, version.patch + 1)


def _at(contract: Contract, version: Version) -> Contract:
    """Return the contract with another version, also in its text."""
    source, count = _VERSION.subn(f"version: {version}".encode(), contract.source, count=1)
    if not count:
        raise FinbaseError(
            f"{contract.path} has no line that starts with `version:`",
            f"write `version: {version}` at the start of a line",
        )
    changed = Contract.parse(source, contract.path)
    if changed.version != version:
        raise FinbaseError(
            f"{contract.path} has another line before its version that starts with `version:`",
            "move the version above the other line",
        )
    return changed


def _shipped(tree: Tree) -> ShippedModule:
    try:
        return read_shipped(tree)
    except ValueError as error:
        raise FinbaseError(
            str(error), "correct the template or contract.yaml of the module, and release again"
        ) from error


def _is_free(root: Path, lock: Lock, module: str, version: Version, current: Version) -> None:
    """Refuse a version that may have been released before."""
    folder = folder_of(module, version)
    lost = notes.released(root, module) - {*lock.released(module)}
    if lost or (version != current and (root / folder).exists()):
        which = folder_of(module, min(lost)) if lost else folder
        raise FinbaseError(
            f"{PATH} has no line for {which}, although it may have been released",
            "run `finbase render --check` for the fix",
        )


def _intact(root: Path, lock: Lock, module: str, version: Version) -> Tree:
    folder = folder_of(module, version)
    files = read_folder(root, folder)
    if folder_hash(files, folder) != lock.hashes[module, version]:
        raise FinbaseError(
            f"{folder} was changed since its release, so {module} cannot be compared with it",
            "run `finbase render --check` for the difference and the fix",
        )
    return files


def _written(
    root: Path, rendered: Tree, texts: Mapping[PurePosixPath, bytes]
) -> dict[PurePosixPath, Step]:
    """Return the steps that write the release; an existing draft is overwritten."""
    changes = compare(rendered, root)
    if changes.foreign:
        raise FinbaseError(
            f"these files were not rendered by finbase: {', '.join(map(str, changes.foreign))}",
            "move them out of the release's folder",
        )
    steps = changes.steps
    project = ProjectFiles(root)
    with wrap_os_errors("read"):
        for path, after in texts.items():
            if (before := project.read(path)) != after:
                steps[path] = (before, after)
    return steps


def _draft(
    root: Path, registry: Registry, module: str, version: Version
) -> dict[PurePosixPath, Step]:
    """Return the steps that delete the draft which the release replaces."""
    draft = registry.current(module).version
    if draft == version or (module, draft) in registry.lock:
        return {}
    files = read_folder(root, folder_of(module, draft))
    return {path: (content, None) for path, content in files.items()}
