"""What a real PostgreSQL writes to its log with the parameters of the database module."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from finbase.aws.catalogue import AwsCatalogue
from finbase.aws.parameters import is_static
from finbase.contract.registry import Registry
from tests.rotation.fake_postgres import Pki
from tests.rotation.real_postgres import Postgres
from tests.support.commands import ROOT

PASSWORD, CARD = "Passw0rd-in-clear", "4111111111111111"
FAILING = (
    f"CREATE ROLE {{role}} PASSWORD '{PASSWORD}'",
    f"ALTER ROLE {{role}} PASSWORD '{PASSWORD}' VALID",
    f"INSERT INTO {{role}}_cards VALUES ('{CARD}')",
    f"INSERT INTO {{role}}_cards VALUES ('{CARD}', 'void')",
    f"SELECT 1 / 0 FROM {{role}}_cards WHERE number = '{CARD}'",
    f"EXECUTE {{role}}_read('{CARD}')",
)
WORKING = (
    f"CREATE ROLE {{role}} LOGIN PASSWORD '{PASSWORD}'",
    f"ALTER ROLE {{role}} PASSWORD '{PASSWORD}'",
    "CREATE TABLE {role}_cards (number text UNIQUE, state text CHECK (state <> 'void'))",
    f"INSERT INTO {{role}}_cards VALUES ('{CARD}')",
    f"SELECT * FROM {{role}}_cards WHERE number = '{CARD}'",
    "PREPARE {role}_read AS SELECT 1 FROM {role}_cards WHERE number = $1; "
    f"EXECUTE {{role}}_read('{CARD}')",
)
# What the review that started the project asked for, with PostgreSQL's defaults for the rest.
BEFORE = {"log_statement": "ddl", "log_duration": "1", "log_disconnections": "1"}


@pytest.fixture(scope="module")
def server(pki: Pki) -> Iterator[Postgres]:
    """A server that logs no more than the settings of a test ask for."""
    home = Path(tempfile.mkdtemp(prefix="finbase-postgres-"))
    running = Postgres(home, pki.root.with_name("server.pem"), settings="")
    yield running
    running.stop()


def module_parameters() -> dict[str, str]:
    """Return the parameters of PostgreSQL itself; RDS and pgaudit have the others."""
    version = Registry(ROOT).current("database").version
    text = (ROOT / "modules/database" / str(version) / "parameters.tf").read_text()
    pairs = re.findall(r'name\s+= "([a-z_]+)"\s+value\s+= "([^"]*)"', text)
    return {name: value for name, value in pairs if name != "shared_preload_libraries"}


@contextmanager
def configured(server: Postgres, settings: Mapping[str, str]) -> Iterator[None]:
    """Run with these settings, from the moment that a new session has them."""
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    with server.reconfigured(settings=lines):
        end = time.monotonic() + 20
        while server.query("SHOW log_statement") != settings["log_statement"]:
            assert time.monotonic() < end
        yield


def written(server: Postgres, settings: Mapping[str, str], role: str) -> str:
    """Run statements that work and statements that fail, and return what the log has of them."""
    with configured(server, settings):
        start = len(server.log())
        for statement in WORKING:
            server.query(statement.format(role=role))
        for statement in FAILING:
            assert server.psql(statement.format(role=role)).returncode != 0
        return server.log()[start:]


def test_module_sets_what_the_test_tries() -> None:
    """The parameters are read from HCL, so make sure that they are read."""
    parameters = module_parameters()
    assert parameters["log_statement"] == "none"
    assert parameters["log_duration"] == parameters["log_connections"] == "1"


def test_static_parameters_are_those_of_postgresql(server: Postgres) -> None:
    """RDS refuses to apply a static parameter at once, so the list must be complete."""
    known = AwsCatalogue().parameters()
    rows = server.query("SELECT name, context FROM pg_settings").splitlines()
    contexts = dict(row.split("|") for row in rows)
    assert len(contexts.keys() & known.keys()) > 100
    for name in contexts.keys() & known.keys():
        assert is_static(known[name]) == (contexts[name] == "postmaster"), name


@pytest.mark.parametrize("secret", [PASSWORD, CARD])
def test_log_without_the_module_holds_secrets(server: Postgres, secret: str) -> None:
    assert secret in written(server, BEFORE, f"before_{secret[:4].lower()}")


def test_log_holds_no_password_and_no_card_number(server: Postgres) -> None:
    log = written(server, module_parameters(), "after")
    assert PASSWORD not in log
    assert CARD not in log


def test_log_still_shows_who_came_and_what_failed(server: Postgres) -> None:
    log = written(server, module_parameters(), "trail")
    assert "connection authorized: user=postgres" in log
    assert "disconnection: session time" in log
    assert "duration:" in log
    assert 'ERROR:  role "trail" already exists' in log
    assert "ERROR:  duplicate key value violates unique constraint" in log


@pytest.mark.parametrize(
    "name", ["log_statement", "log_min_error_statement", "log_error_verbosity"]
)
def test_each_parameter_is_needed(server: Postgres, name: str) -> None:
    weaker = {"log_statement": "ddl", "log_min_error_statement": "error"}.get(name, "default")
    log = written(server, {**module_parameters(), name: weaker}, f"needs_{name}")
    assert PASSWORD in log or CARD in log


def test_message_can_quote_a_value(server: Postgres) -> None:
    """The known limit: PostgreSQL quotes what a type refuses in the message itself."""
    with configured(server, module_parameters()):
        start = len(server.log())
        assert server.psql(f"SELECT '{CARD}x'::bigint").returncode != 0
        assert CARD in server.log()[start:]
