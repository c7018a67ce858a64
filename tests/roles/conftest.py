"""The function's modules are imported by name, as Lambda does, from where their source lies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TEMPLATES = Path(__file__).parents[2] / "templates" / "modules"
SHARED, SOURCE = TEMPLATES / "secret" / "rotation", TEMPLATES / "roles" / "function"
sys.path[:0] = [str(SHARED), str(SOURCE)]

from tests.roles import rds  # noqa: E402
from tests.roles import stage as stages  # noqa: E402
from tests.rotation import stage as runtimes  # noqa: E402
from tests.rotation.fake_postgres import Pki  # noqa: E402
from tests.rotation.fixtures import endpoint, function, pki  # noqa: E402
from tests.rotation.real_postgres import Postgres  # noqa: E402

__all__ = ["endpoint", "function", "pki"]


@pytest.fixture(scope="session")
def server(pki: Pki) -> Iterator[Postgres]:
    """A server as on RDS for all tests of the process; each makes itself a database and roles."""
    with rds.running(pki.root.with_name("server.pem")) as running:
        yield running


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
def shared(
    request: pytest.FixtureRequest,
    server: Postgres,
    endpoint: str,
    function: str,
    runtime: runtimes.Runtime,
) -> Iterator[stages.Stage]:
    """One like ``ready`` for tests that leave it so: the next of them goes on with it.

    Either login of ``app`` may be the current one.
    """
    if not (kept := stages.Stage.kept):
        client = runtimes.client_of("secretsmanager", endpoint)
        stage = stages.Stage(server, client, runtime, function)
        try:
            stage.apply()
            stage.rotate("app")
        except BaseException:
            stage.close()
            raise
        kept.append(stage)
    runtime.log = ""
    failed = request.session.testsfailed
    yield kept[0]
    if request.session.testsfailed > failed:
        kept.pop().close()


@pytest.fixture
def rotated(ready: stages.Stage) -> stages.Stage:
    """The usual one, set up, with one rotation of each secret."""
    for role in ready.roles.keys() - {"app"}:
        ready.rotate(role)
    return ready
