"""``finbase rehearse`` without a real rehearsal: its messages and streams."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from finbase.commands import rehearse as command
from finbase.commands._rendered import load_rendered
from finbase.errors import FinbaseError
from finbase.rehearsal import rehearse as module
from finbase.rehearsal.model import Rehearsal, Step
from finbase.release.integrity import Breach
from finbase.release.standing import Standing
from finbase.terraform.program import Terraform
from tests.support.commands import ROOT, finbase

ENVIRONMENT = "development"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files; Terraform is installed, but never run."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    terraform = Terraform(tmp_path / "terraform", "Terraform", (1, 11, 4), "linux_amd64")
    monkeypatch.setattr("finbase.terraform.program.find_terraform", lambda: terraform)
    return folder


def passes(*_: Any, **__: Any) -> Rehearsal:
    return Rehearsal(ENVIRONMENT, (Step("apply", 1.0, 2),))


@pytest.mark.parametrize("options", [(), ("--life",)])
@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
@pytest.mark.usefixtures("temporary")
def test_rehearse_prints_each_step_as_it_ends(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], quiet: tuple[str, ...]
) -> None:
    """A life takes up to an hour: its steps do not wait for the report."""

    def run(*_: Any, ended: Any, **__: Any) -> Rehearsal:
        ended(Step("add a zone", 20.8, 646, 19, ("No changes",)))
        ended(Step("destroy", 1.0, 2, 0, (), ("no route",)))
        raise FinbaseError("the end")

    monkeypatch.setattr(module, "rehearse", run)
    done = finbase(ROOT, "rehearse", ENVIRONMENT, *options, *quiet)
    steps = (
        "add a zone: 19 resources, 20.8 seconds, 646 calls; No changes\n"
        "destroy: 1.0 seconds, 2 calls; FAIL\n  no route\n"
    )
    assert done.stderr == ("" if quiet else steps) + "the end\n"
    assert done.stdout == ""


@pytest.mark.parametrize("edited", [True, False])
@pytest.mark.usefixtures("temporary")
def test_rehearse_notes_edited_release(monkeypatch: pytest.MonkeyPatch, edited: bool) -> None:
    """Rendering does not restore a release, so an edited one is not among the changes."""

    def rendered(root: Path, names: list[str]) -> Standing:
        found = load_rendered(root, names)
        breach = Breach(PurePosixPath("modules/kms/v1.0.0"), "kms 1.0.0 was edited", "undo that")
        nothing = replace(found.changes, created={}, changed={}, removed={})
        return Standing(found.environments, nothing, (breach,) if edited else (), {})

    monkeypatch.setattr(module, "rehearse", passes)
    monkeypatch.setattr(command, "load_rendered", rendered)
    done = finbase(ROOT, "rehearse", ENVIRONMENT)
    assert done.exit_code == 0, done.output
    assert ("the files on disk are rehearsed" in done.stderr) == edited


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
@pytest.mark.parametrize(
    ("error", "code"), [(None, 0), (FinbaseError("no luck"), 2), (KeyboardInterrupt(), 130)]
)
def test_rehearse_keep_names_folder(
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException | None,
    code: int,
    quiet: tuple[str, ...],
) -> None:
    def run(*_: Any, **__: Any) -> Rehearsal:
        if error is not None:
            raise error
        return passes()

    monkeypatch.setattr(module, "rehearse", run)
    done = finbase(ROOT, "rehearse", ENVIRONMENT, "--keep", *quiet)
    assert done.exit_code == code, done.output
    [kept] = temporary.iterdir()
    assert f"kept: {kept}\n" in done.stderr
    assert "kept" not in done.stdout


def test_rehearse_without_terraform_creates_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("FINBASE_TERRAFORM", "/nowhere")
    done = finbase(ROOT, "rehearse", ENVIRONMENT, "--keep")
    assert done.exit_code == 2
    assert "names '/nowhere', which is not a program" in done.stderr
    assert list(tmp_path.iterdir()) == []
