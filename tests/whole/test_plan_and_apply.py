"""``finbase plan`` and ``finbase apply`` on the local AWS, with its S3 bucket for the state."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from finbase.sandbox import server
from finbase.sandbox.client import client
from finbase.terraform.program import find_terraform
from finbase.terraform.provider import find_provider
from tests.support.commands import run

NAME = "development"
REGION = "eu-west-1"
OWN = """Feature: Controls of our own
  Scenario: The size that was agreed on
    Given the planned stack
    Then every primary sets instance_class to db.t4g.medium
"""


@pytest.mark.terraform
def test_plan_and_apply_through_the_life_of_a_stack(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws, programs = tmp_path / "aws", tmp_path / "programs"
    aws.mkdir()
    programs.mkdir()
    (project / "features" / "own.feature").write_text(OWN)
    terraform = find_terraform()
    config = programs / "mirror.tfrc"
    config.write_text(find_provider(terraform).cli_config(terraform.host, programs))
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
    with server.running(aws, account_id="777788889999", region=REGION) as sandbox:
        for name, value in server.environment(sandbox).items():
            monkeypatch.setenv(name, value)
        s3 = client("s3", sandbox, REGION)
        s3.create_bucket(
            Bucket="ledger-development-terraform-state",
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )

        first = change(project)
        assert first["add"] > 90
        assert apply(project).returncode == 0

        assert not any(change(project).values())
        assert apply(project).returncode == 0

        edit(project, "freeable_memory_threshold_mib: 256", "freeable_memory_threshold_mib: 200")
        assert {name for name, count in change(project).items() if count} == {"change"}
        assert apply(project).returncode == 0

        edit(project, "instance_class: db.t4g.medium", "instance_class: db.t4g.large")
        assert change(project)["change"]
        refused = apply(project)
        assert refused.returncode == 1
        assert "The size that was agreed on" in refused.stderr
        assert "nothing was applied" in refused.stderr
        (instance,) = client("rds", sandbox, REGION).describe_db_instances()["DBInstances"]
        assert instance["DBInstanceClass"] == "db.t4g.medium"


def change(project: Path) -> dict[str, int]:
    """Plan, and return how many resources the plan adds, changes and so on."""
    file = project / "plan.json"
    planned = run(project, "plan", NAME, "--json", str(file))
    assert planned.returncode in (0, 1), planned.stdout + planned.stderr
    counts: dict[str, int] = json.loads(file.read_text())["counts"]
    file.unlink()
    return counts


def apply(project: Path) -> subprocess.CompletedProcess[str]:
    return run(project, "apply", NAME)


def edit(project: Path, find: str, replace: str) -> None:
    """Change the environment, and render it."""
    path = project / "environments" / f"{NAME}.yaml"
    text = path.read_text()
    assert text.count(find) == 1
    path.write_text(text.replace(find, replace))
    rendered = run(project, "render", NAME)
    assert rendered.returncode == 0, rendered.stderr
