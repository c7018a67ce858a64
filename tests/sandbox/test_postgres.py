"""The PostgreSQL behind a local instance: who it lets in, and that it never outlives its caller."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from finbase.sandbox.postgres import client, find
from finbase.sandbox.postgres import server as servers
from finbase.sandbox.postgres.certificates import make_certificates
from finbase.sandbox.postgres.find import PostgresError
from finbase.sandbox.postgres.owner import Owner
from finbase.sandbox.postgres.server import Server
from finbase.sandbox.postgres.watcher import Watcher
from tests.support.living import alive

ROOT = Path(__file__).resolve().parents[2]
HOST = "ledger-test.abcdefghijkl.eu-west-1.rds.amazonaws.com"
ROLE, PASSWORD = 'ledger"owner', "First'Password-1"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="finbase-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = servers.start(
        tmp_path_factory.mktemp("postgres"),
        username=ROLE,
        password=PASSWORD,
        database="ledger",
        host_names=[HOST],
    )
    yield made
    made.stop()


def accepts(server: Server, password: str, host: str = HOST) -> bool:
    return client.accepts(
        host,
        server.port,
        server.root_certificate,
        username=ROLE,
        password=password,
        database="ledger",
    )


def test_accepts_right_password_only(server: Server) -> None:
    assert accepts(server, PASSWORD)
    assert not accepts(server, PASSWORD.lower())


def test_set_password_replaces_old_one(server: Server) -> None:
    server.set_password(ROLE, "Another$Password")
    assert accepts(server, "Another$Password")
    assert not accepts(server, PASSWORD)
    server.set_password(ROLE, PASSWORD)


def test_set_password_of_unknown_role(server: Server) -> None:
    with pytest.raises(PostgresError, match="cannot set the password of nobody"):
        server.set_password("nobody", "A long password")


def test_accepts_raises_other_errors(server: Server) -> None:
    with pytest.raises(PostgresError, match=r"elsewhere\.example"):  # Not in the certificate.
        accepts(server, PASSWORD, "elsewhere.example")


def test_master_user_owns_database(server: Server) -> None:
    asked = "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    done = server.psql(asked, user=ROLE, password=PASSWORD, database="ledger")
    assert done.stdout.strip() == "f|t|t"
    done = server.psql("CREATE SCHEMA mine", user=ROLE, password=PASSWORD, database="ledger")
    assert done.returncode == 0, done.stderr


def test_files_contain_no_password(server: Server) -> None:
    secrets = (PASSWORD.encode(), server._superuser_password.encode())
    files = [path for path in server.home.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert not [path for path in files if any(s in path.read_bytes() for s in secrets)]


def test_server_requires_scram_loopback_and_tls(server: Server) -> None:
    assert server.psql("SHOW listen_addresses").stdout.strip() == "127.0.0.1"
    columns = "type, database, user_name, address, auth_method"
    rules = server.psql(f"SELECT {columns} FROM pg_hba_file_rules ORDER BY line_number").stdout
    # As on RDS, a password does not let in who logs in by IAM.
    assert rules.splitlines() == [
        "hostssl|{all}|{+rds_iam}|all|reject",
        "hostssl|{all}|{all}|127.0.0.1|scram-sha-256",
    ]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain:
        body = struct.pack("!I", 3 << 16) + b"user\0x\0\0"
        plain.sendall(struct.pack("!I", len(body) + 4) + body)
        assert b"no pg_hba.conf entry" in plain.recv(1000)


def test_certificate_passes_strict_verification(server: Server) -> None:
    context = ssl.create_default_context(cafile=server.root_certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain:
        plain.sendall(struct.pack("!II", 8, 80877103))
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=HOST) as secured:
            assert secured.version() == "TLSv1.3"


def test_server_does_not_run_as_root(server: Server) -> None:
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0


def test_start_puts_data_in_reachable_folder(folder: Path) -> None:
    made = servers.start(folder, username="u", password="A password", database="postgres")
    try:
        assert made.home == folder / "postgres"
    finally:
        made.stop()
    made.stop()  # Twice is harmless.
    assert sorted(path.name for path in folder.iterdir()) == ["root.pem", "server.pem"]
    assert not alive(made.pid)


def test_start_failure_leaves_nothing(folder: Path) -> None:
    with pytest.raises(PostgresError, match="no_such"):
        servers.start(
            folder, username="u", password="p", database="postgres", settings="no_such = on\n"
        )
    assert not (folder / "postgres").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root cannot be PostgreSQL's user")
def test_owner_reaches(tmp_path: Path, folder: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    assert not Owner.choose().reaches(hidden / "data")
    assert Owner.choose().reaches(folder / "data")


def caller(folder: Path, script: str) -> subprocess.Popen[str]:
    """Start a process that starts a server."""
    given = "import pathlib, sys; from finbase.sandbox.postgres import server\n"
    given += "folder = pathlib.Path(sys.argv[1])\n"
    return subprocess.Popen(
        [sys.executable, "-c", given + script, folder],
        env={**os.environ, "PYTHONPATH": str(ROOT / "generator")},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_server_ends_with_killed_caller(folder: Path, number: signal.Signals) -> None:
    script = (
        "import time\n"
        "made = server.start(folder, username='u', password='p', database='d')\n"
        "print(made.pid, flush=True); time.sleep(100)"
    )
    child = caller(folder, script)
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    assert alive(pid)
    child.send_signal(number)
    child.communicate()
    end = time.monotonic() + 30
    while (alive(pid) or (folder / "postgres").exists()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(pid)
    assert not (folder / "postgres").exists()


def test_starting_server_ends_with_killed_caller(folder: Path) -> None:
    """The server never comes up: what it logs is not seen."""
    script = (
        "server.Server.log = lambda _: ''\n"
        "server.start(folder, username='u', password='p', database='d')"
    )
    child = caller(folder, script)
    data = folder / "postgres" / "data"
    end = time.monotonic() + 60
    while not (found := server_processes(data)) and time.monotonic() < end:
        assert child.poll() is None
    child.kill()
    child.communicate()
    assert found
    while (server_processes(data) or data.parent.exists()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not server_processes(data)
    assert not data.parent.exists()


def server_processes(data: Path) -> list[str]:
    """The ids of the processes that serve that data, or are about to."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            if os.fsencode(data) in command and b"-p" in command:
                found.append(process.name)
    return found


