"""The function's modules are imported by name, as Lambda does, from where their source lies."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TEMPLATES = Path(__file__).parents[2] / "templates" / "modules"
SHARED, SOURCE = TEMPLATES / "secret" / "rotation", TEMPLATES / "roles" / "function"
sys.path[:0] = [str(SHARED), str(SOURCE)]

from finbase.sandbox.services import secretsmanager  # noqa: E402
from finbase.sandbox.services.backends import answer_faster  # noqa: E402
from tests.roles import rds  # noqa: E402
from tests.roles import stage as stages  # noqa: E402
from tests.rotation import stage as runtimes  # noqa: E402
from tests.rotation.fake_postgres import Pki, make_pki  # noqa: E402
from tests.rotation.real_postgres import Postgres  # noqa: E402


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """A root, a server certificate of it for ``localhost``, and a root that vouches for nobody."""
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def server(pki: Pki) -> Iterator[Postgres]:
    """A server as on RDS for all tests of the process; each makes itself a database and roles."""
    with rds.running(pki.root.with_name("server.pem")) as running:
        yield running


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
    return runtimes.make_function(endpoint)


@pytest.fixture(scope="session")
def runtime(
    endpoint: str, pki: Pki, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[runtimes.Runtime]:
    """What runs the function, whose region has the tests' root in place of its own."""
    roots = {runtimes.REGION: pki.root, "xx-other-1": pki.other_root}
    task = runtimes.unpack(tmp_path_factory.mktemp("task"), roots, SHARED, SOURCE)
    with runtimes.stopping(runtimes.Runtime(task, endpoint, "roles")) as runtime:
        yield runtime


@pytest.fixture
def make_stage(
    server: Postgres, endpoint: str, function: str, runtime: runtimes.Runtime
) -> Iterator[Callable[..., stages.Stage]]:
    """Make a database with its master user, and the secrets of the declared roles."""
    runtime.log = ""
    made: list[stages.Stage] = []

    def make(**options: Any) -> stages.Stage:
        client = runtimes.client_of("secretsmanager", endpoint)
        made.append(stages.Stage(server, client, runtime, function, **options))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def stage(make_stage: Callable[..., stages.Stage]) -> stages.Stage:
    """The usual one: nothing is set up yet."""
    return make_stage()


@pytest.fixture
def ready(stage: stages.Stage) -> stages.Stage:
    """The usual one, set up, with one rotation of the secret of ``app``."""
    stage.apply()
    stage.rotate("app")
    return stage


@pytest.fixture
def rotated(ready: stages.Stage) -> stages.Stage:
    """The usual one, set up, with one rotation of each secret."""
    for role in ready.roles.keys() - {"app"}:
        ready.rotate(role)
    return ready
