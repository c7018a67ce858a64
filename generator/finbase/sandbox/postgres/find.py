"""Find the programs of an installed PostgreSQL."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from finbase.errors import FinbaseError

_PROGRAMS = ("initdb", "postgres", "psql")


class PostgresError(FinbaseError):
    """PostgreSQL is not installed, does not start, or refuses what it must accept."""


def find_postgres() -> Path:
    """Return the folder with ``initdb``, ``postgres`` and ``psql``.

    The folder of ``postgres`` on PATH comes first, then Debian's installed versions, newest first.
    Raises ``PostgresError`` if no folder has all three.
    """
    on_path = shutil.which("postgres")
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: [int(number) for number in re.findall(r"\d+", path.parent.name)],
        reverse=True,
    )
    folders = [Path(on_path).resolve().parent] if on_path else []
    for folder in folders + versions:
        if all((folder / name).is_file() for name in _PROGRAMS):
            return folder
    raise PostgresError(
        "PostgreSQL is not installed, and the password is rotated on a real server",
        "install the package postgresql (apt-get install postgresql), or add the folder with "
        "initdb, postgres and psql to PATH",
    )


def installed_extensions(names: Sequence[str]) -> list[str]:
    """Return those of the extensions that the PostgreSQL of ``find_postgres`` can create."""
    program = find_postgres() / "pg_config"
    if not program.is_file():
        return []
    done = subprocess.run([program, "--sharedir"], capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip()) / "extension"
    return [name for name in names if (folder / f"{name}.control").is_file()]


def require_pgaudit() -> None:
    """Raise ``PostgresError`` if the PostgreSQL of ``find_postgres`` has no extension pgaudit."""
    if not installed_extensions(["pgaudit"]):
        raise PostgresError(
            f"the PostgreSQL in {find_postgres()} has no extension pgaudit, which the module roles "
            "creates",
            f"install the package postgresql-{major_version()}-pgaudit "
            f"(apt-get install postgresql-{major_version()}-pgaudit)",
        )


def major_version() -> int:
    """Return the major version of the PostgreSQL of ``find_postgres``."""
    command: list[str | Path] = [find_postgres() / "postgres", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(re.findall(r"\d+", done.stdout)[0])
