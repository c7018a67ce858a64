"""A real PostgreSQL server for an instance of the local AWS: loopback, TLS and SCRAM only.

The server runs as an ordinary user even if the caller is root, stores verifiers instead of
passwords, and ends with the process that started it.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from finbase.sandbox.postgres.certificates import Certificates, make_certificates
from finbase.sandbox.postgres.client import (
    LOOPBACK,
    PATIENCE,
    psql,
    quote_identifier,
    run,
    verifier,
)
from finbase.sandbox.postgres.find import (
    PostgresError,
    find_postgres,
    installed_extensions,
    major_version,
)
from finbase.sandbox.postgres.owner import Owner
from finbase.sandbox.postgres.watcher import Watcher, environ

ADMINISTRATOR = "rdsadmin"
"""The name of the superuser that RDS keeps for itself."""
_ATTEMPTS = 5
_EXTENSIONS = ("pgaudit", "pg_stat_statements")
"""Extensions of libraries that the parameters of a stack load."""
ROLES = ("rds_superuser", "rds_iam")
"""Roles that each database of RDS has."""
_MEMBERS_GRANT = 16
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

_PASSWORDS = "hostssl all all 127.0.0.1/32 scram-sha-256\n"

# Waits until the watcher has the process id, so that no moment is unwatched. If this process ends
# first, ``read`` fails and no server starts.
_GATE = 'read -r _ && exec "$@" </dev/null'


class Server:
    """A running server.

    ``home`` holds its data and its log and is removed with it; ``pid`` is its first process.
    ``certificates.server`` is a PEM file with the server's certificate and key. The superuser's
    password is in no file once the server runs.
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
        template: Sequence[str] = (),
        settings: str = "",
    ) -> None:
        self.binaries, self.owner = find_postgres(), Owner.choose()
        self.home, self.data, self.log_file = home, home / "data", home / "log"
        self.root_certificate = certificates.root
        self._superuser, self._superuser_password = superuser, superuser_password
        self.owner.take(home)
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, home, ignore_errors=True)
            self._watcher = Watcher(home)
            undo.callback(self._watcher.dismiss)
            self._initialise(certificates.server, settings)
            for database, made in (("template1", template), ("postgres", statements)):
                if made:
                    self._run(["postgres", "--single", "-D", self.data, database], made)
            self.port, self.process = self._start()
            undo.pop_all()

    @property
    def pid(self) -> int:
        """The id of the server's first process."""
        return self.process.pid

    def log(self) -> str:
        """Return everything that the server has logged."""
        return self.log_file.read_text(errors="replace")

    def set_password(self, username: str, password: str) -> None:
        """Set the password of a role by sending its verifier; raises ``PostgresError``."""
        role = quote_identifier(username)
        done = self.psql(f"ALTER ROLE {role} PASSWORD '{verifier(password)}'")
        if done.returncode != 0:
            raise PostgresError(f"cannot set the password of {username}: {done.stderr.strip()}")

    def psql(
        self,
        sql: str,
        *,
        user: str | None = None,
        password: str | None = None,
        database: str = "postgres",
    ) -> subprocess.CompletedProcess[str]:
        """Run SQL with ``psql``, as the superuser unless ``user`` names another role."""
        return psql(sql, self._connection(user, password, database), self.binaries)

    def dump(self, database: str) -> subprocess.CompletedProcess[str]:
        """Print the tables and the rows of a database as SQL."""
        return run(["pg_dump"], self._connection(None, None, database), self.binaries)

    def dump_roles(self) -> subprocess.CompletedProcess[str]:
        """Print the roles of the server as SQL, with their verifiers and memberships."""
        command = ["pg_dumpall", "--roles-only"]
        return run(command, self._connection(None, None, "postgres"), self.binaries)

    def _connection(self, user: str | None, password: str | None, database: str) -> dict[str, str]:
        return {
            "PGHOST": "localhost",
            "PGPORT": str(self.port),
            "PGUSER": self._superuser if user is None else user,
            "PGPASSWORD": self._superuser_password if password is None else password,
            "PGDATABASE": database,
            "PGSSLROOTCERT": str(self.root_certificate),
        }

    def stop(self) -> None:
        """Stop the server and remove its home; calling it twice is harmless."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # "fast" shutdown: disconnects clients.
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(PATIENCE)
        self._watcher.dismiss()
        shutil.rmtree(self.home, ignore_errors=True)

    def write_file(self, name: str, content: str) -> Path:
        """Write a file in the home that only the server's user can read."""
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(content)
        path.chmod(0o600)
        self.owner.take(path)
        return path

    def _initialise(self, certificate: Path, settings: str) -> None:
        password = self.write_file("superuser", self._superuser_password)
        self._run(
            [
                *("initdb", "--pgdata", self.data, "--pwfile", password),
                *("--username", self._superuser, "--auth=scram-sha-256", "--encoding=UTF8"),
                *("--no-locale", "--no-sync"),
            ]
        )
        password.unlink()
        self.write_file("data/server.pem", certificate.read_text())
        self.write_file("data/pg_hba.conf", access())
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS.format(more=settings))

    def _run(self, command: Sequence[str | Path], statements: Sequence[str] = ()) -> None:
        """Run one of PostgreSQL's programs as the owner and wait for its end."""
        done = subprocess.run(
            [self.binaries / command[0], *command[1:]],
            env=environ(),
            cwd=self.home,
            input="".join(f"{statement};\n" for statement in statements),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            **self.owner.options(),
        )
        # Single-user mode prints errors but exits with 0.
        if done.returncode != 0 or "ERROR:" in done.stderr:
            raise PostgresError(f"{command[0]} failed:\n{done.stderr.strip()}")

    def _start(self) -> tuple[int, subprocess.Popen[bytes]]:
        for _ in range(_ATTEMPTS):
            port = _free_port()
            process, up = self._launch(port), False
            try:
                self._release(process)
                if up := self._wait_until_ready(process):
                    return port, process
            finally:
                if not up:
                    process.kill()
                    process.communicate()
                    self._watcher.watch(None)
            if "Address already in use" not in self.log():  # Another program took the free port.
                break
        raise PostgresError(f"PostgreSQL does not start:\n{self.log().strip()}")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> bool:
        end = time.monotonic() + PATIENCE
        while "ready to accept connections" not in self.log():
            if process.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def _launch(self, port: int) -> subprocess.Popen[bytes]:
        """Start a process that becomes the server, with the same id, when it is released."""
        server: list[str | Path] = [self.binaries / "postgres", "-D", self.data, "-p", str(port)]
        log = self.write_file("log", "")
        with log.open("ab") as output:
            return subprocess.Popen(
                ["/bin/sh", "-c", _GATE, "gate", *server],
                bufsize=0,
                env=environ(),
                cwd=self.home,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C goes to the caller, which stops the server.
                **self.owner.options(),
            )

    def _release(self, process: subprocess.Popen[bytes]) -> None:
        """Let the server start once the watcher has its id."""
        assert process.stdin is not None  # noqa: S101
        self._watcher.watch(process.pid)
        process.stdin.write(b"\n")
        process.stdin.close()


