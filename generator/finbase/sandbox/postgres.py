"""PostgreSQL's own programs: where they are, and its client, which a server is asked with.

The server itself is in ``postgres_server``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from finbase.errors import FinbaseError

__all__ = [
    "LOOPBACK",
    "PATIENCE",
    "PostgresError",
    "accepts",
    "find_postgres",
    "psql",
    "quoted",
    "verifier",
]

LOOPBACK = "127.0.0.1"
PATIENCE = 60.0
"""Seconds; only a server that fails takes so long."""

_PROGRAMS = ("initdb", "postgres", "psql")
_ITERATIONS = 4096


class PostgresError(FinbaseError):
    """PostgreSQL is not installed, does not start, or refuses what it must accept."""


def find_postgres() -> Path:
    """Find the folder with ``initdb``, ``postgres`` and ``psql``: on PATH, or Debian's newest.

    Raises ``PostgresError`` where there is none.
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
        "PostgreSQL is not installed, and the rotation is tried on a real one",
        "install the package postgresql (apt-get install postgresql), or put the folder with "
        "initdb, postgres and psql on PATH",
    )


def accepts(
    host: str,
    port: int,
    root_certificate: Path,
    *,
    username: str,
    password: str,
    database: str,
) -> bool:
    """Log in with PostgreSQL's own client to a server on loopback that calls itself ``host``.

    False only where the password is refused; raises ``PostgresError`` for any other failure.
    """
    done = psql(
        "SELECT 1",
        {
            "PGHOST": host,
            "PGHOSTADDR": LOOPBACK,
            "PGPORT": str(port),
            "PGUSER": username,
            "PGPASSWORD": password,
            "PGDATABASE": database,
            "PGSSLROOTCERT": str(root_certificate),
        },
        find_postgres(),
    )
    if done.returncode == 0:
        return True
    if "password authentication failed" in done.stderr:
        return False
    raise PostgresError(f"{host} cannot be logged in to: {done.stderr.strip()}")


def psql(
    sql: str, connection: Mapping[str, str], binaries: Path
) -> subprocess.CompletedProcess[str]:
    """Run SQL with the client of the folder ``binaries``; ``connection`` has libpq's variables."""
    settings = {"PGSSLMODE": "verify-full", "PGCONNECT_TIMEOUT": "20", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
        env={**settings, **connection},
        input=sql,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def verifier(password: str) -> str:
    """Compute what PostgreSQL stores; the password then stands in no statement and no log."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored, server = (
        base64.b64encode(part).decode() for part in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt_text}${stored}:{server}"


def quoted(identifier: str) -> str:
    """Quote a name for SQL."""
    return '"' + identifier.replace('"', '""') + '"'
