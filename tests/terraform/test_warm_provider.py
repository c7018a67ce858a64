"""Providers that keep running between commands, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finbase.errors import TerraformError
from finbase.system.processes import Processes
from finbase.terraform import workspace as workspaces
from finbase.terraform.offline import count_aws_configurations
from finbase.terraform.program import Terraform
from finbase.terraform.warm_provider import WarmProvider, WarmProviders
from finbase.terraform.workspace import Workspace
from tests.support.living import alive
from tests.support.small_stacks import comparable, require_as_others
from tests.system.test_processes import wait_until

HOST = "registry.terraform.io"
FAKE = """#!/bin/sh
touch "$TMPDIR/plugin1"
echo $$ >> "$PIDS"
echo "Provider started."
echo "	TF_REATTACH_PROVIDERS='{\\"registry.terraform.io/hashicorp/aws\\":{\\"Pid\\":$$}}'"
exec sleep 600
"""
STACK = """
provider "aws" {{
  region = "eu-west-1"
  default_tags {{
    tags = {{ stack = "{name}" }}
  }}
}}
module "keys" {{
  source = "../../modules/keys/1.0.0"
}}
"""
KEYS = """
resource "aws_kms_key" "this" {{
  count       = 40
  description = "{name}"
}}
output "keys" {{
  value = aws_kms_key.this[*].key_usage
}}
"""


class Fake:
    """A provider that only says where to attach, and the processes started of it."""

    def __init__(self, folder: Path) -> None:
        self.program, self._pids = folder / "provider", folder / "pids"
        self.program.write_text(FAKE)
        self.program.chmod(0o755)
        self.environ = {"PATH": os.environ["PATH"], "PIDS": str(self._pids)}

    def pids(self) -> list[int]:
        return [int(pid) for pid in self._pids.read_text().split()] if self._pids.exists() else []


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short folder for temporary files: the path of a socket is limited."""
    with tempfile.TemporaryDirectory(prefix="f-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def providers(fake: Fake, temporary: Path) -> Iterator[WarmProviders]:
    assert tempfile.gettempdir() == str(temporary)
    with Processes() as processes:
        yield (made := WarmProviders(fake.program, HOST, fake.environ, processes))
        made.close()


def test_lease_reuses_an_idle_provider(providers: WarmProviders, fake: Fake) -> None:
    providers.start()
    for _ in range(3):
        with providers.lease() as lease:
            assert lease is not None
            assert json.loads(lease[1]) == {f"{HOST}/hashicorp/aws": {"Pid": fake.pids()[0]}}
    assert len(fake.pids()) == 1


def test_lease_is_exclusive(providers: WarmProviders, fake: Fake) -> None:
    with providers.lease() as first, providers.lease() as second:
        assert first is not None
        assert second is not None
        assert first[0] is not second[0]
        assert first[0].answers is second[0].answers  # One program has one schema.
    assert len(fake.pids()) == 2


def test_provider_of_a_stack_that_is_applied_finds_its_files(
    providers: WarmProviders, fake: Fake, tmp_path: Path
) -> None:
    """A function's archive has a path from the folder in which Terraform runs."""
    own = providers.in_folder(tmp_path)
    with own.lease() as lease:
        assert lease is not None
        [pid] = fake.pids()
        assert Path(f"/proc/{pid}/cwd").readlink() == tmp_path
    own.close()


def test_lease_returns_the_provider_after_an_error(providers: WarmProviders, fake: Fake) -> None:
    with pytest.raises(ZeroDivisionError), providers.lease():
        raise ZeroDivisionError
    with providers.lease():
        assert len(fake.pids()) == 1


def test_lease_replaces_a_provider_that_ended(providers: WarmProviders, fake: Fake) -> None:
    with providers.lease() as lease:
        assert lease is not None
        assert lease[0].is_running()
        os.kill(fake.pids()[0], signal.SIGKILL)
        wait_until(lambda: lease is not None and not lease[0].is_running())
    with providers.lease() as lease:
        assert lease is not None
        assert lease[0].is_running()
    assert len(fake.pids()) == 2


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec >&-; sleep 600\n", ""])
def test_lease_is_none_if_the_program_does_not_serve(
    text: str, providers: WarmProviders, fake: Fake
) -> None:
    fake.program.write_text(text)
    for _ in range(2):
        with providers.lease() as lease:
            assert lease is None


def test_lease_is_none_if_the_path_of_a_socket_would_be_too_long(
    providers: WarmProviders, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = temporary / ("long" * 20)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with providers.lease() as lease:
        assert lease is None
    assert not any(folder.iterdir())


@pytest.mark.usefixtures("temporary")
def test_reattach_names_the_registry_of_opentofu(fake: Fake) -> None:
    with Processes() as processes:
        provider = WarmProvider(fake.program, "registry.opentofu.org", fake.environ, processes, {})
        assert [*json.loads(provider.reattach())] == ["registry.opentofu.org/hashicorp/aws"]
        provider.stop()


def test_close_leaves_no_process_and_no_socket(
    providers: WarmProviders, fake: Fake, temporary: Path
) -> None:
    with providers.lease():
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        assert (folder / "plugin1").exists()
    providers.close()
    assert not any(temporary.iterdir())
    wait_until(lambda: not alive(fake.pids()[0]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_caller_leaves_no_process_and_no_socket(
    number: signal.Signals, fake: Fake, temporary: Path
) -> None:
    script = (
        "import os, signal, sys, time\n"
        "from pathlib import Path\n"
        "from finbase.system.processes import Processes\n"
        "from finbase.terraform.warm_provider import WarmProviders\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with Processes() as processes:\n"
        "    providers = WarmProviders(Path(sys.argv[1]), 'x', os.environ, processes)\n"
        "    try:\n"
        "        with providers.lease():\n"
        "            print('leased', flush=True)\n"
        "            time.sleep(600)\n"
        "    finally:\n"
        "        providers.close()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(fake.program)],
        env={**fake.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == b"leased\n"
        assert any(temporary.iterdir())
        caller.send_signal(number)
        caller.communicate(timeout=60)
    wait_until(lambda: not alive(fake.pids()[0]))
    wait_until(lambda: not any(temporary.iterdir()))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ('provider "aws" {\n}\n', 1),
        ('provider "aws" {\n}\nprovider "aws" {\n  alias = "b"\n}\n', 3),
        ('provider "aws" {\n  alias = "a"\n}\n', 2),
        ('provider "random" {\n}\n', 0),
    ],
)
def test_count_aws_configurations(text: str, count: int, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(text)
    assert count_aws_configurations(tmp_path) == count


# --- with Terraform ------------------------------------------------------------------------------


def stack(project: Path, name: str) -> Path:
    """Write a stack with that name in its tags, in a project of its own; return its folder."""
    folder, module = project / "environments" / "small", project / "modules" / "keys" / "1.0.0"
    for each in (folder, module):
        each.mkdir(parents=True)
    (folder / "main.tf").write_text(STACK.format(name=name))
    (module / "main.tf").write_text(KEYS.format(name=name))
    require_as_others(folder, module)
    return folder


def guards(planning: Workspace) -> list[WarmProvider]:
    return [p for installed in planning._installed.values() for p in installed.providers._all]


@pytest.mark.terraform
def test_plan_is_equal_with_and_without_a_warm_provider(
    planning: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack with several configurations of the provider uses none that runs."""
    leased: list[WarmProvider] = []
    lease = WarmProviders.lease

    @contextmanager
    def noting(providers: WarmProviders) -> Iterator[tuple[WarmProvider, str] | None]:
        with lease(providers) as lent:
            assert lent
            leased.append(lent[0])
            yield lent

    monkeypatch.setattr(WarmProviders, "lease", noting)
    folder = project / "environments" / "development"
    warm = [planning.plan(folder, project=project) for _ in range(2)]
    provider = leased[-1]
    assert provider.is_running()
    assert provider.answers  # The proxy recognised the request for schemas.
    assert '"sdk.' not in provider.log()  # Thousands of lines cost a quarter of its time.
    with (folder / "providers.tf").open("a") as file:
        file.write('provider "aws" {\n  alias  = "b"\n  region = "eu-west-2"\n}\n')
    monkeypatch.setattr(WarmProviders, "lease", None)
    plain = comparable(planning.plan(folder, project=project))
    assert plain["configuration"]["provider_config"].pop("aws.b")
    assert [comparable(plan) == plain for plan in warm] == [True, True]


@pytest.mark.terraform
def test_plan_in_parallel_keeps_trees_and_configurations_apart(
    planning: Workspace, tmp_path: Path
) -> None:
    names = ("first", "second")
    stacks = [stack(tmp_path / name, name) for name in names]
    with ThreadPoolExecutor(2) as pool:
        plans = [*pool.map(lambda folder: planning.plan(folder, project=folder.parents[1]), stacks)]
    for name, plan in zip(names, plans, strict=True):
        planned = [change["change"]["after"] for change in json.loads(plan)["resource_changes"]]
        assert {(key["tags_all"]["stack"], key["description"]) for key in planned} == {(name, name)}


def killing(planning: Workspace, monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """Kill every provider just before Terraform plans, that many times; return a log of it."""
    log: list[str] = []
    run: Callable[..., bytes] = Workspace._run

    def kill_first(self: Workspace, tree: Any, config: Any, *arguments: str, **more: Any) -> bytes:
        if arguments[0] == "plan" and len(log) < times:
            log.append(more.get("reattach", ""))
            for provider in filter(WarmProvider.is_running, guards(planning)):
                os.killpg(provider._guard.pid, signal.SIGKILL)
        return run(self, tree, config, *arguments, **more)

    monkeypatch.setattr(Workspace, "_run", kill_first)
    return log


@pytest.mark.terraform
def test_plan_starts_a_provider_again_once(
    planning: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stack(tmp_path, "again")
    log = killing(planning, monkeypatch, 1)
    assert len(json.loads(planning.plan(folder, project=tmp_path))["resource_changes"]) == 40
    assert log != [""]


@pytest.mark.terraform
def test_plan_reports_a_provider_that_ends_twice(
    planning: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stack(tmp_path, "twice")
    log = killing(planning, monkeypatch, 2)
    with pytest.raises(TerraformError, match="the AWS provider ended twice while planning env"):
        planning.plan(folder, project=tmp_path)
    assert len(set(log)) == 2


@pytest.mark.parametrize("connected", [True, False])
def test_plan_starts_its_own_provider_if_terraform_cannot_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connected: bool
) -> None:
    reason = "Error: No such attribute" if connected else "Error: Failed to load\n plugin schemas"
    reattached: list[str] = []

    def plan(reattach: str) -> bytes:
        reattached.append(reattach)
        if reattach:
            raise TerraformError(reason)
        return b"{}"

    running = SimpleNamespace(is_running=lambda: True, answers={}, log=str)
    providers = SimpleNamespace(lease=lambda: nullcontext((running, "{}")))
    installed = SimpleNamespace(providers=providers, config=tmp_path)
    monkeypatch.setattr(workspaces, "shortened", lambda *_: nullcontext("short"))
    tree = SimpleNamespace(root=tmp_path, folder=tmp_path, name="stack")
    workspace = Workspace(Terraform(Path("terraform"), "Terraform", (1, 11, 4), "x"), tmp_path)
    if connected:
        with pytest.raises(TerraformError):
            workspace._warm(tree, installed, plan)  # type: ignore[arg-type]
    else:
        assert workspace._warm(tree, installed, plan) == b"{}"  # type: ignore[arg-type]
    assert reattached == (["short"] if connected else ["short", ""])
