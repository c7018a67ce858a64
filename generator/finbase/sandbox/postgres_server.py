"""A real PostgreSQL behind an instance of the local AWS: loopback, TLS and SCRAM only.

It runs as an ordinary user even where the caller is root, keeps verifiers and no passwords, and
ends with the process that started it, however that one ends.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finbase.sandbox.certificates import Certificates, make_certificates
from finbase.sandbox.postgres import (
    LOOPBACK,
    PATIENCE,
    PostgresError,
    find_postgres,
    psql,
    quoted,
    verifier,
)

__all__ = ["ACCESS", "Owner", "Server", "start"]

_ADMINISTRATOR = "rdsadmin"  # RDS keeps the superuser to itself, too, by that name.
_ATTEMPTS = 5
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.pem'
password_encryption = 'scram-sha-256'
log_connections = on
log_line_prefix = '%d '
fsync = off
max_connections = 20
shared_buffers = '8MB'
include_if_exists = 'override.conf'
{more}
"""

ACCESS = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
"""The whole of ``pg_hba.conf``."""

# Reads the id of the server, or nothing for one that has ended, until the end of its input, which
# is the end of the process that holds the other end.
_WATCHER = (
    'while read -r line; do server=$line; done; [ -z "$server" ] || kill -s QUIT "$server" '
    '2>/dev/null; sleep 1; rm -rf -- "$1"'
)
# Waits to be told that the watcher knows it; without that, its input ends, and so does it.
_GATE = 'read -r _ && exec "$@" </dev/null'


