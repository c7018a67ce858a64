"""The databases of the local RDS: a real PostgreSQL for each primary instance.

Each starts in a thread while its instance is ``creating``, and all end with the sandbox. Passwords
are kept in memory only; the rehearsal compares the one that RDS received with the secret.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finbase.sandbox.function import Database
from finbase.sandbox.postgres import find

if TYPE_CHECKING:
    from finbase.sandbox.postgres.server import Server


@dataclass
class _Entry:
    """One instance; ``server`` is None until its PostgreSQL runs.

    ``contents`` is a result of ``Databases.contents``; ``folder`` has the certificates.
    """

    identifier: str
    port: int
    username: str
    database: str
    password: str
    contents: str | None = None
    folder: Path | None = None
    server: Server | None = None


class Databases:
    """All databases of the local AWS, by the host name that RDS reports; thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._installed = _is_installed()
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._starting: set[threading.Thread] = set()
        self._closed = False

    def start(
        self,
        host: str,
        *,
        identifier: str,
        port: int,
        username: str,
        database: str,
        password: str,
        ready: Callable[[bool], None],
        contents: str | None = None,
    ) -> None:
        """Start the PostgreSQL of an instance in a thread; call ``ready`` with the outcome.

        ``contents`` are those of the instance that this one is restored from. If PostgreSQL is not
        installed, start no server and report success.
        """
        entry = _Entry(identifier, port, username, database, password, contents)
        if not self._installed:
            self._entries[host] = entry
            ready(True)
            return
        thread = threading.Thread(target=self._start, args=(host, entry, ready), daemon=True)
        with self._lock:
            self._entries[host] = entry
            thread.start()  # With the lock held: ``close`` may only join started threads.
            self._starting.add(thread)

    def set_password(self, host: str, password: str) -> None:
        """Set the master user's password; do nothing for an unknown host.

        Raises ``PostgresError`` if PostgreSQL refuses it.
        """
        entry = self._entries.get(host)
        if entry is None:
            return
        if entry.server is not None:
            entry.server.set_password(entry.username, password)
        entry.password = password

    def rename(self, host: str, new_host: str, identifier: str) -> None:
        """Make a database available under another host name only; do nothing for an unknown host.

        Raises ``PostgresError`` if the server does not use its new certificate.
        """
        entry = self._entries.get(host)
        if entry is None:
            return
        if entry.server is not None and entry.folder is not None:
            _replace_certificate(entry.server, entry.folder, new_host)
        with self._lock:
            entry.identifier = identifier
            self._entries[new_host] = self._entries.pop(host)

    def contents(self, host: str) -> str | None:
        """Return SQL that makes the tables and rows of a database, and the roles of its server.

        Their passwords are verifiers. That of the owner can differ from the one that RDS received,
        because a rotation changes it in the database itself. None if the instance has no
        PostgreSQL. Raises ``PostgresError`` if the database cannot be read.
        """
        entry = self._entries.get(host)
        if entry is None or entry.server is None:
            return None
        roles, dumped = entry.server.dump_roles(), entry.server.dump(entry.database)
        for done in (roles, dumped):
            if done.returncode != 0:
                raise find.PostgresError(f"cannot take a snapshot: {done.stderr.strip()}")
        return _for_new_server(roles.stdout, entry.username) + dumped.stdout

    def stop(self, host: str) -> None:
        """Stop the database of a deleted instance; do nothing for an unknown host."""
        with self._lock:
            entry = self._entries.pop(host, None)
        if entry is not None and entry.server is not None:
            entry.server.stop()
        if entry is not None and entry.folder is not None:
            shutil.rmtree(entry.folder, ignore_errors=True)

    def close(self) -> None:
        """Stop all databases, including those that are still starting."""
        with self._lock:
            self._closed = True
            starting = tuple(self._starting)
        for thread in starting:
            thread.join()
        for host in tuple(self._entries):
            self.stop(host)

    def reachable(self) -> dict[str, Database]:
        """Return the loopback address of each running database, by host name."""
        with self._lock:
            entries = dict(self._entries)
        return {
            host: Database(entry.port, entry.server.port, entry.server.root_certificate)
            for host, entry in entries.items()
            if entry.server is not None
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the content of the route ``/sandbox/databases``, passwords included."""
        with self._lock:
            entries = dict(self._entries)
        return {
            host: {
                "identifier": entry.identifier,
                "username": entry.username,
                "database": entry.database,
                "password": entry.password,
                "port": entry.server.port if entry.server else None,
                "root_certificate": str(entry.server.root_certificate) if entry.server else None,
            }
            for host, entry in entries.items()
        }

    def _start(self, host: str, entry: _Entry, ready: Callable[[bool], None]) -> None:
        folder = self._make_folder(host)
        try:
            server = _start_server(folder, host, entry)
        except Exception:
            traceback.print_exc()
            server = None
        with self._lock:
            self._starting.discard(threading.current_thread())
            # The instance may have been deleted while its server started.
            wanted = server is not None and self._entries.get(host) is entry and not self._closed
            if wanted:
                entry.server, entry.folder = server, folder
        if not wanted:
            if server is not None:
                server.stop()
            shutil.rmtree(folder, ignore_errors=True)
        ready(server is not None)

    def _make_folder(self, host: str) -> Path:
        """Create a new folder; an earlier instance may have had the same name."""
        name = re.sub("[^a-z0-9-]", "-", host.partition(".")[0])
        folder = Path(tempfile.mkdtemp(prefix=f"database-{name}-", dir=self._folder))
        folder.chmod(0o711)  # PostgreSQL's own user must reach the files in it.
        return folder


def _start_server(folder: Path, host: str, entry: _Entry) -> Server:
    from finbase.sandbox.postgres import server as servers

    server = servers.start(
        folder,
        username=entry.username,
        password=entry.password,
        database=entry.database,
        host_names=[host],
    )
    if entry.contents is not None:
        done = server.psql(entry.contents, database=entry.database)
        if done.returncode != 0:
            server.stop()
            raise find.PostgresError(f"cannot restore the database: {done.stderr.strip()}")
    return server


def _for_new_server(roles: str, master: str) -> str:
    """Return the SQL of roles without what a new server with this master user has already.

    >>> _for_new_server('CREATE ROLE a;\\nCREATE ROLE c;\\nALTER ROLE rdsadmin WITH LOGIN;\\n', "a")
    'CREATE ROLE c;\\n'
    """
    from finbase.sandbox.postgres.client import quote_identifier
    from finbase.sandbox.postgres.server import ADMINISTRATOR, ROLES

    there = [
        name for role in (ADMINISTRATOR, *ROLES, master) for name in (role, quote_identifier(role))
    ]
    created = tuple(f"CREATE ROLE {name};" for name in there)
    lines = roles.splitlines(keepends=True)
    administrator = f"ALTER ROLE {ADMINISTRATOR} "
    return "".join(line for line in lines if not line.startswith((*created, administrator)))


def _replace_certificate(server: Server, folder: Path, host: str) -> None:
    """Make a running server use a certificate for another host name, and wait until it does."""
    from finbase.sandbox.postgres.certificates import make_certificates
    from finbase.sandbox.postgres.client import PATIENCE

    certificates = make_certificates(folder, [host, "localhost"])
    server.write_file("data/server.pem", certificates.server.read_text())
    os.kill(server.pid, signal.SIGHUP)
    end = time.monotonic() + PATIENCE
    # psql trusts the new root only, so it fails until the server has read the new certificate.
    while (done := server.psql("SELECT 1")).returncode != 0:
        if time.monotonic() > end:
            raise find.PostgresError(
                f"PostgreSQL does not use its new certificate: {done.stderr.strip()}"
            )
        time.sleep(0.02)


def _is_installed() -> bool:
    try:
        find.find_postgres()
    except find.PostgresError as error:
        print(f"instances have no database behind them: {error}", file=sys.stderr)
        return False
    return True
