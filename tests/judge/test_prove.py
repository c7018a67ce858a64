"""``finbase prove``: caught, missed and outdated mutations."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from finbase.cli import main
from finbase.judge.mutations import Mutation, Outcome
from finbase.judge.prove import applied_state, falls_by_change, has_changes
from finbase.report import documents
from finbase.report.matrix import MatrixReport
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import failed_ids
from tests.judge.test_parts import leave_out
from tests.support.commands import ROOT


def prove(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(project), "prove", *arguments])


def mutation(name: str, failure: str) -> Mutation:
    return Mutation(name, failure, "turns it off", "it matters", (), "production")


CAUGHT = Outcome(mutation("gateway-absent", "F01"), ("F01", "F10"), frozenset({"F10"}))
MISSED = Outcome(mutation("gp2", "F04b"), (), frozenset())
STRAY = Outcome(mutation("no-logs", "F04d"), ("F03", "F04d"), frozenset())
REFUSED = Outcome(mutation("no-key", "F08"), (), frozenset(), refused="plan failed:\n  no key")


def test_matrix_shows_each_outcome() -> None:
    text = MatrixReport([CAUGHT, MISSED, STRAY, REFUSED]).text()
    assert text.splitlines() == [
        "F01   gateway-absent  caught   F01 F10",
        "F04b  gp2             MISSED   none",
        "F04d  no-logs         STRAY    F03 F04d",
        "F08   no-key          REFUSED  none",
        "",
        "gp2: MISSED, failed: none",
        "    it turns it off",
        "",
        "no-logs: STRAY, failed: F03 F04d",
        "    it turns it off",
        "",
        "no-key: REFUSED, failed: none",
        "    it turns it off",
        "    plan failed:",
        "      no key",
        "",
        "1 of 4 mutations of 4 failures was caught by the right scenarios only",
    ]


def test_matrix_as_json_shows_each_outcome() -> None:
    document = json.loads(documents.render(MatrixReport([CAUGHT, REFUSED])))
    assert not document["proved"]
    first, second = document["mutations"]
    assert (first["id"], first["outcome"], first["fell"]) == (
        "gateway-absent",
        "caught",
        ["F01", "F10"],
    )
    assert (second["outcome"], second["refused"]) == ("refused", "plan failed:\n  no key")


def test_matrix_counts_what_does_not_apply_neither_as_caught_nor_as_missed() -> None:
    outside = Outcome(mutation("gp2", "F04b"), (), frozenset(), inapplicable="the stack has no x")
    report = MatrixReport([CAUGHT, outside])
    assert report.proved
    assert report.text().splitlines()[1:] == [
        "F04b  gp2             not applicable  none",
        "",
        "gp2: not applicable, failed: none",
        "    it turns it off",
        "    not applicable, because the stack has no x",
        "",
        "1 of 1 mutation of 1 failure was caught by the right scenarios only; 1 is not applicable",
    ]
    document = json.loads(documents.render(report))
    assert [each["outcome"] for each in document["mutations"]] == ["caught", "not applicable"]
    assert document["mutations"][1]["inapplicable"] == "the stack has no x"
    assert not MatrixReport([outside]).proved  # It proves nothing.
    assert not MatrixReport([CAUGHT, MISSED, outside]).proved


def test_matrix_lists_unchanged_stacks_as_not_caught() -> None:
    unchanged = Outcome(mutation("gp2", "F04b"), (), frozenset(), unchanged=True)
    report = MatrixReport([CAUGHT, unchanged], applied=True)
    assert report.proved
    document = json.loads(documents.render(report))
    assert (document["proved"], document["applied"]) == (True, True)
    assert [each["outcome"] for each in document["mutations"]] == ["caught", "unchanged"]
    assert report.text().splitlines()[1:] == [
        "F04b  gp2             UNCHANGED  none",
        "",
        "gp2: UNCHANGED, failed: none",
        "    it turns it off",
        "    the plan has no change: an argument that is no longer set keeps its value on AWS",
        "",
        "1 of 2 mutations of 2 failures was caught by the right scenarios only; "
        "1 plan no change of the applied stack",
    ]


@pytest.mark.parametrize(
    ("resource", "output", "changes"),
    [
        ("no-op", "no-op", False),
        ("read", "no-op", False),
        ("update", "no-op", True),
        ("no-op", "update", True),
    ],
)
def test_has_changes_looks_at_resources_and_outputs(
    resource: str, output: str, changes: bool
) -> None:
    plan = {
        "resource_changes": [{"change": {"actions": [resource]}}],
        "output_changes": {"host": {"actions": [output]}},
    }
    assert has_changes(plan) is changes


@pytest.mark.parametrize(
    ("place", "actions", "ids"),
    [
        ("aws_db_instance.primary", ["delete", "create"], {"F06b"}),
        ("aws_db_instance.primary", ["create", "delete"], {"F06b"}),
        ("aws_db_instance.primary", ["update"], set()),
        ("aws_db_instance.primary", ["create"], set()),
        ("aws_db_instance.replica", ["delete", "create"], set()),
        ("terraform_data.connection", ["update"], {"F06b"}),
        ("terraform_data.connection", ["create"], set()),
        ("terraform_data.other", ["update"], set()),
    ],
)
def test_changed_connection_makes_the_secret_old(
    place: str, actions: list[str], ids: set[str]
) -> None:
    type_, _, name = place.partition(".")
    entry = {"type": type_, "name": name, "change": {"actions": actions}}
    assert falls_by_change({"resource_changes": [entry]}) == ids


def test_prove_applied_refuses_a_missing_state(project: Path) -> None:
    (project / "features" / "applied" / "production.state.gz").unlink()
    result = prove(project, "storage-type-old", "--applied")
    assert result.exit_code == 2
    assert "finbase rehearse production --save-state" in result.output


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_prove_applied_judges_changes(project: Path) -> None:
    result = prove(project, "storage-type-old", "--applied")
    assert result.exit_code == 0, result.output
    assert "1 of 1 mutation of 1 failure was caught" in result.output


@pytest.mark.terraform
@pytest.mark.parametrize("environment", ["production", "staging", "development"])
def test_applied_state_is_of_the_rendered_stack(environment: str, workspace: Workspace) -> None:
    stack = ROOT / "environments" / environment
    plan = json.loads(workspace.plan(stack, project=ROOT, state=applied_state(ROOT, environment)))
    assert not has_changes(plan), "write the state again: make applied"
    assert failed_ids(plan) == set()


@pytest.mark.terraform
@pytest.mark.parametrize("stages", [["AWSPREVIOUS", "initial"], ["initial"]], ids="-".join)
def test_applied_state_passes_after_rotations(stages: list[str], workspace: Workspace) -> None:
    state = json.loads(applied_state(ROOT, "production"))
    [version] = [
        instance["attributes"]
        for resource in state["resources"]
        if (resource["type"], resource["name"])
        == ("aws_secretsmanager_secret_version", "connection")
        for instance in resource["instances"]
    ]
    assert sorted(version["version_stages"]) == ["AWSCURRENT", "initial"]
    version["version_stages"] = stages
    stack = ROOT / "environments" / "production"
    plan = workspace.plan(stack, project=ROOT, state=json.dumps(state).encode())
    assert not has_changes(json.loads(plan))
    assert failed_ids(json.loads(plan)) == set()
    written = b'{"constant_value":["AWSCURRENT","initial"]}'
    assert plan.count(written) == 1
    other = plan.replace(written, b'{"constant_value":["initial"]}')
    assert failed_ids(json.loads(other)) == {"F06b"}


def test_prove_refuses_an_unknown_name(project: Path) -> None:
    result = prove(project, "F99")
    assert result.exit_code == 2
    assert "no such failure or mutation: F99" in result.output


def test_prove_refuses_a_mutation_without_effect(project: Path) -> None:
    path = project / "modules" / "database" / "3.2.0" / "main.tf"
    path.write_text(path.read_text().replace('"gp3"', '"io2"'))
    result = prove(project, "storage-type-old")
    assert result.exit_code == 2
    assert "storage-type-old" in result.output
    assert "0 times" in result.output


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_prove_exits_1_for_a_missed_mutation(project: Path) -> None:
    report = project / "matrix.json"
    good = prove(project, "storage-type-old", "--json", str(report))
    assert good.exit_code == 0, good.output
    assert "1 of 1 mutation of 1 failure was caught" in good.output
    assert json.loads(report.read_text())["proved"]

    mutations = project / "features" / "mutations" / "review.yaml"
    text = mutations.read_text()
    assert text.count("id: storage-type-old\n  failure: F04b") == 1
    mutations.write_text(
        text.replace(
            "id: storage-type-old\n  failure: F04b", "id: storage-type-old\n  failure: F08"
        )
    )
    bad = prove(project, "storage-type-old", "--jobs", "1")
    assert bad.exit_code == 1, bad.output
    assert "storage-type-old: MISSED, failed: F04b" in bad.output


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_prove_for_a_stack_without_parts(project: Path) -> None:
    leave_out(project)
    ids = ("cache-limits-absent", "dashboard-absent", "events-of-the-primary-only")
    result = prove(project, *ids, "storage-type-old", "--environment", "development")
    assert result.exit_code == 0, result.output
    for id_, what in zip(ids, ("cache", "aws_cloudwatch_dashboard.main", "replica"), strict=True):
        assert f"{id_}: not applicable, failed: none" in result.output
        assert f"not applicable, because the stack has no {what}" in result.output
    assert "1 of 1 mutation of 1 failure was caught" in result.output
    assert "; 3 are not applicable" in result.output
    assert prove(project, ids[0], "--environment", "development").exit_code == 1


@pytest.mark.terraform
def test_prove_stops_everything_on_ctrl_c(project: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from finbase.cli import main; "
        "main(['prove', 'F01', '--jobs', '2'], prog_name='finbase')"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=project,
        env=os.environ | {"TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not any("provider" in command for command in children_of(scratch)):
            assert running.poll() is None, "it ended before a provider was started"
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert "interrupted; all child processes were stopped" in told
    assert "Traceback" not in told
    assert list(scratch.iterdir()) == []
    assert children_of(scratch) == []


def children_of(scratch: Path) -> list[str]:
    """The commands of the processes whose folder for temporary files is ``scratch``."""
    commands = []
    mark = f"\0TMPDIR={scratch}\0".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            if mark in b"\0" + (process / "environ").read_bytes():
                commands.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return commands
