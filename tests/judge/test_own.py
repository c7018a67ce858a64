"""Controls of a project itself, in features/own: listed, judged, proved, and never in the way."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from finbase.errors import ComplianceError, FinbaseError
from finbase.judge import anchor
from finbase.judge.catalogue import load_failures
from finbase.judge.compliance import run
from finbase.judge.features import sentences
from finbase.judge.mutations import load_mutations, mutate
from finbase.judge.prove import select, unproved
from finbase.judge.verdict import FailureRow, Verdict
from finbase.project.shipped import shipped
from finbase.report import terminal
from tests.support.commands import ROOT, finbase

FIXTURES = ROOT / "tests" / "fixtures" / "compliance"
PLAN = FIXTURES / "plan.json"
RELEASED = FIXTURES / "features"

ENTRY = """\
- id: LEDGER-1
  severity: low
  title: A name for every key
  requirement: every key has a tag
"""
FEATURE = """\
Feature: Keys

  @LEDGER-1 @noskip
  Scenario: Every key is a key
    Given the planned stack
    Then every {kind} is of the ledger
"""
STEP = """\
from findings import Finding, check

@check("every {kind:PROPERTY} is of the ledger")
def keys(stack, kind):
    for key in stack.all(kind):
        yield Finding(True, f"{key.address}: a key")
"""
MUTATION = """\
- {id: key-absent, failure: LEDGER-1, what: removes it, why: it matters, environment: development,
   file: environments/development/main.tf, find: module, replace: modul}
"""


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's copy of features that count as the released ones, with a control of its own."""
    monkeypatch.setattr(anchor, "released_features", lambda: RELEASED)
    ignored = shutil.ignore_patterns("__pycache__")
    copied = shutil.copytree(RELEASED, tmp_path / "features", ignore=ignored)
    add(copied)
    return copied


