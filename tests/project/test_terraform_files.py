"""Which files Terraform reads. Terraform itself is the judge."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from finbase.ci.affected import is_read as affects
from finbase.cli import main
from finbase.project.terraform_files import is_code, is_left_behind, is_read
from finbase.project.tree import is_ignored
from finbase.terraform.offline import is_unplanned
from finbase.terraform.program import find_terraform, isolated_environ

PARTS = (
    *("terraform", "main", "override", "_override", "auto", "x", "plan", " ", "é", "\n", "-"),
    *(".tfstate", ".backup", ".tfplan", ".lock", ".info", ".terraform", ".hcl", ".json", ".md"),
    *(".tf", ".tf", ".tf.json", ".tofu", ".tofu.json", ".TF", ".tfvars", ".tfvars.json"),
    *(".auto.tfvars", ".auto.tfvars.json", ".tftest.hcl", ".bak", ".swp"),
    *(".", "~", "#", "__pycache__", ".git"),
)
NAMES = (
    *("terraform.tfstate.tf", "x.tfstate._override.tf", "terraform.tfstate.backup.tf.json"),
    *(".terraform.tfstate.lock.info.tf", "change.tfplan.tf", "a.tfplan.auto.tfvars"),
    *(".hidden.tf", ".auto.tfvars", ".x.auto.tfvars.json", "#x.auto.tfvars", "#x.tf", "#x.tf#"),
    *("main.tf~", "__pycache__.tf", "terraform.tfvars", "terraform.tfvars.json", ".tf", "~.tf"),
)
drawn_names = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("".join)


def content(name: str, number: int) -> str:
    """Give ``v<number>`` a value that only this file gives it."""
    if VALUES.fullmatch(name):
        return f'{{"v{number}": 1}}' if name.endswith(".json") else f"v{number} = 1\n"
    if name.endswith(".json"):
        return f'{{"output": {{"v{number}": {{"value": 1}}}}}}'
    return f'output "v{number}" {{\n  value = 1\n}}\n'


def base(name: str, number: int) -> str:
    """Declare what a file of values sets, or an override file overrides."""
    if VALUES.fullmatch(name):
        return (
            f'variable "v{number}" {{\n  default = 0\n}}\n'
            f'output "v{number}" {{\n  value = var.v{number}\n}}\n'
        )
    return f'output "v{number}" {{\n  value = 0\n}}\n' if OVERRIDE.fullmatch(name) else ""


def read_by_terraform(names: list[str], folder: Path) -> set[str]:
    """The files whose value is the one that Terraform plans."""
    for number, name in enumerate(names):
        (folder / name).write_text(content(name, number))
    (folder / "base.tf").write_text("".join(base(name, i) for i, name in enumerate(names)))
    terraform = find_terraform()
    done = subprocess.run(
        [str(terraform.path), "plan", "-no-color", "-input=false", "-lock=false"],
        cwd=folder,
        env=isolated_environ() | {"HOME": str(folder), "TF_CLI_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    planned = re.findall(r"^ +\+ v(\d+) += 1$", done.stdout, re.MULTILINE)
    return {names[int(number)] for number in planned}


VALUES = re.compile(r".*\.tfvars(\.json)?", re.DOTALL)
OVERRIDE = re.compile(r"(.*_)?override\.(tf|tofu)(\.json)?", re.DOTALL)


def allowed(name: str) -> bool:
    return name not in (".", "..", "base.tf", ".terraform", "terraform.tfstate") and len(name) < 200


@settings(max_examples=8)
@given(drawn=st.lists(drawn_names.filter(allowed), min_size=20, max_size=60, unique=True))
def test_is_read_as_terraform_reads(drawn: list[str]) -> None:
    names = sorted({*drawn, *NAMES})
    with tempfile.TemporaryDirectory() as folder:
        read = read_by_terraform(names, Path(folder))
    assert {"terraform.tfstate.tf", ".auto.tfvars", "x.tfstate._override.tf"} <= read
    assert ".hidden.tf" not in read
    for name in sorted(read):
        assert is_read(name), name
        assert is_code(name) or VALUES.fullmatch(name), name
        for folder in ("environments/test", "modules/kms/1.0.0"):
            assert not is_ignored(PurePosixPath(folder, name)), name
            assert affects(PurePosixPath(folder, name)), name
        assert not is_unplanned("", [name]), name
    # Nothing else is code to us: a plan of real files would seem to lack it.
    assert {name for name in names if is_code(name)} - read == {
        name for name in names if name.endswith((".tofu", ".tofu.json")) and is_code(name)
    }


@given(drawn_names)
def test_is_read_excludes_is_left_behind(name: str) -> None:
    assert not (is_read(name) and is_left_behind(name))
    assert not is_code(name) or is_read(name)


HIDDEN_CODE = (
    "x.tfstate._override.tf",
    "prod.tfplan.tofu",
    ".auto.tfvars",
    ".x.auto.tfvars.json",
    "a.tfplan.tftest.hcl",
)
HIDDEN_JSON = ("terraform.tfstate.backup.tf.json", "x.tfstate.d.tofu.json")


@pytest.mark.parametrize("folder", ["environments/development", "modules/kms/1.0.0"])
@pytest.mark.parametrize(
    ("names", "reason"),
    [
        pytest.param(HIDDEN_CODE, "Terraform reads {}", id="code"),
        pytest.param(HIDDEN_JSON, "{}: is JSON", id="json"),  # Refused before its text is read.
    ],
)
def test_commands_refuse_unrendered_code(
    project: Path, folder: str, names: Iterable[str], reason: str
) -> None:
    for name in names:
        (project / folder / name).write_text("")
    for command in (
        ["render", "--check"],
        ["check", "development"],
        ["plan", "development"],
        ["apply", "development"],
    ):
        result = CliRunner().invoke(main, ["--project", str(project), *command])
        assert result.exit_code == 1, (command, result.output)
        assert folder in result.output, (command, result.output)
        if command[0] != "render" and folder.startswith("environments"):
            assert all(reason.format(f"{folder}/{name}") in result.output for name in names)
