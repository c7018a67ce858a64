"""The function's modules are imported by name, as Lambda does, from where their source lies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "templates" / "modules" / "secret" / "rotation"
sys.path.insert(0, str(SOURCE))

from tests.rotation import real_postgres  # noqa: E402
from tests.rotation import stage as stages  # noqa: E402
from tests.rotation.fake_aws import FakeSecretsManager, Fuse  # noqa: E402
from tests.rotation.fake_database import FakeDatabase  # noqa: E402
from tests.rotation.fake_postgres import Pki  # noqa: E402
from tests.rotation.fakes import CREDENTIALS, Fakes  # noqa: E402
from tests.rotation.fixtures import endpoint, function, pki  # noqa: E402

__all__ = ["endpoint", "function", "pki"]


@pytest.fixture(scope="session")
def source() -> Path:
    """The folder with the function's source."""
    return SOURCE


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Fakes:
    """A secret whose rotation is set up, and the database that it opens."""
    caplog.set_level("DEBUG")
    fuse = Fuse()
    aws = FakeSecretsManager(fuse)
    aws.write("first", CREDENTIALS.text(), ["AWSCURRENT"])
    database = FakeDatabase(CREDENTIALS, fuse)
    made = Fakes(aws, database, fuse, caplog)
    made.install(monkeypatch)
    return made


@pytest.fixture(scope="session")
def server(pki: Pki) -> Iterator[real_postgres.Postgres]:
    """A real PostgreSQL for all tests of the process; each makes itself a role and a database."""
    with real_postgres.running(pki.root.with_name("server.pem")) as running:
        yield running


@pytest.fixture(scope="session")
def runtime(
    source: Path, endpoint: str, pki: Pki, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[stages.Runtime]:
    """What runs the function, whose region has the tests' root in place of its own."""
    roots = {stages.REGION: pki.root, "xx-other-1": pki.other_root}
    task = stages.unpack(tmp_path_factory.mktemp("task"), roots, source)
    with stages.stopping(stages.Runtime(task, endpoint)) as runtime:
        yield runtime


@pytest.fixture
def make_stage(
    server: real_postgres.Postgres, endpoint: str, function: str, runtime: stages.Runtime
) -> Callable[..., stages.Stage]:
    """Make a role, its database and its secret."""
    runtime.log = ""

    def make(**options: str) -> stages.Stage:
        client = stages.client_of("secretsmanager", endpoint)
        return stages.Stage(server, client, runtime, function, **options)

    return make


@pytest.fixture
def stage(make_stage: Callable[..., stages.Stage]) -> stages.Stage:
    """The usual one."""
    return make_stage()
