"""Compare a project's files on disk with what its sources render and with its releases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finbase.contract.registry import Registry
from finbase.environment.load import load_environments
from finbase.environment.model import Environment
from finbase.errors import Diagnostic, InputError
from finbase.project.tree import Changes, compare
from finbase.release.integrity import Breach, verify
from finbase.render.project import render_project
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

    @property
    def clean(self) -> bool:
        """Whether the files on disk equal what is rendered and released."""
        return self.changes.clean and not self.breaches

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
    modules = render_project((), registry, root)
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
    return Standing(environments, compare(compared, root, whole=not names), breaches)
