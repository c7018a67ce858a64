"""What the tests of both functions share: certificates, and a local AWS."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from finbase.sandbox.services import secretsmanager
from finbase.sandbox.services.backends import answer_faster
from tests.rotation.fake_postgres import Pki, make_pki
from tests.rotation.stage import make_function


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """A root, a server certificate of it for ``localhost``, and a root that vouches for nobody."""
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of a local AWS whose Secrets Manager behaves as the service does."""
    from moto.server import ThreadedMotoServer

    secretsmanager.install()
    answer_faster()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for every request
    local = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    local.start()
    yield "http://{}:{}".format(*local.get_host_and_port())
    local.stop()


@pytest.fixture(scope="module")
def function(endpoint: str) -> str:
    """The ARN that a secret's rotation is set up with."""
    return make_function(endpoint)
