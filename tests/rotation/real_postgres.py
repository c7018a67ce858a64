"""The sandbox's PostgreSQL with what tests need: a superuser they know, and other settings."""

from __future__ import annotations

import os
import signal
import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from finbase.sandbox.postgres.certificates import Certificates
from finbase.sandbox.postgres.client import PATIENCE
from finbase.sandbox.postgres.server import Server, access

HOST = "localhost"
SUPERUSER, SUPERUSER_PASSWORD = "postgres", "OfTheSuperuser"


class Postgres(Server):
    """A running server with the certificate and key of a test."""

    def __init__(
        self, home: Path, certificate: Path, settings: str = "log_statement = 'all'\n"
    ) -> None:
        super().__init__(
            home,
            certificates=Certificates(certificate.with_name("root.pem"), certificate),
            superuser=SUPERUSER,
            superuser_password=SUPERUSER_PASSWORD,
            settings=settings,
        )

    def query(self, sql: str) -> str:
        """Run SQL as the superuser; returns what it selects."""
        done = self.psql(sql)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def reconfigured(self, *, settings: str = "", before: str = "") -> Iterator[None]:
        """Run with other settings, and with lines of ``pg_hba.conf`` before the usual ones."""
        self._reload(settings, before)
        try:
            yield
        finally:
            self._reload("", "")

    def offers_tls(self) -> bool:
        with socket.create_connection((self.host, self.port), timeout=5) as connection:
            connection.sendall(struct.pack("!II", 8, 80877103))
            return connection.recv(1) == b"S"

    def _reload(self, settings: str, before: str) -> None:
        self.write_file("data/override.conf", settings)
        self.write_file("data/pg_hba.conf", before + access())
        seen = self.log().count("received SIGHUP")
        os.kill(self.pid, signal.SIGHUP)
        end = time.monotonic() + PATIENCE
        while self.log().count("received SIGHUP") == seen and time.monotonic() < end:
            time.sleep(0.01)
        # The line comes first, and then the files are read: new connections show the result.
        tls = "ssl = off" not in settings
        while self.offers_tls() != tls and time.monotonic() < end:
            time.sleep(0.01)


@contextmanager
def running(certificate: Path) -> Iterator[Postgres]:
    """Start a server with that certificate and key; whatever happens, it ends with the block."""
    # Not below pytest's folders: those are closed to other users.
    server = Postgres(Path(tempfile.mkdtemp(prefix="finbase-postgres-")), certificate)
    try:
        yield server
    finally:
        server.stop()
