"""The command line: in this process, or in one of its own; and copies of the project for it."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from click.testing import CliRunner, Result

from finbase.cli import main

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = "from finbase.cli import main; main(prog_name='finbase')"

FOLDERS = ("templates", "environments", "modules", "features")
"""The folders of a project."""


def search_path() -> str:
    """The ``PYTHONPATH`` with which another process finds finbase and what it needs."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return os.pathsep.join([str(ROOT / "generator"), *packages])


def run(
    project: Path, *arguments: str, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run ``finbase`` on the project; another Python borrows the packages of this one."""
    return subprocess.run(
        [python, "-c", _SCRIPT, "--project", str(project), *arguments],
        env={**os.environ, "PYTHONPATH": search_path(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def finbase(project: Path, *arguments: str) -> Result:
    """Run ``finbase`` on the project in this process; its streams are not a terminal."""
    return CliRunner().invoke(main, ["--project", str(project), *arguments])


def git(folder: Path, *arguments: str) -> str:
    """Run git without the configuration of this machine; return what it prints."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def copy_folders(target: Path, *names: str) -> None:
    """Copy folders of this project into a folder, without what Python has compiled.

    Eight hundred tests change a copy of 500 files: each process reads the files once.
    """
    for name in names:
        folders, files = _content(name)
        for path in folders:
            (target / path).mkdir(parents=True)
        for path, content in files:
            (target / path).write_bytes(content)


@cache
def _content(name: str) -> tuple[list[Path], list[tuple[Path, bytes]]]:
    """Return every folder, outermost first, and every file of a folder of this project."""
    below = sorted(path for path in (ROOT / name).rglob("*") if "__pycache__" not in path.parts)
    folders = [ROOT / name, *(path for path in below if path.is_dir())]
    files = [(path.relative_to(ROOT), path.read_bytes()) for path in below if path.is_file()]
    return [path.relative_to(ROOT) for path in folders], files
