"""Compare a project's files on disk with what its sources render and with its releases."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from finbase.contract.registry import Registry
from finbase.environment.load import load_environments
from finbase.environment.model import Environment
from finbase.errors import Diagnostic, InputError, TreeError
from finbase.project.files import Tree, owner
from finbase.project.terraform_files import LOCK_FILE, is_read
from finbase.project.tree import Changes, compare, read_folder
from finbase.release.integrity import Breach, folder_hash, folder_of, verify
from finbase.render.kept import render_modules
from finbase.render.stack import render_stacks


class BrokenReleaseError(InputError):
    """An environment cannot be loaded, and ``breaches`` of releases are the likely cause."""

    def __init__(self, breaches: tuple[Breach, ...], error: InputError) -> None:
        super().__init__(error.diagnostics)
        self.breaches = breaches


@dataclass(frozen=True)
class Standing:
    """The loaded environments, what a render would change on disk, and every broken release."""

    environments: tuple[Environment, ...]
    changes: Changes
    breaches: tuple[Breach, ...]
    rendered: Tree
    """Everything that a render writes for the environments."""

    @property
    def clean(self) -> bool:
        """Whether the files on disk equal what is rendered and released."""
        return self.changes.clean and not self.breaches

    @property
    def unrendered(self) -> tuple[PurePosixPath, ...]:
        """Files of the stacks that Terraform would read although finbase did not render them."""
        locks = (path for path in self.changes.changed if path.name == LOCK_FILE)
        removed = (path for path in self.changes.removed if is_read(path.name))
        return tuple(
            path for path in (*locks, *removed) if owner(path) not in self.changes.abandoned
        )

    @property
    def notes(self) -> tuple[Diagnostic, ...]:
        """The notes of all loaded environments."""
        return tuple(note for environment in self.environments for note in environment.notes)


def read_standing(root: Path, names: Sequence[str]) -> Standing:
    """Render the named environments (all if there are none) in memory and compare them.

    ``changes`` leaves out a release that no render would restore; it is a breach only.

    Raises ``BrokenReleaseError`` if an environment cannot be loaded and at least one release
    cannot be restored by a render (a release whose files are missing has no contract to load),
    ``InputError`` for an invalid environment file, ``TreeError`` for an unreadable file.
    """
    registry = Registry(root)
    modules = render_modules(registry, root, os.environ)
    breaches = verify(root, registry, modules)
    unrestorable = tuple(breach for breach in breaches if not breach.restored_by)
    try:
        environments = load_environments(root, registry, names)
    except InputError as error:
        if unrestorable:
            raise BrokenReleaseError(unrestorable, error) from error
        raise
    rendered = modules | render_stacks(environments, root)
    lost = [breach.folder for breach in unrestorable]
    compared = {path: c for path, c in rendered.items() if not any(map(path.is_relative_to, lost))}
    changes = compare(compared, root, whole=not names)
    return Standing(environments, changes, breaches, rendered)


def vouched_files(root: Path, standing: Standing, environment: str) -> Tree:
    """Return the files of a stack and of the modules that it calls, as rendered or released.

    Raises ``TreeError`` if a released version on disk differs from its line in the lock.
    """
    (loaded,) = (each for each in standing.environments if each.name == environment)
    lock = Registry(root).lock
    uses = {folder_of(use.name, use.version): use for use in loaded.modules}
    wanted = {PurePosixPath("environments", environment), *uses}
    tree = {path: content for path, content in standing.rendered.items() if owner(path) in wanted}
    for folder in uses.keys() - {owner(path) for path in tree}:
        use, files = uses[folder], read_folder(root, folder)
        if folder_hash(files, folder) != lock.hashes.get((use.name, use.version)):
            raise TreeError(
                f"{folder} differs from its line in modules/releases.lock",
                "`finbase render --check` shows the difference",
            )
        tree |= files
    return tree
