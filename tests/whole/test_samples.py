"""The committed samples of a report, a bundle and a comment: fresh, and what they claim to be."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from docs.generate.samples import ENVIRONMENT, FOLDER, PICTURE, is_current, samples
from finbase.report.bundle.archive import unpack
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT, finbase

NAMES = ("bundle.zip", "key.pub.pem", "pull-request-comment.md", "report.html")
PATHS = (*(str(FOLDER / name) for name in NAMES), str(PICTURE))
STALE = "out of date; run: make samples"


@pytest.fixture(scope="module")
def made() -> Mapping[str, bytes]:
    return samples(ROOT)


@pytest.mark.parametrize("path", PATHS)
def test_sample_is_up_to_date(path: str, made: Mapping[str, bytes]) -> None:
    assert set(made) == set(PATHS)
    assert (ROOT / path).read_bytes() == made[path], STALE


@pytest.mark.terraform
def test_sample_plan_is_of_the_present_stack(workspace: Workspace) -> None:
    plan = workspace.plan(ROOT / "environments" / ENVIRONMENT, project=ROOT)
    assert is_current(ROOT, plan), STALE
    other = workspace.plan(ROOT / "environments" / "staging", project=ROOT)
    assert not is_current(ROOT, other)


def test_sample_bundle_is_valid() -> None:
    bundle, key = (str(ROOT / FOLDER / name) for name in ("bundle.zip", "key.pub.pem"))
    done = finbase(ROOT, "evidence", "verify", bundle, "--public-key", key)
    assert done.exit_code == 0, done.output
    assert "production: PASSED, made 2026-01-05T09:30:00+00:00" in done.output
    verifier = str(ROOT / "docs" / "how-to" / "verify_bundle.py")
    alone = [sys.executable, "-I", verifier, bundle, key]
    assert subprocess.run(alone, check=False).returncode == 0


def test_samples_have_no_path_of_a_machine() -> None:
    for path in PATHS:
        data = (ROOT / path).read_bytes()
        assert str(ROOT).encode() not in data
        assert b"/tmp/" not in data


def test_samples_are_linked() -> None:
    text = (ROOT / "docs" / "evidence" / "samples.md").read_text(encoding="utf-8")
    assert all(f"samples/{name}" in text for name in NAMES)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/evidence/samples.md)" in readme
    assert "docs/evidence/samples/" not in readme  # The page says what is made up.


def test_sample_says_that_it_is_one(made: Mapping[str, bytes]) -> None:
    members = unpack(made[str(FOLDER / "bundle.zip")])
    assert b"this is a sample" in made[str(FOLDER / "report.html")]
    run = json.loads(members["provenance.json"])["pipeline_run"]
    assert "this is a sample" in run["name"]
