"""The databases behind the instances of the local RDS: a real PostgreSQL for each primary.

They start while the instance is ``creating``, in a thread, and all end with the server. Passwords
are kept in memory alone: the rehearsal compares what RDS was given with what the secret holds.
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

if TYPE_CHECKING:
    from finbase.sandbox.postgres_server import Server

__all__ = ["Databases"]


@dataclass
class _Entry:
    """What is known of one instance; ``server`` is None until its PostgreSQL is up.

    ``role`` is a statement of ``Databases.role``, and ``folder`` has the certificates.
    """

    identifier: str
    port: int
    username: str
    database: str
    password: str
    role: str | None = None
    folder: Path | None = None
    server: Server | None = None


class Databases:
    """All databases of the local AWS, by the host names that RDS tells; safe to use in threads."""

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
        role: str | None = None,
    ) -> None:
        """Begin to start the PostgreSQL of an instance; ``ready`` is told whether it came up.

        ``role`` is what the method of that name gave for the instance that this one is restored
        from: the master user gets in as it did there. Where PostgreSQL is not installed, nothing
        is started, and all is well.
        """
        entry = _Entry(identifier, port, username, database, password, role)
        if not self._installed:
            self._entries[host] = entry
            ready(True)
            return
        thread = threading.Thread(target=self._start, args=(host, entry, ready), daemon=True)
        with self._lock:
            self._entries[host] = entry
            thread.start()  # Within the lock: ``close`` may join only what has been started.
            self._starting.add(thread)

    def set_password(self, host: str, password: str) -> None:
        """Give the master user another password; harmless where there is no such database.

        Raises ``PostgresError`` where it is refused.
        """
        entry = self._entries.get(host)
        if entry is None:
            return
        if entry.server is not None:
            entry.server.set_password(entry.username, password)
        entry.password = password

    def rename(self, host: str, new_host: str, identifier: str) -> None:
        """Let a database be found by another host name alone; harmless where there is none.

        Raises ``PostgresError`` where it does not take its new certificate.
        """
        entry = self._entries.get(host)
        if entry is None:
            return
        if entry.server is not None and entry.folder is not None:
            _certify(entry.server, entry.folder, new_host)
        with self._lock:
            entry.identifier = identifier
            self._entries[new_host] = self._entries.pop(host)

    def role(self, host: str) -> str | None:
        """Give the statement that makes a master user's password what it is now, as a verifier.

        RDS may have been given another one: a rotation changes it in the database itself. None
        where no PostgreSQL is behind the instance.
        """
        entry = self._entries.get(host)
        if entry is None or entry.server is None:
            return None
        username = entry.username.replace("'", "''")
        asked = "SELECT format('ALTER ROLE %I PASSWORD %L', rolname, rolpassword) FROM pg_authid"
        return entry.server.psql(f"{asked} WHERE rolname = '{username}'").stdout.strip() or None

    def stop(self, host: str) -> None:
        """End the database of an instance that goes; harmless where there is none."""
        with self._lock:
            entry = self._entries.pop(host, None)
        if entry is not None and entry.server is not None:
            entry.server.stop()
        if entry is not None and entry.folder is not None:
            shutil.rmtree(entry.folder, ignore_errors=True)

    def close(self) -> None:
        """End them all, also those that are about to start."""
        with self._lock:
            self._closed = True
            starting = tuple(self._starting)
        for thread in starting:
            thread.join()
        for host in tuple(self._entries):
            self.stop(host)

    def reachable(self) -> dict[str, Database]:
        """Give, by host name, where each database that runs is to be found on loopback."""
        with self._lock:
            entries = dict(self._entries)
        return {
            host: Database(entry.port, entry.server.port, entry.server.root_certificate)
            for host, entry in entries.items()
            if entry.server is not None
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Give what the route ``/sandbox/databases`` tells, passwords included."""
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
            server = _start(folder, host, entry)
        except Exception:
            traceback.print_exc()
            server = None
        with self._lock:
            self._starting.discard(threading.current_thread())
            wanted = server is not None and self._entries.get(host) is entry and not self._closed
            if wanted:
                entry.server, entry.folder = server, folder
        if not wanted:
            if server is not None:
                server.stop()
            shutil.rmtree(folder, ignore_errors=True)
        ready(server is not None)

    def _make_folder(self, host: str) -> Path:
        """Make a folder that no other has: an instance may have the name that another one had."""
        name = re.sub("[^a-z0-9-]", "-", host.partition(".")[0])
        folder = Path(tempfile.mkdtemp(prefix=f"database-{name}-", dir=self._folder))
        folder.chmod(0o711)  # PostgreSQL's own user has to reach what is in it.
        return folder


def _start(folder: Path, host: str, entry: _Entry) -> Server:
    from finbase.sandbox import postgres, postgres_server

    server = postgres_server.start(
        folder,
        username=entry.username,
        password=entry.password,
        database=entry.database,
        host_names=[host],
    )
    if entry.role is not None and (done := server.psql(entry.role)).returncode != 0:
        server.stop()
        raise postgres.PostgresError(f"the master user is not restored: {done.stderr.strip()}")
    return server


def _certify(server: Server, folder: Path, host: str) -> None:
    """Let a server that runs show a certificate for another host name, and wait until it does."""
    from finbase.sandbox import certificates, postgres

    made = certificates.make_certificates(folder, [host, "localhost"])
    server.keep("data/server.pem", made.server.read_text())
    os.kill(server.pid, signal.SIGHUP)
    end = time.monotonic() + postgres.PATIENCE
    while (done := server.psql("SELECT 1")).returncode != 0:  # It trusts the new root alone.
        if time.monotonic() > end:
            raise postgres.PostgresError(f"no new certificate is shown: {done.stderr.strip()}")
        time.sleep(0.02)


def _is_installed() -> bool:
    from finbase.sandbox import postgres

    try:
        postgres.find_postgres()
    except postgres.PostgresError as error:
        print(f"instances have no database behind them: {error}", file=sys.stderr)
        return False
    return True
