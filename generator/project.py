"""The project's folder, and the environments that a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import Diagnostic, FinbaseError, InputError

if TYPE_CHECKING:
    from generator.model import Environment
    from generator.registry import Registry

__all__ = ["find_project", "load_environments"]


def find_project(given: Path | None) -> Path:
    """The folder ``given``, or else the nearest from here upward that is a project.

    Raises ``FinbaseError`` where there is none.
    """
    start = (given or Path.cwd()).resolve()
    for folder in [start] if given else [start, *start.parents]:
        if (folder / "templates" / "modules").is_dir() and (folder / "environments").is_dir():
            return folder
    raise FinbaseError(
        f"{start} is no finbase project: it has no templates/modules/ and environments/",
        "change to the project's folder, or name it with --project DIR",
    )


def load_environments(
    root: Path, registry: Registry, names: Sequence[str]
) -> tuple[Environment, ...]:
    """Load the named environments, or all; in the order given, each once.

    Raises ``InputError`` with what is wrong in any of them.
    """
    from generator.environment import discover, load

    paths = [root / "environments" / f"{name}.yaml" for name in dict.fromkeys(names)]
    loaded: list[Environment] = []
    problems: list[Diagnostic] = []
    for path in paths or discover(root):
        try:
            loaded.append(load(path, registry, root))
        except InputError as error:
            problems += error.diagnostics
    if problems:
        raise InputError(problems)
    if not loaded:
        raise FinbaseError(
            "environments/ holds no *.yaml, so there is nothing to do",
            "write one; the README shows a whole file",
        )
    return tuple(loaded)
