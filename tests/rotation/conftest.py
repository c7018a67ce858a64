"""The function's modules are imported by name, as Lambda does, from where their source lies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "templates" / "modules" / "secret" / "rotation"
sys.path[:0] = [str(SOURCE), str(Path(__file__).parent)]

from fake_aws import FakeSecretsManager, Fuse  # noqa: E402
from fake_database import FakeDatabase  # noqa: E402
from fake_postgres import Pki, make_pki  # noqa: E402
from world import CREDENTIALS, World  # noqa: E402


@pytest.fixture(scope="session")
def source() -> Path:
    """The folder with the function's source."""
    return SOURCE


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """A root, a server certificate of it for ``localhost``, and a root that vouches for nobody."""
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> World:
    """A secret whose rotation is set up, and the database that it opens."""
    caplog.set_level("DEBUG")
    fuse = Fuse()
    aws = FakeSecretsManager(fuse)
    aws.write("first", CREDENTIALS.text(), ["AWSCURRENT"])
    database = FakeDatabase(CREDENTIALS, fuse)
    made = World(aws, database, fuse, caplog)
    made.install(monkeypatch)
    return made
