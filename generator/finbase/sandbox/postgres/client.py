"""Connect to a server with PostgreSQL's own client, ``psql``."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from finbase.sandbox.postgres.find import PostgresError, find_postgres

LOOPBACK = "127.0.0.1"
PATIENCE = 60.0
"""Seconds until a program of PostgreSQL has failed; all of them need far fewer."""

_ITERATIONS = 4096


def accepts(
    host: str,
    port: int,
    root_certificate: Path,
    *,
    username: str,
    password: str,
    database: str,
) -> bool:
    """Return whether a server on loopback, with a certificate for ``host``, accepts a password.

    Returns False only if the server refuses the password; raises ``PostgresError`` if the login
    fails for another reason.
    """
    try:
        query(
            "SELECT 1",
            host,
            port,
            root_certificate,
            username=username,
            password=password,
            database=database,
        )
    except PostgresError as error:
        if "password authentication failed" in str(error):
            return False
        raise
    return True


def query(
    sql: str,
    host: str,
    port: int,
    root_certificate: Path,
    *,
    username: str,
    password: str,
    database: str,
) -> str:
    """Run SQL on a server, which ``accepts`` describes, and return psql's output.

    Raises ``PostgresError``.
    """
    connection = {
        "PGHOST": host,
        "PGHOSTADDR": LOOPBACK,
        "PGPORT": str(port),
        "PGUSER": username,
        "PGPASSWORD": password,
        "PGDATABASE": database,
        "PGSSLROOTCERT": str(root_certificate),
    }
    done = psql(sql, connection, find_postgres())
    if done.returncode != 0:
        raise PostgresError(f"SQL failed on {host}: {done.stderr.strip()}")
    return done.stdout.strip()


def psql(
    sql: str, connection: Mapping[str, str], binaries: Path
) -> subprocess.CompletedProcess[str]:
    """Run SQL with the ``psql`` in ``binaries``; ``connection`` is for ``run``."""
    return run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"], connection, binaries, sql)


def run(
    command: Sequence[str], connection: Mapping[str, str], binaries: Path, sql: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a client in ``binaries``; ``connection`` has libpq's variables."""
    settings = {"PGSSLMODE": "verify-full", "PGCONNECT_TIMEOUT": "20", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [binaries / command[0], *command[1:]],
        env={**settings, **connection},
        input=sql,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def verifier(password: str) -> str:
    """Compute the SCRAM verifier that PostgreSQL stores for a password.

    A statement with the verifier keeps the password out of the SQL and of the server's log.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored, server = (
        base64.b64encode(part).decode() for part in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt_text}${stored}:{server}"


def quote_identifier(name: str) -> str:
    """Quote the name of a role or a database for SQL.

    >>> quote_identifier('ledger"owner')
    '"ledger""owner"'
    """
    return '"' + name.replace('"', '""') + '"'