def start(
    folder: Path,
    *,
    username: str,
    password: str,
    database: str,
    host_names: Sequence[str] = (),
    settings: str = "",
) -> Server:
    """Start a server whose role ``username`` owns ``database``, like the master user of RDS.

    ``folder`` must exist. It receives the certificate files and, if the server's user can reach
    it, the data. The server's certificate is valid for ``host_names`` and ``localhost``.
    ``settings`` are lines for ``postgresql.conf``. Raises ``PostgresError``.

    On RDS, the master user may create extensions that need a superuser elsewhere. Here, each
    database has those of the audit from the start, if they are installed.
    """
    folder = folder.resolve()
    certificates = make_certificates(folder, [*host_names, "localhost"])
    home = folder / "postgres"
    if Owner.choose().reaches(home):
        home.mkdir(mode=0o700)
    else:
        home = Path(tempfile.mkdtemp(prefix="finbase-postgres-"))
    role = quote_identifier(username)
    statements = [
        *(f"CREATE ROLE {name} NOLOGIN" for name in ROLES),
        f"CREATE ROLE {role} LOGIN CREATEDB CREATEROLE PASSWORD '{verifier(password)}'",
        f"GRANT rds_superuser TO {role}",
        *grants_of_iam(role),
        "GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION",
        *(f"ALTER DATABASE {name} OWNER TO {role}" for name in ("postgres", "template1")),
    ]
    extensions = installed_extensions(_EXTENSIONS)
    libraries = f"shared_preload_libraries = '{','.join(extensions)}'\n"
    if database != "postgres":
        statements.append(f"CREATE DATABASE {quote_identifier(database)} OWNER {role}")
    return Server(
        home,
        certificates=certificates,
        superuser=ADMINISTRATOR,
        superuser_password=secrets.token_urlsafe(32),
        statements=statements,
        template=[f"CREATE EXTENSION {name}" for name in extensions],
        settings=libraries + settings,
    )


def access() -> str:
    """Return the content of ``pg_hba.conf``: as on RDS, no password opens a login of IAM.

    RDS decides by who is a member of ``rds_iam``. From PostgreSQL 16 on, only a member can grant
    it, which RDS does not ask of its master user; there, the names of the logins decide.
    """
    of_iam = "+rds_iam" if major_version() < _MEMBERS_GRANT else '"/_iam$"'
    return f"hostssl all {of_iam} all reject\n{_PASSWORDS}"


def grants_of_iam(role: str) -> list[str]:
    """Return the SQL by which a role, already quoted, may grant ``rds_iam``."""
    if major_version() < _MEMBERS_GRANT:
        return []  # Any user that may make roles may grant it.
    return [f"GRANT rds_iam TO {role} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"]


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])