@pytest.mark.parametrize(
    ("kind", "step"),
    [(Watcher, "__init__"), (Server, "_release"), (Server, "_wait_until_ready")],
)
def test_start_interrupted_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: type, step: str
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    launched: list[subprocess.Popen[bytes]] = []
    launch = Server._launch

    def noted(self: Server, port: int) -> subprocess.Popen[bytes]:
        launched.append(launch(self, port))
        return launched[-1]

    monkeypatch.setattr(Server, "_launch", noted)
    monkeypatch.setattr(kind, step, fail)
    with pytest.raises(KeyboardInterrupt):
        servers.start(folder, username="u", password="p", database="postgres")
    assert len(launched) == (kind is Server)
    assert not any(alive(process.pid) for process in launched)
    assert not (folder / "postgres").exists()


def test_find_postgres_names_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    with pytest.raises(PostgresError, match="not installed") as caught:
        find.find_postgres()
    assert "apt-get install postgresql" in str(caught.value)


def test_find_postgres_prefers_newest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = []
    for version in ("9.6", "15", "17"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        found.append(folder)
        for name in ("initdb", "postgres", "psql"):
            (folder / name).touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(Path, "glob", lambda *_: iter(found))
    assert find.find_postgres() == tmp_path / "17" / "bin"


def test_certificate_key_is_private(tmp_path: Path) -> None:
    made = make_certificates(tmp_path, ["localhost"])
    assert made.server.stat().st_mode & 0o077 == 0
    assert "PRIVATE KEY" not in made.root.read_text()
