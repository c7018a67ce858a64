"""Run the tests that every module ships.

Those of the newest releases run with one running provider for all. With ``--soak``, those of each
release run as its users run them: in its folder, with ``terraform init`` and ``terraform test``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from finbase.contract.registry import Registry
from finbase.errors import TerraformError
from finbase.system.processes import Processes
from finbase.terraform.program import find_terraform, isolated_environ
from finbase.terraform.provider import find_provider
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT

TESTED = sorted({path.parent.parent for path in ROOT.glob("modules/*/*/tests/*.tftest.hcl")})
REGISTRY = Registry(ROOT)
NEWEST = {ROOT / "modules" / name / str(REGISTRY.current(name).version) for name in REGISTRY.names}
SUCCESS = re.compile(r"^Success! (\d+) passed, 0 failed\.$", re.MULTILINE)


class Fault(NamedTuple):
    """A change that breaks a promise of a module, and the message of the test that must fail."""

    module: str
    file: str
    right: str
    wrong: str
    message: str


FAULTS = (
    Fault(
        *("access", "main.tf"),
        "referenced_security_group_id = var.rotation_security_group_id",
        "referenced_security_group_id = var.database_security_group_id",
        "What leaves one group arrives at the other",
    ),
    Fault(
        *("cache", "main.tf"),
        "  kms_key_id           = var.cache_key_arn\n",
        "",
        "The cache is encrypted with the key made for it",
    ),
    Fault(
        *("database", "parameters.tf"),
        'name  = "rds.force_ssl"\n    value = "1"',
        'name  = "rds.force_ssl"\n    value = "0"',
        "Connections without TLS are refused",
    ),
    Fault(
        *("existing_network", "main.tf"),
        "  subnet_id = each.value.private_subnet_id\n",
        "  subnet_id = each.value.database_subnet_id\n",
        "The route tables and gateways are those of the subnets",
    ),
    Fault(
        *("kms", "main.tf"),
        "multi_region            = false",
        "multi_region            = true",
        "No key leaves its region",
    ),
    Fault(
        *("monitoring", "database_alarms.tf"),
        "for_each = local.instances",
        "for_each = { primary = var.database_identifier }",
        "The primary and each replica have the same alarms",
    ),
    Fault(
        *("network", "routes.tf"),
        "aws_nat_gateway.main[each.key].id",
        "values(aws_nat_gateway.main)[0].id",
        "leads to that zone's NAT gateway",
    ),
    Fault(
        *("replica", "main.tf"),
        "performance_insights_enabled          = true",
        "performance_insights_enabled          = false",
        "Performance Insights are on, with the primary's retention and key",
    ),
    Fault(
        *("roles", "main.tf"),
        "sort(each.value.readers)",
        '["*"]',
        "Everybody is denied but the function and the readers of the role",
    ),
    Fault(
        *("secret", "rotation.tf"),
        "resources = [var.database_arn]",
        'resources = ["*"]',
        "Each permission is for one secret, key, instance or log",
    ),
)

TerraformTest: TypeAlias = Callable[[Path], int]


def passed(output: bytes) -> int:
    """Return the number of runs, all of which must have passed."""
    success = SUCCESS.search(output.decode())
    assert success, output.decode()
    return int(success[1])


@pytest.fixture
def warm_test(workspace: Workspace) -> TerraformTest:
    """Return a function that runs the tests in a folder and returns the number of runs."""
    return lambda folder: passed(workspace.run(folder, "test", "-no-color", project=folder))


@pytest.fixture(scope="module")
def terraform_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerraformTest]:
    """Return a function that runs the tests in a folder and returns the number of runs."""
    terraform, environ = find_terraform(), isolated_environ()
    scratch = tmp_path_factory.mktemp("provider")
    provider = find_provider(terraform, environ)
    if provider.mirrors:
        config = scratch / "mirrors.tfrc"
        config.write_text(provider.cli_config(terraform.host, scratch))
        environ |= {"TF_CLI_CONFIG_FILE": str(config)}
    with Processes() as processes:

        def run(folder: Path) -> int:
            for command in ("init", "test"):
                output = terraform.run(
                    *(command, "-no-color"),
                    cwd=folder,
                    environ=environ,
                    processes=processes,
                    subject=folder.name,
                )
            return passed(output)

        yield run


def test_module_tests_exist() -> None:
    assert NEWEST - set(TESTED) == set()
    assert {fault.module for fault in FAULTS} == set(REGISTRY.names)


def run_in_copy(module: Path, tmp_path: Path, run: TerraformTest) -> None:
    folder = shutil.copytree(module, tmp_path / module.parent.name)
    declared = [
        line
        for path in folder.glob("tests/*.tftest.hcl")
        for line in path.read_text().splitlines()
        if line.startswith("run ")
    ]
    assert run(folder) == len(declared) > 0


def name(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


@pytest.mark.terraform
@pytest.mark.parametrize("module", sorted(NEWEST), ids=name)
def test_module_passes(module: Path, tmp_path: Path, warm_test: TerraformTest) -> None:
    run_in_copy(module, tmp_path, warm_test)


@pytest.mark.soak
@pytest.mark.terraform
@pytest.mark.parametrize("module", TESTED, ids=name)
def test_module_passes_for_users(
    module: Path, tmp_path: Path, terraform_test: TerraformTest
) -> None:
    run_in_copy(module, tmp_path, terraform_test)


@pytest.mark.terraform
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.module)
def test_module_fails_with_fault(fault: Fault, tmp_path: Path, warm_test: TerraformTest) -> None:
    version = str(REGISTRY.current(fault.module).version)
    folder = shutil.copytree(ROOT / "modules" / fault.module / version, tmp_path / fault.module)
    source = (folder / fault.file).read_text()
    assert fault.right in source
    (folder / fault.file).write_text(source.replace(fault.right, fault.wrong))
    with pytest.raises(TerraformError) as caught:
        warm_test(folder)
    assert fault.message in " ".join(caught.value.message.split())