@dataclass(frozen=True)
class Owner:
    """Whom the server runs as: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> Owner:
        """Choose the caller, or in the place of root the user ``postgres`` or ``nobody``."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = known.get("postgres") or known["nobody"]
        return cls(entry.pw_uid, entry.pw_gid)

    def options(self) -> dict[str, Any]:
        """What ``subprocess`` takes to run something as this user."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def reaches(self, folder: Path) -> bool:
        """Whether this user may go through every folder above this one."""
        return os.geteuid() != 0 or all(path.stat().st_mode & 0o001 for path in folder.parents)


class Server:
    """A running server.

    ``home`` holds its data and its log, and goes with it; ``pid`` is the one process that is to
    be ended. ``certificate`` is a PEM file with the server's certificate and key. The superuser's
    password is written to no file that stays.
    """

    host = LOOPBACK

    def __init__(
        self,
        home: Path,
        *,
        certificates: Certificates,
        superuser: str,
        superuser_password: str,
        statements: Sequence[str] = (),
        settings: str = "",
    ) -> None:
        self.binaries, self.owner = find_postgres(), Owner.choose()
        self.home, self.data, self.log_file = home, home / "data", home / "log"
        self.root_certificate = certificates.root
        self._superuser, self._superuser_password = superuser, superuser_password
        if os.geteuid() == 0:
            os.chown(home, self.owner.uid, self.owner.gid)
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, home, ignore_errors=True)
            self._watcher = self._watch()
            undo.callback(self._dismiss)
            self._initialise(certificates.server, settings)
            if statements:
                self._run(["postgres", "--single", "-D", self.data, "postgres"], statements)
            self.port, self.process = self._start()
            undo.pop_all()

    @property
    def pid(self) -> int:
        """The id of the server's first process."""
        return self.process.pid

    def log(self) -> str:
        """Give all that the server has logged."""
        return self.log_file.read_text(errors="replace")

    def set_password(self, username: str, password: str) -> None:
        """Give a role another password; the server is sent its verifier.

        Raises ``PostgresError`` where it refuses.
        """
        done = self.psql(f"ALTER ROLE {quoted(username)} PASSWORD '{verifier(password)}'")
        if done.returncode != 0:
            raise PostgresError(f"the password of {username} cannot be set: {done.stderr.strip()}")

    def psql(
        self,
        sql: str,
        *,
        user: str | None = None,
        password: str | None = None,
        database: str = "postgres",
    ) -> subprocess.CompletedProcess[str]:
        """Run SQL with PostgreSQL's own client, as the superuser or as somebody else."""
        return psql(
            sql,
            {
                "PGHOST": "localhost",
                "PGPORT": str(self.port),
                "PGUSER": self._superuser if user is None else user,
                "PGPASSWORD": self._superuser_password if password is None else password,
                "PGDATABASE": database,
                "PGSSLROOTCERT": str(self.root_certificate),
            },
            self.binaries,
        )

    def stop(self) -> None:
        """End the server, by its own id, wait for it, and remove its home; twice is harmless."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # "fast": clients are sent away
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(PATIENCE)
        self._dismiss()
        shutil.rmtree(self.home, ignore_errors=True)

    def keep(self, name: str, content: str) -> Path:
        """Write a file that the server's user owns, as it must be for keys and passwords."""
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(content)
        path.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(path, self.owner.uid, self.owner.gid)
        return path

    def _initialise(self, certificate: Path, settings: str) -> None:
        password = self.keep("superuser", self._superuser_password)
        self._run(
            [
                *("initdb", "--pgdata", self.data, "--pwfile", password),
                *("--username", self._superuser, "--auth=scram-sha-256", "--encoding=UTF8"),
                *("--no-locale", "--no-sync"),
            ]
        )
        password.unlink()
        self.keep("data/server.pem", certificate.read_text())
        self.keep("data/pg_hba.conf", ACCESS)
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS.format(more=settings))

    def _run(self, command: Sequence[str | Path], statements: Sequence[str] = ()) -> None:
        """Run one of PostgreSQL's programs to its end, as the owner."""
        done = subprocess.run(
            [self.binaries / command[0], *command[1:]],
            env=_environ(),
            cwd=self.home,
            input="".join(f"{statement};\n" for statement in statements),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            **self.owner.options(),
        )
        # Single-user mode tells errors, but ends well.
        if done.returncode != 0 or "ERROR:" in done.stderr:
            raise PostgresError(f"{command[0]} failed:\n{done.stderr.strip()}")

    def _start(self) -> tuple[int, subprocess.Popen[bytes]]:
        for _ in range(_ATTEMPTS):
            port = _free_port()
            process, up = self._launch(port), False
            try:
                self._release(process)
                if up := self._comes_up(process):
                    return port, process
            finally:
                if not up:
                    process.kill()
                    process.communicate()
                    self._tell_watcher("")
            if "Address already in use" not in self.log():
                break
        raise PostgresError(f"PostgreSQL does not start:\n{self.log().strip()}")

    def _comes_up(self, process: subprocess.Popen[bytes]) -> bool:
        end = time.monotonic() + PATIENCE
        while "ready to accept connections" not in self.log():
            if process.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def _launch(self, port: int) -> subprocess.Popen[bytes]:
        """Start what becomes the server once it is released, with the same id."""
        server: list[str | Path] = [self.binaries / "postgres", "-D", self.data, "-p", str(port)]
        log = self.keep("log", "")
        with log.open("ab") as output:
            return subprocess.Popen(
                ["/bin/sh", "-c", _GATE, "gate", *server],
                bufsize=0,
                env=_environ(),
                cwd=self.home,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the caller, which ends it in order.
                **self.owner.options(),
            )

    def _release(self, process: subprocess.Popen[bytes]) -> None:
        """Let the server start: from its first moment on it is watched."""
        assert process.stdin is not None  # noqa: S101
        self._tell_watcher(str(process.pid))
        process.stdin.write(b"\n")
        process.stdin.close()

    def _watch(self) -> subprocess.Popen[bytes]:
        """Start what ends the server and removes its home when this process is gone, killed or not.

        The kernel's own way, a signal at the death of the parent, is one at the death of the
        thread, and a server of requests has a short-lived thread for each.
        """
        return subprocess.Popen(
            ["/bin/sh", "-c", _WATCHER, "watcher", str(self.home)],
            bufsize=0,
            env=_environ(),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _tell_watcher(self, server: str) -> None:
        assert self._watcher.stdin is not None  # noqa: S101
        self._watcher.stdin.write(f"{server}\n".encode())

    def _dismiss(self) -> None:
        self._watcher.kill()
        self._watcher.communicate()


def start(
    folder: Path,
    *,
    username: str,
    password: str,
    database: str,
    host_names: Sequence[str] = (),
    settings: str = "",
) -> Server:
    """Start a server whose role ``username`` owns ``database``, as the master user of RDS does.

    ``folder`` must exist; it gets the certificate files and, where the server's user can reach
    it, the data. The server's certificate is good for ``host_names`` and ``localhost``. Lines of
    ``settings`` go to ``postgresql.conf``. Raises ``PostgresError``.
    """
    folder = folder.resolve()
    certificates = make_certificates(folder, [*host_names, "localhost"])
    home = folder / "postgres"
    if Owner.choose().reaches(home):
        home.mkdir(mode=0o700)
    else:
        home = Path(tempfile.mkdtemp(prefix="finbase-postgres-"))
    statements = [
        f"CREATE ROLE {quoted(username)} LOGIN CREATEDB CREATEROLE PASSWORD '{verifier(password)}'"
    ]
    if database != "postgres":
        statements.append(f"CREATE DATABASE {quoted(database)} OWNER {quoted(username)}")
    return Server(
        home,
        certificates=certificates,
        superuser=_ADMINISTRATOR,
        superuser_password=secrets.token_urlsafe(32),
        statements=statements,
        settings=settings,
    )


def _environ() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as free:
        return int(free.getsockname()[1])
