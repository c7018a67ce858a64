"""Find the project's folder."""

from __future__ import annotations

from pathlib import Path

from finbase.errors import FinbaseError


def is_project(folder: Path) -> bool:
    """Return whether a folder is that of a project."""
    return (folder / "templates" / "modules").is_dir() and (folder / "environments").is_dir()


def find_project(named: Path | None) -> Path:
    """Return the named folder, or the nearest project at or above the current folder.

    Raises ``FinbaseError`` if the named folder is not a project, or if there is none above.
    """
    start = (named or Path.cwd()).resolve()
    for folder in [start] if named else [start, *start.parents]:
        if is_project(folder):
            return folder
    raise FinbaseError(
        f"{start} is not a finbase project: it has no templates/modules/ and environments/",
        "change to the project's folder, or pass it as --project DIR; `finbase init` starts one",
    )
