"""The controls and a sample of the proof on a newer Terraform than the one that renders use."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT, finbase
from tests.support.newer_terraform import write_program

SAMPLE = ("nat-gateway-single", "windows-overlap")


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = write_program(tmp_path)
    monkeypatch.setenv("FINBASE_TERRAFORM", str(program))
    return program


@pytest.mark.terraform
def test_newer_terraform_judges_alike(
    newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terraform = find_terraform()
    assert terraform.path == newer
    assert terraform.version == (1, 15, 5)
    (tmp_path / "workspace").mkdir()
    with Workspace(terraform, tmp_path / "workspace") as workspace:
        for command in ("check", "prove"):  # One provider for both.
            monkeypatch.setattr(
                f"finbase.judge.{command}.Workspace", lambda *_: nullcontext(workspace)
            )
        checked = finbase(ROOT, "check", "development", "--no-cache")
        proved = finbase(ROOT, "prove", *SAMPLE, "--jobs", "1")
    assert checked.exit_code == 0, checked.output
    assert proved.exit_code == 0, proved.output
    assert f"{len(SAMPLE)} of {len(SAMPLE)} mutations" in proved.output


def test_check_notes_a_version_that_was_not_run(tmp_path: Path) -> None:
    plan = (ROOT / "tests" / "fixtures" / "compliance" / "plan.json").read_text()
    assert plan.count('"terraform_version": "1.11.4"') == 1
    file = tmp_path / "plan.json"
    file.write_text(plan.replace('"terraform_version": "1.11.4"', '"terraform_version": "1.17.0"'))
    done = finbase(ROOT, "check", "--plan", str(file))
    assert "was not run with Terraform 1.17.0" in " ".join(done.output.split())
