"""No link of a project is followed, and no archive fills the memory."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from finbase.errors import ComplianceError, FinbaseError, TreeError
from finbase.judge.anchor import deviations
from finbase.judge.catalogue import load_failures
from finbase.judge.features import copy_profiles, copy_sources
from finbase.judge.mutations import load_mutations
from finbase.judge.prove import applied_state, rendered_files
from finbase.source import bounds
from tests.support.commands import ROOT, finbase

PLAN = ROOT / "tests" / "fixtures" / "plans" / "nested.json"


@pytest.mark.parametrize(
    "name", ["failures.yaml", "own.feature", "steps/own.py", "mutations/own.yaml", "README"]
)
def test_commands_follow_no_link_in_features(project: Path, name: str) -> None:
    secret = project.parent / "secret"
    secret.write_text("Feature: the secret\n@F01\nScenario: the secret\n")
    link = project / "features" / name
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    for command, code in (
        (["explain", "F01"], 2),
        (["doctor"], 1),
        (["check", "--plan", str(PLAN)], 2),
        (["prove", "F01"], 2),
    ):
        done = finbase(project, *command)
        assert done.exit_code == code, done.output
        assert "is a symbolic link" in done.output.replace("\n", " ")
        assert "the secret" not in done.output
    for read in (load_failures, load_mutations, deviations):
        with pytest.raises(TreeError, match="is a symbolic link"):
            read(project / "features")


def test_copies_follow_no_link_and_read_no_pipe(project: Path) -> None:
    stack, module = project / "environments" / "staging", project / "modules" / "kms" / "2.0.0"
    for path, read in (
        (module / "design.yaml", lambda to: copy_profiles(project, to)),
        (module / "design.yaml", lambda to: copy_sources(stack, to)),
        (module / "extra.tf", lambda to: copy_sources(stack, to)),
        (stack / "extra.tf.json", lambda to: copy_sources(stack, to)),
    ):
        for make in (lambda path: path.symlink_to(ROOT / "pyproject.toml"), os.mkfifo):
            make(path)
            with pytest.raises(TreeError):
                read(project.parent / "copy")
            path.unlink()
    (module / "extra.tf").symlink_to(ROOT / "README.md")
    with pytest.raises(TreeError, match="is a symbolic link"):
        rendered_files(project)


def test_links_of_terraform_are_not_read(project: Path) -> None:
    before = rendered_files(project)
    providers = project / "environments" / "staging" / ".terraform" / "providers"
    providers.mkdir(parents=True)
    (providers / "linux_amd64").symlink_to(ROOT / "docs")
    assert rendered_files(project) == before


def test_applied_state_is_bounded(project: Path) -> None:
    file = project / "features" / "applied" / "staging.state.gz"
    file.write_bytes(gzip.compress(bytes(bounds.MOST_BYTES + 1)))
    with pytest.raises(ComplianceError, match="larger than 64 MiB"):
        applied_state(project, "staging")
    file.write_bytes(b"\x1f\x8b\x08\x00" + bytes(20))
    with pytest.raises(FinbaseError):
        applied_state(project, "staging")
