"""Projects of many environments, each a copy of development under another name."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def new_project(folder: Path) -> None:
    """Make a project like this one, without environments; the folder must not exist."""
    for name in ("templates", "modules", "features"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "environments").mkdir()


def add_environments(folder: Path, count: int) -> list[str]:
    """Add environments until there are so many; the result is the names of all."""
    text = (ROOT / "environments" / "development.yaml").read_text()
    names = [f"copy-{number:04d}" for number in range(count)]
    for name in names:
        changed = text.replace("environment: development", f"environment: {name}")
        changed = changed.replace("ledger-development-", f"ledger-{name}-")
        (folder / "environments" / f"{name}.yaml").write_text(changed)
    return names
