"""What the function does where PostgreSQL is not as it should be: a clear error, and no more."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import wire

from tests.rotation.fake_postgres import Peer, Pki, Script, serving
from tests.rotation.proxy import cutting
from tests.rotation.stage import FIRST, FunctionError, Stage

SEED = int(os.environ.get("SOAK_SEED", "20261125"))


def quoted(role: str) -> str:
    return f'"{role}"'


# Trust ---------------------------------------------------------------------------------------


def test_refuses_other_authority(stage: Stage) -> None:
    error = stage.fail("certificate verify failed", region="xx-other-1")
    assert error.kind == "PostgresError"
    stage.heal()


def test_refuses_region_without_roots(stage: Stage) -> None:
    stage.fail(
        "no CA roots for the region 'xx-nowhere-1': add ca/xx-nowhere-1.pem as ca/README",
        region="xx-nowhere-1",
    )
    stage.heal()


def test_refuses_certificate_of_other_host(stage: Stage, pki: Pki) -> None:
    stage.server.write_file("data/elsewhere.pem", pki.root.with_name("elsewhere.pem").read_text())
    settings = "ssl_cert_file = 'elsewhere.pem'\nssl_key_file = 'elsewhere.pem'\n"
    trouble = stage.server.reconfigured(settings=settings)
    stage.fail("Hostname mismatch, certificate is not valid for 'localhost'", trouble)
    stage.heal()


def test_refuses_address_as_host(stage: Stage) -> None:
    stage.rewrite(host="127.0.0.1")
    stage.fail("IP address mismatch")


def test_refuses_server_without_tls(stage: Stage) -> None:
    trouble = stage.server.reconfigured(settings="ssl = off\n")
    stage.fail("the server does not offer TLS", trouble)
    stage.heal()


@pytest.mark.parametrize(
    ("method", "asked"), [("password", "a cleartext password"), ("trust", "no password")]
)
def test_refuses_other_method_than_scram(stage: Stage, method: str, asked: str) -> None:
    access = f"hostssl {stage.database} all 127.0.0.1/32 {method}\n"
    trouble = stage.server.reconfigured(before=access)
    stage.fail(f"asks for {asked} where SCRAM-SHA-256 is due; refused", trouble)
    stage.heal()


def test_refuses_md5(stage: Stage) -> None:
    stage.server.query(
        f"SET password_encryption = 'md5'; ALTER ROLE {quoted(stage.role)} PASSWORD '{FIRST}'"
    )
    access = f"hostssl {stage.database} all 127.0.0.1/32 md5\n"
    with stage.server.reconfigured(before=access):
        assert stage.accepts(FIRST)  # of a client that is less strict
        stage.fail("asks for MD5 where SCRAM-SHA-256 is due; refused")


# Outages -------------------------------------------------------------------------------------


@contextmanager
def changed(stage: Stage, sql: str, back: str) -> Iterator[None]:
    names = {"role": quoted(stage.role), "database": stage.database}
    stage.server.query(sql.format(**names))
    try:
        yield
    finally:
        stage.server.query(back.format(**names))


@pytest.mark.parametrize(
    ("sql", "back", "sqlstate"),
    [
        ("ALTER ROLE {role} CONNECTION LIMIT 0", "ALTER ROLE {role} CONNECTION LIMIT -1", "53300"),
        (
            "ALTER DATABASE {database} ALLOW_CONNECTIONS false",
            "ALTER DATABASE {database} ALLOW_CONNECTIONS true",
            "55000",
        ),
        (
            "ALTER DATABASE {database} SET default_transaction_read_only = on",
            "ALTER DATABASE {database} RESET default_transaction_read_only",
            "25006",
        ),
    ],
    ids=["too many connections", "closed database", "read-only"],
)
def test_server_error_is_no_wrong_password(
    stage: Stage, sql: str, back: str, sqlstate: str
) -> None:
    trouble = changed(stage, sql, back)
    error = stage.fail(f"SQLSTATE {sqlstate}; its log has the reason", trouble)
    assert error.kind == "ServerError"
    stage.heal()


def test_role_without_login(stage: Stage) -> None:
    with changed(stage, "ALTER ROLE {role} NOLOGIN", "ALTER ROLE {role} LOGIN"):
        stage.fail("accepts the password of no version of the secret: .* or may not log in")
    stage.heal()


def test_password_changed_elsewhere(stage: Stage) -> None:
    role = quoted(stage.role)
    with changed(stage, f"ALTER ROLE {role} PASSWORD 'x'", f"ALTER ROLE {role} PASSWORD '{FIRST}'"):
        stage.fail("it was changed elsewhere.* Set the role's password to that of the current")
    stage.heal()


def test_locked_role_is_an_error(stage: Stage) -> None:
    stage.rotate_upto("createSecret")
    holder = subprocess.Popen(
        [stage.server.binaries / "psql", "-X", "-q"],
        env=stage.server._connection(None, None, "postgres"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(f"BEGIN; ALTER ROLE {quoted(stage.role)} CREATEDB;\n\\echo held\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "held\n"
    try:
        stage.fail("SQLSTATE 55P03")
    finally:
        holder.communicate("ROLLBACK;\n", timeout=30)
    stage.heal()


def test_stopped_server_is_an_error_at_once(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    stage.rewrite(port=port)
    stage.fail("cannot connect: .*refused")


def test_silent_server_times_out_early(
    stage: Stage,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stage.rewrite(port=silent.getsockname()[1])
        began = time.monotonic()
        stage.fail("no answer from the server in time", seconds=6)
    assert time.monotonic() - began < 5


def test_outage_after_change_heals(stage: Stage) -> None:
    """The password of the current version is dead by then, and the new one is not current yet."""
    stage.rotate_upto("setSecret")
    with changed(
        stage, "ALTER ROLE {role} CONNECTION LIMIT 0", "ALTER ROLE {role} CONNECTION LIMIT -1"
    ):
        stage.fail("SQLSTATE 53300")
    stage.heal()


# Hostile servers -----------------------------------------------------------------------------


def says(*messages: tuple[bytes, bytes]) -> Script:
    def script(peer: Peer) -> None:
        peer.startup()
        for kind, body in messages:
            peer.send(kind, body)
        peer.socket.recv(1)

    return script


def challenges(iterations: int) -> Script:
    def script(peer: Peer) -> None:
        peer.challenge(iterations)
        peer.socket.recv(1)

    return script


def lies(peer: Peer) -> None:
    peer.challenge()
    peer.message()
    peer.authentication(12, b"v=" + b"A" * 43 + b"=")
    peer.authentication(0)
    peer.send(b"Z", b"I")
    peer.socket.recv(1)


def breaks_off(peer: Peer) -> None:
    peer.startup()
    peer.socket.sendall(b"R\0\0\0\x20\0\0")


def floods(peer: Peer) -> None:
    peer.startup()
    while True:
        peer.send(b"N", bytes(60_000))


@pytest.mark.parametrize(
    ("script", "match"),
    [
        (breaks_off, "closed the connection in mid-message|cannot receive"),
        (says((b"R", b"\0\0\0\3")), "asks for a cleartext password"),
        (says((b"R", b"\0\0\0\5salt")), "asks for MD5"),
        (says((b"R", b"\0\0\0\0"), (b"Z", b"I")), "asks for no password"),
        (says((b"R", b"\0\0\0\x0aSCRAM-SHA-1\0\0")), "does not offer SCRAM-SHA-256"),
        (says((b"\xff", b"\xff" * 100)), "something else than an authentication message"),
        (says((b"R", bytes(wire.MAX_MESSAGE))), "a message of an unacceptable size"),
        (challenges(1), "out of bounds"),
        (challenges(2_000_000_000), "out of bounds"),
        (lies, "did not prove that it knows the password"),
        (floods, "too many messages"),
    ],
    ids=[
        *("truncated", "cleartext", "md5", "no password", "weaker method", "garbage", "oversized"),
        *("too few iterations", "too many iterations", "lies", "floods"),
    ],
)
def test_hostile_server_learns_nothing(stage: Stage, pki: Pki, script: Script, match: str) -> None:
    heard: list[bytes] = []

    def recorded(peer: Peer) -> None:
        try:
            script(peer)
        finally:
            heard.append(peer.heard)

    with serving(pki, recorded) as port:
        stage.rewrite(port=port)
        stage.fail(match)
    assert heard
    assert not [password for password in stage.passwords() if password.encode() in heard[0]]


# Connections that break ----------------------------------------------------------------------


def cut_anywhere(stage: Stage, places: range) -> Counter[str]:
    """Cut every connection of a rotation after so many bytes; the same rotation then heals."""
    outcomes: Counter[str] = Counter()
    with cutting(stage.server.port) as cut:
        stage.rewrite(port=cut.port)
        for cut.after in places:
            before = stage.password()
            try:
                token = stage.rotate()
                outcomes["rotated"] += 1
            except FunctionError as error:
                outcomes[error.kind] += 1
                assert sum(map(stage.accepts, stage.passwords())) == 1
                token, cut.after = stage.labels()["AWSPENDING"], 1 << 30
                stage.rotate(token)
            stage.assert_rotated(token, before)
    assert outcomes.keys() == {"rotated", "PostgresError"}
    stage.assert_silent()
    return outcomes


def test_broken_connection_heals(stage: Stage) -> None:
    cut_anywhere(stage, range(0, 3000, 230))


@pytest.mark.soak
def test_broken_connection_heals_sampled(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    outcomes = cut_anywhere(stage, range(SEED % 11, 3000, 11))
    for outcome, count in sorted(outcomes.items()):
        record_property("seen", f"{count} {outcome}")
