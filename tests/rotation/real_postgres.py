"""Debian's PostgreSQL, started for the tests: loopback, TLS and SCRAM only, gone when they are."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "localhost"
SUPERUSER, SUPERUSER_PASSWORD = "postgres", "OfTheSuperuser"
PATIENCE = 30.0  # seconds; only a server that fails takes so long

_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.pem'
password_encryption = 'scram-sha-256'
log_statement = 'all'
log_connections = on
log_line_prefix = '%d '
fsync = off
max_connections = 20
shared_buffers = '8MB'
include_if_exists = 'override.conf'
"""
_ACCESS = "hostssl all all 127.0.0.1/32 scram-sha-256\n"


class NoPostgresError(Exception):
    """The tests cannot run here; they do not pretend to have run."""


def find_binaries() -> Path:
    """Find the folder with ``initdb``, ``postgres`` and ``psql``: on PATH, or Debian's newest."""
    on_path = shutil.which("postgres")
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: [int(number) for number in re.findall(r"\d+", path.parent.name)],
        reverse=True,
    )
    folders = [Path(on_path).resolve().parent] if on_path else []
    for folder in folders + versions:
        if all((folder / name).is_file() for name in ("initdb", "postgres", "psql")):
            return folder
    raise NoPostgresError(
        "PostgreSQL is not installed, and the rotation is tested on a real one: "
        "install the package postgresql (apt-get install postgresql)"
    )


@dataclass(frozen=True)
class Owner:
    """Whom the server runs as: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> Owner:
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = known.get("postgres") or known["nobody"]
        return cls(entry.pw_uid, entry.pw_gid)

    def options(self) -> dict[str, object]:
        """What ``subprocess`` takes to run something as this user."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


class Postgres:
    """A running server. ``pid`` is the one process that is to be ended."""

    def __init__(self, binaries: Path, home: Path, owner: Owner, certificate: Path) -> None:
        self.binaries, self.home, self.owner = binaries, home, owner
        self.data, self.log_file = home / "data", home / "log"
        self.root = certificate.with_name("root.pem")
        self.port = _free_port()
        self._initialise(certificate)
        self.process = self._start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def psql(
        self,
        sql: str,
        *,
        user: str = SUPERUSER,
        password: str = SUPERUSER_PASSWORD,
        database: str = "postgres",
    ) -> subprocess.CompletedProcess[str]:
        """Run SQL with PostgreSQL's own client, which knows nothing of ours."""
        environ = {
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGUSER": user,
            "PGPASSWORD": password,
            "PGDATABASE": database,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(self.root),
            "PGCONNECT_TIMEOUT": "10",
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            [self.binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
            env=environ,
            input=sql,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def query(self, sql: str) -> str:
        """Run SQL as the superuser; returns what it selects."""
        done = self.psql(sql)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def reconfigured(self, *, settings: str = "", access: str = "") -> Iterator[None]:
        """Run with other settings, and with lines of ``pg_hba.conf`` before the usual one."""
        self._reload(settings, access)
        try:
            yield
        finally:
            self._reload("", "")

    def offers_tls(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(struct.pack("!II", 8, 80877103))
            return connection.recv(1) == b"S"

    def stop(self) -> None:
        """End the server, by its own id, and wait for it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # "fast": clients are sent away
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(PATIENCE)

    def keep(self, name: str, content: str) -> Path:
        """Write a file that the server's user owns, as it must be for keys and passwords."""
        path = self.home / name
        path.write_text(content)
        path.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(path, self.owner.uid, self.owner.gid)
        return path

    def _initialise(self, certificate: Path) -> None:
        password = self.keep("superuser", SUPERUSER_PASSWORD)
        subprocess.run(
            [
                *(self.binaries / "initdb", "--pgdata", self.data, "--pwfile", password),
                *("--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8"),
                *("--no-locale", "--no-sync"),
            ],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            cwd=self.home,
            capture_output=True,
            timeout=PATIENCE * 2,
            check=True,
            **self.owner.options(),  # type: ignore[call-overload]
        )
        self.keep("data/server.pem", certificate.read_text())
        self.keep("data/pg_hba.conf", _ACCESS)
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS.format(port=self.port))

    def _start(self) -> subprocess.Popen[bytes]:
        log = self.keep("log", "")
        with log.open("ab") as output:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.data],
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **self.owner.options(),  # type: ignore[call-overload]
            )
        end = time.monotonic() + PATIENCE
        while "ready to accept connections" not in self.log():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                process.wait()
                raise NoPostgresError(f"PostgreSQL does not start:\n{self.log()}")
            time.sleep(0.02)
        return process

    def _reload(self, settings: str, access: str) -> None:
        self.keep("data/override.conf", settings)
        self.keep("data/pg_hba.conf", access + _ACCESS)
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
    binaries, owner = find_binaries(), Owner.choose()
    # Not below pytest's folders: those are closed to other users.
    home = Path(tempfile.mkdtemp(prefix="finbase-postgres-"))
    try:
        os.chown(home, owner.uid, owner.gid)
        server = Postgres(binaries, home, owner, certificate)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
