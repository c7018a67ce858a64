"""The server of the local AWS: what it says of its calls, and that nothing of it stays."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from finbase.sandbox.calls import calls
from finbase.sandbox.client import Endpoint
from finbase.sandbox.server import (
    OVERRIDDEN,
    SERVICES,
    Sandbox,
    SandboxError,
    databases,
    environment,
    overrides,
    running,
)
from finbase.source.hcl_scan import scan
from tests.support.living import alive

# In the background, where tests may well run, shells have programs ignore SIGINT.
FINBASE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from finbase.cli import main; main(prog_name='finbase')"
)
PARENT = """
import sys, time
from pathlib import Path
from finbase.sandbox.server import running
with running(Path(sys.argv[1]), account_id="777788889999", region="eu-west-1") as served:
    print(served.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for temporary files of the server by hand."""
    return tmp_path_factory.mktemp("by-hand")


@pytest.fixture(scope="module", autouse=True)
def by_hand(temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """``finbase sandbox``, which starts while the first tests run."""
    command = [sys.executable, "-c", FINBASE, "sandbox", "--port", "0"]
    with starting(command, env=os.environ | {"TMPDIR": str(temporary)}) as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A process that has a server, which starts while the first tests run."""
    folder = tmp_path_factory.mktemp("parent")
    with starting([sys.executable, "-c", PARENT, str(folder)], env=os.environ) as started:
        yield started


@contextmanager
def starting(command: list[str], *, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True) as started:
        yield started
        started.kill()


def test_server_has_account(client: Callable[..., Any]) -> None:
    assert client("sts").get_caller_identity()["Account"] == "777788889999"


def test_server_has_managed_policies(client: Callable[..., Any]) -> None:
    """IAM User Guide, "AWS managed policies"; moto has them only where it is asked to."""
    arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    assert client("iam").get_policy(PolicyArn=arn)["Policy"]["Arn"] == arn


def test_server_listens_on_loopback(sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    addresses = re.findall(rf": ([0-9A-F]+):{int(port):04X} \S+ 0A ", listening)
    assert addresses == ["0100007F"]


def test_server_logs_calls(sandbox: Sandbox, client: Callable[..., Any]) -> None:
    before = len(calls(sandbox.log))
    client("sns").list_topics()
    with pytest.raises(ClientError):
        client("kms").describe_key(KeyId="nothing")
    noted = calls(sandbox.log)[before:]
    assert [(call.service, call.operation, call.status) for call in noted] == [
        ("sns", "ListTopics", 200),
        ("kms", "DescribeKey", 400),
    ]
    assert all(call.milliseconds > 0 for call in noted)


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("elasticache", "describe_events", {}),
        ("ec2", "describe_fast_snapshot_restores", {}),
        ("secretsmanager", "stop_replication_to_replica", {"SecretId": "a"}),
    ],
)
def test_unsupported_operation_is_a_400(
    client: Callable[..., Any], service: str, operation: str, given: dict[str, str]
) -> None:
    """In the three protocols; moto's 500 is tried again for minutes by AWS clients."""
    with pytest.raises(ClientError, match="does not support") as caught:
        getattr(client(service), operation)(**given)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["Error"]["Code"] == "NotInLocalAWS"


def test_overrides_are_listed(sandbox: Sandbox) -> None:
    [provider] = scan(overrides(sandbox)["zz_finbase_sandbox_override.tf"]).blocks
    assert {*provider.attributes, *(inner.type for inner in provider.blocks)} == {*OVERRIDDEN}


def test_overrides_keep_account_check(sandbox: Sandbox) -> None:
    text = "\n".join(overrides(sandbox).values())
    assert text.count(f'"{sandbox.url}"') == len(SERVICES)
    assert text.count(f'"{sandbox.key}"') == 2
    assert 'backend "local"' in text
    assert "allowed_account_ids" not in text
    assert "skip_requesting_account_id" not in text


def test_overrides_can_leave_endpoints_to_variables(sandbox: Sandbox) -> None:
    with_block, without = overrides(sandbox), overrides(sandbox, endpoints=False)
    assert sandbox.url not in "".join(without.values())
    assert environment(sandbox)["AWS_ENDPOINT_URL"] == sandbox.url
    name = "zz_finbase_sandbox_override.tf"
    [provider] = scan(without[name]).blocks
    assert provider.attributes == scan(with_block[name]).blocks[0].attributes


def test_port_in_use(sandbox: Sandbox, tmp_path: Path) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with (
        pytest.raises(SandboxError, match=f"port {port} is in use"),
        running(tmp_path, account_id="777788889999", region="eu-west-1", port=port),
    ):
        pass


def test_command_ends_with_ctrl_c(by_hand: subprocess.Popen[str], temporary: Path) -> None:
    assert by_hand.stderr is not None
    assert by_hand.stdout is not None
    ready = by_hand.stderr.readline()
    url = ready.split()[3].rstrip(",")
    assert ready.startswith("account 123456789012 at http://127.0.0.1:")
    printed = by_hand.stdout.readline() + by_hand.stdout.readline()
    key = printed.rpartition("export AWS_ACCESS_KEY_ID=")[2].rstrip("\n")
    endpoint = Endpoint(url, key)
    assert databases(endpoint) == {}
    assert len(list(temporary.iterdir())) == 1
    by_hand.send_signal(signal.SIGINT)
    printed += by_hand.stdout.read()
    by_hand.wait(timeout=60)
    assert by_hand.returncode == 0
    assert printed.startswith(f"export AWS_ENDPOINT_URL={url}\n")
    assert f'rds            = "{url}"' in printed
    assert list(temporary.iterdir()) == []
    with pytest.raises(OSError, match="refused"):
        databases(endpoint)


def test_server_ends_with_killed_parent(parent: subprocess.Popen[str]) -> None:
    """Also where the parent has no time to end anything."""
    assert parent.stdout is not None
    served = int(parent.stdout.readline())
    assert alive(served)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    end = time.monotonic() + 60
    while alive(served):
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
@pytest.mark.usefixtures("sandbox")
def test_running_hides_the_environment_of_its_caller() -> None:
    """The function of a stack may not read the credentials of the shell from /proc."""
    get_dumpable = 3
    assert ctypes.CDLL(None).prctl(get_dumpable, 0, 0, 0, 0) == 0
