"""The project's folder, and the environments that a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from finbase.errors import FinbaseError

if TYPE_CHECKING:
    pass

__all__ = ["find_project"]


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
