"""The JSON documents of the commands: one voice, and the shapes that are documented."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import jsonschema_rs
import pytest

from finbase.cli import main
from finbase.judge.catalogue import Failure
from finbase.judge.mutations import Mutation, Outcome
from finbase.judge.verdict import Scenario, Verdict
from finbase.plan.summary import summarise
from finbase.rehearsal.model import Drift, Rehearsal, Search, Step
from finbase.report import documents, verdict_json
from finbase.report.matrix import MatrixReport
from finbase.report.plan import PlanReport
from finbase.report.rehearsal import RehearsalReport
from tests.support.commands import ROOT, finbase

SHAPES = ROOT / "generator" / "finbase" / "report" / "shapes"

WITHOUT = {
    "apply": "`plan --json` reports what is applied, and Terraform reports the result",
    "completion": "it prints a script",
    "evidence": "the bundle that it writes holds the verdict as JSON",
    "explain": "it prints prose; the facts are in `rules --json`",
    "graph": "it has formats of its own",
    "init": "it writes files for people to edit",
    "matrix": "what it writes is JSON",
    "new": "it writes files for people to edit",
    "provider": "it edits files, and git shows the change",
    "report": "what it writes is that of check, joined",
    "reset-password": "it writes files, which git shows",
    "sandbox": "it serves until it is ended",
    "schema": "what it writes is JSON",
    "update": "it writes files, which git shows",
}


def closed(schema: Any) -> Any:
    """The schema with no key that it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **found} if "properties" in schema else found


def fits(document: bytes, shape: str) -> dict[str, Any]:
    assert document.endswith(b"}\n")
    assert document.isascii()
    schema = closed(json.loads((SHAPES / f"{shape}.json").read_bytes()))
    found: dict[str, Any] = json.loads(document)
    jsonschema_rs.Draft202012Validator(schema).validate(found)
    assert next(iter(found)) == "schema_version"
    return found


def test_json_of_each_command() -> None:
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        flags = {flag for parameter in command.params for flag in parameter.opts}
        assert ("--json" in flags) != (name in WITHOUT), name
        if "--json" in flags:
            assert (SHAPES / f"{name}.json").is_file(), name


@pytest.mark.parametrize(
    ("command", "code", "some"),
    [
        ("show staging", 0, "values"),
        ("outdated", 1, "outdated"),
        ("diff staging production", 1, "differences"),
        ("diff staging staging", 0, ""),
        ("rules", 0, "rules"),
        ("render", 0, ""),
        ("render --check", 0, ""),
        ("doctor", None, "findings"),
    ],
)
def test_json_matches_shape(
    project: Path, tmp_path: Path, command: str, code: int | None, some: str
) -> None:
    report = tmp_path / "report.json"
    if command == "outdated":
        path = project / "environments" / "production.yaml"
        path.write_text(re.sub(r"(kms:\n +version: )\S+", r"\g<1>1.0.1", path.read_text()))
    done = finbase(project, *command.split(), "--json", str(report))
    assert code is None or done.exit_code == code, done.output
    found = fits(report.read_bytes(), command.split()[0])
    assert not some or found[some]


def test_json_of_a_render(project: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    stack = project / "environments" / "staging"
    (stack / "main.tf").write_text("# nothing\n")
    (stack / "outputs.tf").unlink()
    lost = project / "modules" / "kms" / "1.0.0" / "main.tf"
    lost.write_text("")
    for arguments in (("--check",), ()):
        done = finbase(project, "render", *arguments, "--json", str(report))
        assert done.exit_code == 1
        found = fits(report.read_bytes(), "render")
        assert (found["clean"], found["written"]) == (False, False)
        assert found["created"] == ["environments/staging/outputs.tf"]
        assert found["changed"] == ["environments/staging/main.tf"]
        assert [breach["folder"] for breach in found["breaches"]] == ["modules/kms/1.0.0"]


def test_json_of_a_release(project: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    template = project / "templates" / "modules" / "kms" / "main.tf.j2"
    template.write_text(template.read_text().replace("deletion_window_in_days", "x_days"))
    arguments = ("release", "kms", "patch", "-m", "Why.", "--dry-run", "--json", str(report))
    finbase(project, *arguments)
    found = fits(report.read_bytes(), "release")
    assert (found["module"], found["level"], found["released"]) == ("kms", "patch", False)


def test_environments_that_are_affected(project: Path, tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        roles = ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")
        who = {f"GIT_{role}": "x" for role in roles}
        subprocess.run(["git", "-C", project, *arguments], env=os.environ | who, check=True)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "x")
    with (project / "environments" / "staging" / "main.tf").open("a") as file:
        file.write("\n")
    report = tmp_path / "report.json"
    finbase(project, "affected", "--since", "HEAD", "--json", str(report))
    found = fits(report.read_bytes(), "affected")
    assert [each["environment"] for each in found["affected"]] == ["staging"]
    assert found["until"] is None


def test_verdicts_proofs_and_plans() -> None:
    failure = Failure("F01", "high", "title", "requirement", ())
    scenario = Scenario(
        feature="feature",
        name="name",
        location="a.feature:1",
        tags=("F01",),
        failure_ids=("F01",),
        severity="high",
        requirements=("PCI DSS 1.3.2",),
        status="failed",
        step="Then it fails",
        evidence="é\nb",
    )
    fits(verdict_json.render([Verdict("staging", (scenario,), (failure,))]), "check")
    mutation = Mutation("a", "F01", "what", "why", (), "production")
    fits(documents.render(MatrixReport([Outcome(mutation, ("F01",), frozenset({"F10"}))])), "prove")
    change = {"actions": ["delete", "create"], "before": {}, "after": {}, "replace_paths": [["x"]]}
    key = {"address": "module.kms.aws_kms_key.x", "mode": "managed", "type": "aws_kms_key"}
    summary = summarise({"resource_changes": [{**key, "change": change}]})
    assert fits(documents.render(PlanReport("staging", summary)), "plan")["data_loss"]


def test_json_of_a_rehearsal() -> None:
    step = Step("apply", 1.5, 12, 132, ("132 resources",), ("a password lies in a file",))
    drift = Drift("again", "module.kms.aws_kms_key.x", "change", ("tags",))
    seen = Rehearsal("staging", (step,), (drift,), ("a key",), Search(2, 3, 4, ("a.log",)))
    assert not fits(documents.render(RehearsalReport(seen, 80)), "rehearse")["passed"]


def test_shapes_are_valid_schemas() -> None:
    for path in SHAPES.iterdir():
        jsonschema_rs.meta.validate(json.loads(path.read_bytes()))