def add(features: Path, kind: str = "aws_kms_key") -> None:
    for name, text in {
        "failures.yaml": ENTRY,
        "keys.feature": FEATURE.replace("{kind}", kind),
        "steps/keys.py": STEP,
        "mutations/keys.yaml": MUTATION,
    }.items():
        path = features / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def row(verdict: Verdict, name: str = "LEDGER-1") -> FailureRow:
    return next(row for row in verdict.by_failure() if row.id == name)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The features of finbase, which have the modules that a step imports."""
    ignored = shutil.ignore_patterns("__pycache__")
    copied = shutil.copytree(ROOT / "features", tmp_path / "features", ignore=ignored)
    add(copied)
    return copied


def test_own_control_is_a_row_of_its_own(whole: Path) -> None:
    verdict = run(PLAN, whole)
    found = row(verdict)
    assert (found.status, found.severity, found.section) == ("passed", "low", "project")
    assert "a key" in found.evidence
    released = run(PLAN, ROOT / "features")
    assert verdict.by_failure()[:-1] == released.by_failure()
    lines = terminal.text(verdict, colour=False, width=200).splitlines()
    at = lines.index("Controls of the project itself")
    assert lines[at + 1].split() == ["PASS", "LEDGER-1", *"A name for every key".split()]
    assert "project 1 of 1" in "\n".join(lines)


def test_own_control_that_judged_nothing_fails(whole: Path) -> None:
    add(whole, "aws_sqs_queue")
    found = row(run(PLAN, whole, rendered=True))
    assert (found.status, "aws_sqs_queue" in found.evidence) == ("failed", True)
    (whole / "own" / "keys.feature").unlink()
    found = row(run(PLAN, whole, rendered=True))
    assert (found.status, found.evidence) == (
        "failed",
        "nothing was checked: no scenario is tagged @LEDGER-1",
    )


def test_bug_in_a_step_is_named_with_file_and_line(whole: Path) -> None:
    edit(whole / "own" / "steps" / "keys.py", "key.address", "key.adress")
    found = row(run(PLAN, whole))
    assert (found.status, found.evidence) == (
        "failed",
        "features/own/steps/keys.py:6: the step stopped: AttributeError: 'Resource' object has no "
        "attribute 'adress'",
    )


@pytest.mark.parametrize(
    ("remove", "location", "expected"),
    [
        (
            True,
            "features/own/keys.feature:5",
            "features/own/keys.feature:5: no step has the sentence `Given the planned stack`; use",
        ),
        (
            False,
            "features/own/steps/keys.py:1",
            "features/own/steps/keys.py cannot be imported: No module named 'ledgerly'; fix the",
        ),
    ],
)
def test_what_cannot_run_costs_only_the_controls_of_the_project(
    features: Path, remove: bool, location: str, expected: str
) -> None:
    if remove:
        shutil.rmtree(features / "own" / "steps")
    else:
        step = features / "own" / "steps" / "keys.py"
        step.write_text("import ledgerly\n" + step.read_text())
    verdict = run(PLAN, features)
    assert verdict.by_failure()[:-1] == run(PLAN, RELEASED).by_failure()
    found = row(verdict)
    assert (verdict.passed, found.status) == (False, "failed")
    assert found.evidence.startswith(expected)
    assert [scenario.location for scenario in found.scenarios] == [location]
    with pytest.raises(ComplianceError, match=r"features/own/.*(no step has|cannot be imported)"):
        run(PLAN, features, whole=True)


def test_sentences_are_those_of_all_steps(project: Path) -> None:
    add(project / "features")
    found = sentences(project / "features")
    assert {
        "Given the planned stack",
        "Then every {kind:PROPERTY} sets {argument:PROPERTY} to {values:ANY}",
        "Then every {kind:PROPERTY} is of the ledger",
    } <= {*found}


def test_own_scenario_says_nothing_about_a_released_control(features: Path) -> None:
    """It could turn a control that is not applicable, or that failed, into one that passes."""
    shutil.rmtree(features / "own" / "steps")
    passing = (features / "secrets.feature").read_text()
    before = run(PLAN, RELEASED).by_failure()
    (features / "own" / "keys.feature").write_text(passing.replace("@F06a", "@LEDGER-1 @F08"))
    verdict = run(PLAN, features)
    assert verdict.by_failure()[:-1] == before
    assert not any(
        {*s.failure_ids} - {"LEDGER-1"} for s in verdict.scenarios if "/own/" in s.location
    )


def test_own_controls_of_a_clone_judge_after_the_released(
    features: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchor, "released_features", lambda: features)
    shutil.rmtree(features / "own" / "steps")
    (features / "own" / "steps").mkdir()
    (features / "own" / "steps" / "weak.py").write_text(
        "from terraform_compliance.common import error_handling\n"
        "error_handling.Error._fail_step = lambda *_: None\n"
    )
    (features / "own" / "keys.feature").unlink()
    verdict = run(PLAN, features)
    assert verdict.by_failure()[:-1] == run(PLAN, RELEASED).by_failure()
    assert row(verdict).status == "failed"


def test_mutations_of_a_project_decide_about_no_verdict(features: Path) -> None:
    assert anchor.additions(features) == {
        "own/failures.yaml",
        "own/keys.feature",
        "own/steps/keys.py",
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("LEDGER-1", "F01", "'F01' is not an id of a project"),
        ("LEDGER-1", "D02", "'D02' is not an id of a project"),
        ("LEDGER-1", "ledger", "'ledger' is not an id of a project"),
        ("- id", "- section: review\n  id", "LEDGER-1 has a section"),
        ("severity: low", "severity: none", "is not high, medium or low"),
        (ENTRY, ENTRY * 2, "LEDGER-1 is listed twice"),
        ("  title", "  overlaps: [LEDGER-2]\n  title", "LEDGER-1 overlaps LEDGER-2"),
        (
            ENTRY,
            "",
            "own/failures.yaml is not a valid failure catalogue: it has no entries",
        ),
        (
            ENTRY,
            "- LEDGER-1\n",
            "own/failures.yaml is not a valid failure catalogue: entry 1 has no",
        ),
        (ENTRY, "- [\n", "own/failures.yaml:2 is not a valid failure catalogue"),
    ],
)
def test_own_catalogue_is_refused(features: Path, old: str, new: str, message: str) -> None:
    path = features / "own" / "failures.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ComplianceError) as caught:
        load_failures(features)
    assert message in str(caught.value)
    assert "own/failures.yaml" in str(caught.value)


def test_own_control_overlaps_a_released_one_on_its_side(features: Path) -> None:
    path = features / "own" / "failures.yaml"
    path.write_text(ENTRY + "  overlaps: [F08]\n")
    assert load_failures(features)[:-1] == load_failures(RELEASED)
    assert load_failures(features)[-1].overlaps == ("F08",)


def test_id_of_both_catalogues_is_refused(features: Path) -> None:
    with (features / "failures.yaml").open("a") as catalogue:
        catalogue.write(ENTRY)
    with pytest.raises(ComplianceError, match="LEDGER-1 is listed twice"):
        load_failures(features)


@pytest.mark.parametrize(("tag", "refused"), [("LEDGER-2", True), ("TICKET-2", False)])
def test_mistyped_id_is_refused(features: Path, tag: str, refused: bool) -> None:
    shutil.rmtree(features / "own" / "steps")
    text = (features / "secrets.feature").read_text()
    (features / "own" / "keys.feature").write_text(text.replace("@F06a", f"@{tag}"))
    if refused:
        with pytest.raises(ComplianceError, match="@LEDGER-2 is not in the failure catalogue"):
            run(PLAN, features)
    else:
        assert run(PLAN, features).scenarios


def test_catalogue_that_is_gone_is_missed(features: Path) -> None:
    """Otherwise the controls of the project would leave the verdict without a word."""
    (features / "own" / "failures.yaml").unlink()
    shutil.rmtree(features / "own" / "steps")
    text = (features / "secrets.feature").read_text()
    (features / "own" / "keys.feature").write_text(text.replace("@F06a", "@LEDGER-1"))
    with pytest.raises(
        ComplianceError, match="@LEDGER-1 is not in the failure catalogue"
    ) as caught:
        run(PLAN, features)
    assert "features/own/failures.yaml" in (caught.value.hint or "")


@pytest.mark.parametrize(("tag", "near"), [("hgih", "high"), ("Low", "low"), ("medum", "medium")])
def test_mistyped_severity_is_refused(features: Path, tag: str, near: str) -> None:
    shutil.rmtree(features / "own" / "steps")
    text = (features / "secrets.feature").read_text()
    (features / "own" / "keys.feature").write_text(text.replace("@F06a", f"@LEDGER-1 @{tag}"))
    with pytest.raises(ComplianceError, match=f"@{tag} is not a severity; did you mean @{near}"):
        run(PLAN, features)


EXIT = STEP.replace("    for", "    import os\n    os._exit(0)\n    for")
SAME = FEATURE.replace("{kind}", "aws_kms_key").partition("\n\n")[2]


@pytest.mark.parametrize(
    ("name", "text", "place", "why"),
    [
        ("todo.feature", "", "todo.feature:1", "the file does not start with `Feature: TITLE`"),
        ("keys.feature", "Feature: Keys\n\n" + SAME + SAME, "keys.feature:8", "the one in line 4"),
        ("steps/keys.py", EXIT, "steps/keys.py:6", "the step ended the process"),
        ("steps/keys.py", "import os\nos._exit(0)\n", "steps/keys.py:2", "the step ended"),
    ],
)
def test_what_cannot_run_is_named_with_its_own_file(
    features: Path, name: str, text: str, place: str, why: str
) -> None:
    for path in (ROOT / "features" / "steps").rglob("*.py"):
        copy = features / path.relative_to(ROOT / "features")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (features / "own" / name).write_text(text)
    found = row(run(PLAN, features))
    assert (found.status, why in found.evidence) == ("failed", True), found.evidence
    assert [s.location for s in found.scenarios] == [f"features/own/{place}"]


@pytest.mark.parametrize("value", ["'a key'", "None"])
def test_step_that_yields_something_else_is_named(whole: Path, value: str) -> None:
    step = STEP.partition("    for")[0] + f"    yield {value}\n"
    (whole / "own" / "steps" / "keys.py").write_text(step)
    found = row(run(PLAN, whole))
    assert found.evidence.startswith("features/own/steps/keys.py:3: the step stopped: ")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "attack",
    [
        lambda f: edit(f / "own/mutations/keys.yaml", "failure: LEDGER-1", "failure: F01"),
        lambda f: edit(f / "mutations/review.yaml", "failure: F01\n", "failure: LEDGER-1\n"),
    ],
)
def test_mutations_are_of_the_catalogue_beside_them(
    project: Path, attack: Callable[[Path], object]
) -> None:
    add(project / "features")
    assert "key-absent" in {each.id for each in load_mutations(project / "features")}
    attack(project / "features")
    with pytest.raises(ComplianceError, match="is not in the failure catalogue"):
        load_mutations(project / "features")


def test_mutation_that_does_not_fit_is_named_with_its_file(project: Path) -> None:
    add(project / "features")
    (mutation,) = select(project, (), own=True)
    main = PurePosixPath("environments/development/main.tf")
    with pytest.raises(ComplianceError) as caught:
        mutate({main: b""}, mutation)
    assert str(caught.value) == (
        "features/own/mutations/keys.yaml: key-absent: the text to replace occurs 0 times in "
        "environments/development/main.tf, not 1\n"
        "    hint: update the mutation to the rendered files"
    )
    released = next(each for each in load_mutations(project / "features") if each != mutation)
    assert re.fullmatch(r"features/mutations/\w+\.yaml", released.listed_in)


def test_unproved_controls_are_named(project: Path) -> None:
    add(project / "features")
    assert [each.id for each in select(project, (), own=True)] == ["key-absent"]
    assert unproved(project, ()) == ()
    (project / "features/own/mutations/keys.yaml").unlink()
    assert unproved(project, ()) == unproved(project, ("LEDGER-1",)) == ("LEDGER-1",)
    assert unproved(project, ("F01",)) == ()
    done = finbase(project, "prove", "LEDGER-1")
    assert done.exit_code == 1
    assert done.output.startswith("LEDGER-1: not proved, because it has no mutation\n")
    assert done.output.endswith("; 1 control has no mutation\n")


def test_prove_without_controls_of_the_project(project: Path) -> None:
    with pytest.raises(FinbaseError, match="no controls of its own"):
        select(project, (), own=True)


def test_new_project_proves_with_the_stacks_of_finbase(tmp_path: Path) -> None:
    assert finbase(tmp_path, "init").exit_code == 0
    assert not (tmp_path / "features" / "mutations").exists()
    add(tmp_path / "features")
    found = {each.id: each.project for each in load_mutations(tmp_path / "features")}
    assert found.pop("key-absent") is None
    assert {*found.values()} == {shipped("features").parent}
    assert "why it matters" in finbase(tmp_path, "explain", "F01").output
    assert found.keys() == {each.id for each in load_mutations(ROOT / "features")}
    (moved,) = select(tmp_path, ["primary-insights-off"], "development")
    assert (moved.project, moved.environment) == (None, "development")


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_prove_without_mutations_of_finbase(tmp_path: Path) -> None:
    """The control of the project fails without the change, which no proof may hide."""
    assert finbase(tmp_path, "init").exit_code == 0
    assert finbase(tmp_path, "render").exit_code == 0
    assert finbase(tmp_path, "new", "control", "LEDGER-1").exit_code == 0
    feature = tmp_path / "features" / "own" / "ledger-1.feature"
    edit(feature, "tags_all.Owner", "tags_all.Nobody")
    done = finbase(tmp_path, "prove", "LEDGER-1", "primary-insights-off")
    assert done.exit_code == 1, done.output
    assert "F04a      primary-insights-off  caught   F04a\n" in done.output
    assert "LEDGER-1 fails without the change, too" in done.output


def test_prove_of_finbase_needs_its_controls(tmp_path: Path) -> None:
    assert finbase(tmp_path, "init").exit_code == 0
    edit(tmp_path / "features" / "database.feature", "rds.force_ssl to 1", "rds.force_ssl to 0")
    done = finbase(tmp_path, "prove", "F03")
    assert done.exit_code == 1
    assert "the controls of the project are not those of finbase" in done.output


def test_drafts_demand_different_tags(project: Path) -> None:
    """Two that rename one tag would break each other, so that neither is proved."""
    for number in range(1, 5):
        assert finbase(project, "new", "control", f"LEDGER-{number}").exit_code == 0
    mutations = select(project, (), own=True)
    assert len({str(each.edits) for each in mutations}) == 4
    own = project / "features" / "own"
    sentences_ = [p.read_text().splitlines()[-1] for p in own.glob("*.feature")]
    titles = [f.title for f in load_failures(project / "features") if f.section == "project"]
    assert len({*sentences_}) == len({*titles}) == 4
    providers = (project / "environments" / "development" / "providers.tf").read_text()
    for mutation in mutations:
        file = PurePosixPath("environments/development/providers.tf")
        files = {file: providers.encode(), file.with_name("main.tf"): b""}
        assert mutate(files, mutation)[file] != providers.encode()


def test_new_control(project: Path) -> None:
    done = finbase(project, "new", "control", "LEDGER-1", "--environment", "staging")
    assert done.exit_code == 0, done.output
    own = project / "features" / "own"
    (own / "failures.yaml").write_text((own / "failures.yaml").read_text().rstrip("\n"))
    done = finbase(project, "new", "control", "LEDGER-2", "--step")
    assert done.exit_code == 0, done.output
    ids = [f.id for f in load_failures(project / "features") if f.section == "project"]
    assert ids == ["LEDGER-1", "LEDGER-2"]
    found = {each.failure: each.environment for each in select(project, (), own=True)}
    assert found == {"LEDGER-1": "staging", "LEDGER-2": "development"}
    assert (own / "steps" / "ledger_2.py").is_file()
    said = finbase(project, "explain", "LEDGER-2").output
    assert "LEDGER-2  " in said.replace(":", "  ")
    assert "renames the tag CostCentre: nobody can find who pays" in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("F04a",), "'F04a' is not an id of a project"),
        (("F-01",), "F-01 looks like an id of finbase"),
        (("B-1",), "B-1 looks like an id of finbase"),
        (("LEDGER-1",), "LEDGER-1 is in the failure catalogue"),
        (("LEDGER-2",), "features/own/ledger-2.feature already exists"),
        (("LEDGER-3", "--environment", "none"), "there is no environment none"),
    ],
)
def test_new_control_overwrites_nothing(
    project: Path, arguments: tuple[str, ...], message: str
) -> None:
    add(project / "features")
    (project / "features" / "own" / "ledger-2.feature").write_text("Feature: Mine\n")
    before = {p: p.read_bytes() for p in project.rglob("*") if p.is_file()}
    done = finbase(project, "new", "control", *arguments)
    assert (done.exit_code, message in done.output) == (2, True), done.output
    assert {p: p.read_bytes() for p in project.rglob("*") if p.is_file()} == before
