"""What terraform-compliance reports, and that nothing else counts as a pass."""

from __future__ import annotations

import ctypes
import json
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.errors import ComplianceError
from finbase.judge import compliance
from finbase.judge import runner as compliance_runner
from finbase.judge.catalogue import Failure, load_failures
from finbase.judge.compliance import run
from finbase.judge.cucumber import example_row, read_cucumber
from finbase.judge.features import add_compiled, copy_features, folder_of_stack
from finbase.judge.verdict import Scenario, Verdict
from finbase.system import supervise
from finbase.system.child_environ import python_environ
from finbase.system.processes import Finished, Processes
from tests.support.commands import ROOT
from tests.support.plain_command import judge_plainly

FIXTURES = ROOT / "tests" / "fixtures" / "compliance"
PLAN = FIXTURES / "plan.json"


@pytest.fixture
def features(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(FIXTURES / "features", tmp_path / "features", ignore=ignored)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def changed(kind: str, **values: Any) -> bytes:
    """The plan with other values in each resource of one type.

    A plan contains values twice, and terraform-compliance reads those of the changes.
    """
    plan = json.loads(PLAN.read_text())
    for resource in plan["planned_values"]["root_module"]["child_modules"][0]["resources"]:
        if resource["type"] == kind:
            resource["values"] |= values
    for change in plan["resource_changes"]:
        if change["type"] == kind:
            change["change"]["after"] |= values
    return json.dumps(plan).encode()


def statuses(verdict: Verdict) -> dict[str, str]:
    return {row.id: row.status for row in verdict.by_failure()}


# --- a good plan, and bad ones -----------------------------------------------------------


@pytest.fixture(scope="module")
def good() -> Verdict:
    return run(PLAN, FIXTURES / "features", environment="tiny")


def test_run_passes_a_good_plan(good: Verdict) -> None:
    assert good.passed
    assert good.environment == "tiny"
    assert statuses(good) == dict.fromkeys(["F01", "F06a", "F07c", "F08"], "passed")
    assert good.failed == ()


def test_run_sorts_scenarios_by_file_and_line(good: Verdict) -> None:
    assert [(scenario.location, scenario.name) for scenario in good.scenarios] == [
        ("features/network.feature:14", "every zone has its aws_eip"),
        ("features/network.feature:17", "no cache subnet group"),
        ("features/secrets.feature:4", "keys stay in their region"),
        ("features/secrets.feature:10", "every secret says what it is for"),
    ]


def test_run_returns_complete_scenarios(good: Verdict) -> None:
    assert good.scenarios[0] == Scenario(
        feature="Network",
        name="every zone has its aws_eip",
        tags=("pci-1.3.2", "F01", "high", "noskip"),
        failure_ids=("F01",),
        severity="high",
        requirements=("PCI DSS 1.3.2",),
        status="passed",
        evidence="aws_eip: 2",
        location="features/network.feature:14",
    )


def test_run_returns_evidence(good: Verdict) -> None:
    assert {row.id: row.evidence for row in good.by_failure()} == {
        "F01": "aws_eip: 2",
        "F06a": "module.base.aws_secretsmanager_secret.connection: “who may connect”",
        "F07c": "absent, as required",
        "F08": "module.base.aws_kms_key.database: multi_region = False",
    }


def test_by_failure_takes_requirements_from_scenarios(good: Verdict) -> None:
    rows = {row.id: row.requirements for row in good.by_failure()}
    assert rows["F01"] == ("PCI DSS 1.3.2",)
    assert rows["F08"] == ("PCI DSS 3.6.1",)


def test_run_explains_a_failed_stock_step() -> None:
    verdict = run(changed("aws_kms_key", multi_region=True), FIXTURES / "features")
    assert not verdict.passed
    assert statuses(verdict)["F08"] == "failed"
    (failed,) = verdict.failed
    assert failed.step == "And its value must be false"
    assert "module.base.aws_kms_key.database" in failed.evidence
    assert "It is set to True" in failed.evidence


def test_run_explains_each_failed_resource(features: Path) -> None:
    steps = "aws_eip defined\n    Then it must contain domain\n    And its value must be standard"
    edit(features / "secrets.feature", "aws_secretsmanager_secret defined", steps)
    edit(features / "secrets.feature", "    Then each of them has a description\n", "")
    (failed,) = run(PLAN, features).failed
    first, second = failed.evidence.splitlines()
    assert 'aws_eip.nat["eu-west-1a"]' in first
    assert 'aws_eip.nat["eu-west-1b"]' in second


def test_run_explains_a_failed_own_step() -> None:
    plan = changed("aws_secretsmanager_secret", description="")
    (failed,) = run(plan, FIXTURES / "features").failed
    assert failed.failure_ids == ("F06a",)
    assert failed.evidence == "module.base.aws_secretsmanager_secret.connection has no description"


def test_run_fails_a_forbidden_resource() -> None:
    text = PLAN.read_text().replace("aws_secretsmanager_secret", "aws_elasticache_subnet_group")
    verdict = run(text.encode(), FIXTURES / "features")
    assert statuses(verdict)["F07c"] == "failed"
    assert statuses(verdict)["F06a"] == "failed"  # It is absent, which must not skip the scenario.


def test_run_judges_each_row_of_an_outline(features: Path) -> None:
    row = "| aws_eip | 2     |"
    more = "| aws_kms_key | 1 |\n      | aws_kms_key | 3 |"
    edit(features / "network.feature", row, f"{row}\n      {more}")
    rows = run(PLAN, features).scenarios[:3]
    assert [scenario.status for scenario in rows] == ["passed", "passed", "failed"]
    assert [scenario.name for scenario in rows] == [
        "every zone has its aws_eip",
        "every zone has its aws_kms_key",
        "every zone has its aws_kms_key",
    ]
    assert rows[2].location == "features/network.feature:16"
    assert "1 is not equal to 3" in rows[2].evidence


# --- what must never count as a pass -----------------------------------------------------


def test_by_failure_fails_without_scenarios(features: Path) -> None:
    with (features / "failures.yaml").open("a") as catalogue:
        catalogue.write("- {id: F09, severity: low, title: t, requirement: r}\n")
    verdict = run(PLAN, features)
    assert not verdict.passed
    assert verdict.failed == ()
    row = verdict.by_failure()[-1]
    assert (row.id, row.status) == ("F09", "failed")
    assert row.evidence == "nothing was checked: no scenario is tagged @F09"


def test_by_failure_fails_with_skipped_scenarios(features: Path) -> None:
    edit(features / "secrets.feature", "@F06a @low @noskip", "@F06a @low")
    edit(features / "secrets.feature", "aws_secretsmanager_secret", "aws_dynamodb_table")
    verdict = run(PLAN, features)
    assert verdict.scenarios[-1].status == "failed"
    assert verdict.scenarios[-1].evidence == "the plan has no aws_dynamodb_table"
    assert statuses(verdict)["F06a"] == "failed"
    assert not verdict.passed


def test_run_suggests_a_type_of_the_plan(features: Path) -> None:
    edit(features / "secrets.feature", "@F06a @low @noskip", "@F06a @low")
    edit(features / "secrets.feature", "aws_secretsmanager_secret", "aws_secretmanager_secret")
    evidence = run(PLAN, features).scenarios[-1].evidence
    expected = "the plan has no aws_secretmanager_secret; did you mean aws_secretsmanager_secret?"
    assert evidence == expected


def test_run_fails_an_absent_resource_with_noskip(features: Path) -> None:
    edit(features / "secrets.feature", "aws_secretsmanager_secret", "aws_dynamodb_table")
    (failed,) = run(PLAN, features).failed
    assert failed.step == "Given I have aws_dynamodb_table defined"
    assert "Can not find aws_dynamodb_table" in failed.evidence


def test_run_fails_a_skip_with_noskip(features: Path) -> None:
    edit(features / "steps/descriptions.py", "    for secret", "    step.skip()\n    for secret")
    assert statuses(run(PLAN, features))["F06a"] == "failed"


def test_run_fails_a_crashing_step(features: Path) -> None:
    edit(features / "steps/descriptions.py", "for secret in", "for secret in {}['k'] or")
    (failed,) = run(PLAN, features).failed
    assert failed.failure_ids == ("F06a",)
    assert failed.evidence == "features/steps/descriptions.py:11: the step stopped: KeyError: 'k'"


@pytest.mark.parametrize("steps", ["Given I have aws_eip defined", "When its domain is vpc"])
def test_run_fails_a_scenario_without_then(features: Path, steps: str) -> None:
    given = "" if steps.startswith("Given") else "    Given I have aws_eip defined\n"
    (features / "own.feature").write_text(
        f"Feature: own\n\n  Scenario: looks only\n{given}    {steps}\n"
    )
    (failed,) = run(PLAN, features).failed
    assert failed.step == steps
    assert failed.evidence == (
        "the scenario judges nothing, because it has no step with Then; add one"
    )


@pytest.mark.parametrize("rows", ["", "Examples:\n", "Examples:\n    | type |\n    # none\n"])
@pytest.mark.parametrize("more", ["", "\n  Scenario: more\n    Given I have aws_eip defined\n"])
def test_run_refuses_an_outline_without_rows(features: Path, rows: str, more: str) -> None:
    (features / "own.feature").write_text(
        "Feature: own\n\n  Scenario Outline: each\n    Given I have <type> defined\n"
        f"    Then it must have tags\n\n    {rows}{more}"
    )
    with pytest.raises(ComplianceError) as caught:
        run(PLAN, features)
    assert caught.value.message == (
        f"{features}/own.feature:3: the scenario outline has no examples"
    )


def test_run_fails_a_scenario_without_steps(features: Path) -> None:
    with (features / "secrets.feature").open("a") as feature:
        feature.write("\n  @F08 @low\n  Scenario: nothing to do\n")
    (failed,) = run(PLAN, features).failed
    assert failed.evidence == "the scenario has no steps"


@pytest.mark.parametrize("tag", ["warning", "no-failure", "nofail", "INFO"])
def test_run_refuses_tags_that_hide_failures(features: Path, tag: str) -> None:
    edit(features / "secrets.feature", "@F08 @low", f"@{tag} @F08 @low")
    edit(features / "secrets.feature", " @noskip", "")
    with pytest.raises(ComplianceError, match=f"secrets.feature:4: @{tag} turns a failure"):
        run(PLAN, features)


def test_run_refuses_an_unknown_id(features: Path) -> None:
    edit(features / "secrets.feature", "@F08 ", "@F80 ")
    with pytest.raises(ComplianceError, match="@F80 is not in the failure catalogue"):
        run(PLAN, features)


def test_run_refuses_another_severity(features: Path) -> None:
    edit(features / "secrets.feature", "@F08 @low", "@F08 @high")
    with pytest.raises(ComplianceError, match=r"tagged @high, but failures\.yaml says F08 is low"):
        run(PLAN, features)


def test_run_refuses_an_unknown_step(features: Path) -> None:
    edit(features / "secrets.feature", "each of them has", "each of them had")
    with pytest.raises(ComplianceError, match="no step has the sentence `Then each of"):
        run(PLAN, features)


def test_run_refuses_steps_with_import_errors(features: Path) -> None:
    (features / "steps" / "broken.py").write_text("import no_such_module\n")
    with pytest.raises(ComplianceError, match="No module named 'no_such_module'"):
        run(PLAN, features)


def test_run_ignores_compiled_steps(features: Path) -> None:
    step = features / "steps" / "descriptions.py"
    times = (1_700_000_000, 1_700_000_000)
    os.utime(step, times)
    py_compile.compile(str(step), doraise=True)
    edit(step, "if not description:", "if 1 == 1 or 2 < 3:")
    os.utime(step, times)
    assert run(PLAN, features).failed


def test_add_compiled_covers_only_released_steps(tmp_path: Path) -> None:
    """A pull request can change a step, which then must not run as it was released."""
    copy_features(ROOT / "features", tmp_path / "features")
    steps = tmp_path / "features" / "steps"
    changed = min(steps.rglob("*.py"))
    changed.write_bytes(changed.read_bytes() + b"\n")
    (steps / "own.py").touch()
    add_compiled(tmp_path / "features")
    for step in steps.rglob("*.py"):
        source = step.read_bytes()
        assert Path(cache_from_source(step)).exists() is (step not in (changed, steps / "own.py"))
        if step not in (changed, steps / "own.py"):
            step.write_bytes(b"never read")
        loaded = SourceFileLoader(step.stem, str(step)).get_code(step.stem)
        assert loaded == compile(source, step, "exec", dont_inherit=True)


def test_run_judges_a_copy_and_names_the_original(features: Path, tmp_path: Path) -> None:
    copies: list[Path] = []
    (features / "steps" / "broken.py").write_text("import no_such_module\n")
    with pytest.raises(ComplianceError) as caught:
        run(PLAN, features, copied=copies.append)
    [copy] = copies
    assert copy.name == "features"
    assert not copy.is_relative_to(tmp_path)
    assert str(features / "steps" / "broken.py") in caught.value.message
    assert str(copy) not in str(caught.value)
    (features / "failures.yaml").unlink()
    with pytest.raises(ComplianceError) as caught:
        run(PLAN, features)
    assert caught.value.message == f"{features / 'failures.yaml'} is missing"


def test_run_ignores_generated_files(features: Path) -> None:
    (features / ".pytest_cache").mkdir()
    (features / ".pytest_cache" / "x.feature").write_text("Feature: x\n  Scenario: y\n")
    assert run(PLAN, features) == run(PLAN, FIXTURES / "features")


@pytest.mark.parametrize("target", [None, "nothing", "/etc/passwd", "..", "secrets.feature"])
@pytest.mark.parametrize("name", ["notes.md", "steps/notes.py", "linked"])
def test_run_refuses_features_that_are_not_files(
    features: Path, name: str, target: str | None
) -> None:
    """A pipe would block, and a link may lead to a secret."""
    if target is None:
        os.mkfifo(features / name)
        kind = "neither a file nor a folder"
    else:
        (features / name).symlink_to(target)
        kind = "a symbolic link"
    with pytest.raises(ComplianceError) as caught:
        run(PLAN, features)
    assert caught.value.message == f"{features / name} is {kind}"
    assert caught.value.hint == "replace it by the real file, or remove it"


def test_run_passes_no_credentials(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps are code of whoever opens a pull request."""
    names = ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "CI_JOB_TOKEN", "SSH_AUTH_SOCK", "ANY_NAME")
    for name in (*names, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "TFC_ERROR"):
        monkeypatch.setenv(name, "of the caller")
    seen = tmp_path / "seen.json"
    (features / "steps" / "spy.py").write_text(
        f"import json, os\nopen({str(seen)!r}, 'w').write(json.dumps(dict(os.environ)))\n"
    )
    assert run(PLAN, features) == run(PLAN, FIXTURES / "features")
    environ = json.loads(seen.read_text())
    assert "of the caller" not in environ.values()
    assert environ["HOME"] == environ["TMPDIR"] != os.environ.get("HOME")


@pytest.mark.parametrize("function", ["copytree", "copyfile"])
def test_run_reports_a_full_disk(
    features: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "a")

    # ``copytree`` collects the errors of the files into one of its own.
    monkeypatch.setattr(shutil, function, refuse)
    with pytest.raises(ComplianceError, match=f"^{features} cannot be copied: No space") as caught:
        run(PLAN, features)
    assert "TMPDIR" in str(caught.value.hint)


def test_run_refuses_folders_without_scenarios(features: Path) -> None:
    for path in features.glob("*.feature"):
        path.write_text("Feature: empty\n")
    with pytest.raises(ComplianceError, match="No feature or no scenario"):
        run(PLAN, features)
    for path in features.glob("*.feature"):
        path.unlink()
    with pytest.raises(ComplianceError, match="contains no feature files"):
        run(PLAN, features)


def test_run_refuses_an_incomplete_run(features: Path) -> None:
    hook = "from radish import before\n@before.each_scenario\ndef f(scenario):\n"
    hook += "    if 'region' in scenario.sentence: raise SystemExit(1)\n"
    (features / "steps" / "hook.py").write_text(hook)
    with pytest.raises(ComplianceError, match="returned no verdict"):
        run(PLAN, features)


def test_run_keeps_processes_of_the_caller_open(good: Verdict) -> None:
    with Processes() as processes:
        for _ in range(2):
            again = run(PLAN, FIXTURES / "features", environment="tiny", processes=processes)
            assert again == good
    with pytest.raises(ComplianceError, match="could not run: no process can be started"):
        run(PLAN, FIXTURES / "features", processes=processes)


# --- plans -------------------------------------------------------------------------------


def test_run_leaves_the_plan_file_unchanged(tmp_path: Path, good: Verdict) -> None:
    plan = tmp_path / "plan.json"
    shutil.copy(PLAN, plan)
    before = plan.read_bytes()
    assert before.count(b"\n") > 1  # terraform-compliance would take its second line only.
    assert run(plan, FIXTURES / "features", environment="tiny") == good
    assert plan.read_bytes() == before
    assert run(before, FIXTURES / "features", environment="tiny") == good


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("PK\x03\x04", "is not JSON"),
        ("[]", "not of a Terraform plan"),
        ('{"format_version": "1.0", "values": {}}', "not of a Terraform plan"),
    ],
)
def test_run_refuses_an_invalid_plan(tmp_path: Path, text: str, message: str) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(text)
    with pytest.raises(ComplianceError, match=message) as raised:
        run(plan, FIXTURES / "features")
    assert raised.value.hint is not None
    assert "terraform show -json" in raised.value.hint


def test_run_refuses_a_missing_plan(tmp_path: Path) -> None:
    with pytest.raises(ComplianceError, match="cannot be read: No such file"):
        run(tmp_path / "plan.json", FIXTURES / "features")


def test_run_refuses_a_plan_with_errors() -> None:
    plan = json.loads(PLAN.read_text()) | {"errored": True}
    with pytest.raises(ComplianceError, match="because the run of Terraform failed"):
        run(json.dumps(plan).encode(), FIXTURES / "features")


@pytest.mark.parametrize(
    ("format_version", "terraform_version"), [("1.2", "1.17.0"), ("1.9", "2.3.4-rc1")]
)
def test_run_judges_plans_of_newer_terraform(
    format_version: str, terraform_version: str, good: Verdict
) -> None:
    versions = {"format_version": format_version, "terraform_version": terraform_version}
    plan = json.loads(PLAN.read_text()) | versions
    verdict = run(json.dumps(plan).encode(), FIXTURES / "features", environment="tiny")
    assert statuses(verdict) == statuses(good)


def test_run_needs_no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, good: Verdict) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    assert statuses(run(PLAN, FIXTURES / "features")) == statuses(good)


def test_run_refuses_an_unsupported_format() -> None:
    plan = json.loads(PLAN.read_text()) | {"format_version": "9.9"}
    with pytest.raises(ComplianceError, match=r"Unsupported terraform plan output format.*9\.9"):
        run(json.dumps(plan).encode(), FIXTURES / "features")


# --- terraform-compliance itself ---------------------------------------------------------


@pytest.mark.parametrize("description", ["who may connect", ""])
def test_run_agrees_with_the_plain_command(tmp_path: Path, description: str) -> None:
    plan = changed("aws_secretsmanager_secret", description=description)
    code, _, states = judge_plainly(plan, tmp_path, FIXTURES / "features")
    verdict = run(plan, FIXTURES / "features")
    assert code == (0 if verdict.passed else 1)
    failed = [scenario.status == "failed" for scenario in verdict.scenarios]
    assert [state == "failed" for state in states] == failed


def test_simple_docopt_reads_the_same_options(tmp_path: Path) -> None:
    script = (
        "import json, radish.main\n"
        "from finbase.judge.runner import simple_docopt\n"
        "real = radish.main.docopt\n"
        "def both(doc, argv, version):\n"
        "    options = dict(real(doc, argv=argv, version=version))\n"
        "    simple = simple_docopt(real)(doc, argv, version)\n"
        "    print(json.dumps([options, simple]))\n"
        "    raise SystemExit\n"
        "radish.main.docopt = both\n"
        "from terraform_compliance.main import cli\n"
        "cli()\n"
    )
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(json.loads(PLAN.read_text())))
    arguments = ["-f", str(FIXTURES / "features"), "-p", str(plan), "--no-ansi", "--basedir=two"]
    arguments += ["-b", "one", "--cucumber-json=report", "--tags=x", "--with-traceback"]
    printed = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "generator"), "TMPDIR": str(tmp_path)},
        check=False,
    )
    options, simple = json.loads(printed.stdout.splitlines()[-1])
    assert simple == options
    assert options["--basedir"][1:] == ["two", "one"]


def test_run_reads_the_plan_for_stock_steps_on_demand(features: Path) -> None:
    for path in features.rglob("*"):
        if path.suffix in (".feature", ".py"):
            path.unlink()
    (features / "own.feature").write_text(
        "Feature: own\n@noskip\nScenario: s\nGiven the parser\nThen its resources\n"
    )
    (features / "steps" / "own.py").write_text(
        "from radish import given, then, world\n"
        "def seen(step):\n"
        "    step.embed(f\"read: {'raw' in vars(world.config.terraform)}\")\n"
        "@given('the parser')\n"
        "def parser(step):\n"
        "    step.context.bad_tags = True  # A hook of terraform-compliance reads it.\n"
        "    seen(step)\n"
        "@then('its resources')\n"
        "def resources(step):\n"
        "    assert world.config.terraform.resources\n"
        "    seen(step)\n"
    )
    (scenario,) = run(PLAN, features).scenarios
    assert scenario.evidence.splitlines() == ["read: False", "read: True"]


# --- reading reports ---------------------------------------------------------------------


def test_read_cucumber_refuses_a_pending_scenario(tmp_path: Path) -> None:
    path = tmp_path / "features" / "x.feature"
    path.parent.mkdir()
    path.write_text("Feature: x\n  Scenario: y\n    Given z\n")
    step = {"name": "Given z", "line": 3, "result": {"status": "pending"}}
    element = {"name": "y", "line": 2, "tags": [], "steps": [step]}
    feature = {"name": "x", "uri": str(path), "tags": [], "elements": [element]}
    with pytest.raises(ComplianceError, match=r"features/x\.feature:2: 'Given z' never ran"):
        read_cucumber([feature], path.parent, ())


def test_read_cucumber_names_a_row(features: Path) -> None:
    edit(features / "network.feature", "every zone has its <type>", "every zone has one")
    assert run(PLAN, features).scenarios[0].name == "every zone has one (aws_eip, 2)"


CELLS = st.lists(
    st.text(st.characters(exclude_characters="\n\r\\", exclude_categories=["Cs", "Cc", "Z"])),
    min_size=1,
    max_size=4,
)


@given(CELLS, st.integers(0, 3))
def test_example_row_reads_rows(cells: Sequence[str], above: int) -> None:
    def line(parts: Sequence[str]) -> str:
        return "|" + "|".join(f" {part.replace('|', chr(92) + '|')} " for part in parts) + "|"

    header = [f"key {number}" for number in range(len(cells))]
    lines = ["Examples:", line(header), *["# or", ""] * above, line(cells)]
    assert example_row(lines, len(lines)) == dict(zip(header, cells, strict=True))


@given(st.lists(st.text("|#E \\x", max_size=6), max_size=6), st.integers(-2, 8))
def test_example_row_accepts_any_line(lines: list[str], line: int) -> None:
    assert isinstance(example_row([each.strip() for each in lines], line), dict)


# --- the catalogue -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["cache.feature", "failures.yaml", "mutations/review.yaml", "steps/checks/cache.py"]
)
def test_load_failures_names_the_file_of_a_conflict(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "features", tmp_path / "features", symlinks=True)
    path = tmp_path / "features" / name
    path.write_text(f"# Ours\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n{path.read_text()}")
    with pytest.raises(ComplianceError, match="a merge conflict") as caught:
        load_failures(tmp_path / "features")
    assert caught.value.message.startswith(f"features/{name}:2: ")


def test_load_failures_reads_the_catalogue() -> None:
    failures = load_failures(ROOT / "features")
    ids = " ".join(failure.id for failure in failures)
    assert ids == (
        "F01 F02 F03 F04a F04b F04c F04d F04e F05 F06a F06b F06c F06d F07a F07b F07c F08 F09 F10 "
        "D01 B01 B02 B03 B04 B05 B06 B07 B08 B09 B10 B11 B12 B13 B14 B15"
    )
    baseline = {f"B{number:02}" for number in range(1, 16)}
    assert {f.id for f in failures if f.section == "baseline"} == baseline
    review = {"F01", "F03", "F04a", "F10"}
    assert {f.id for f in failures if f.severity == "high"} == review | baseline - {"B12"}
    assert {f.id for f in failures if f.severity == "low"} == {"F06a", "F08", "F09"}
    overlaps = {(f.id, other) for f in failures for other in f.overlaps if f.id < other}
    assert overlaps == {
        ("F01", "F10"),
        ("B01", "F04a"),
        ("B02", "F10"),
        ("B03", "F02"),
        ("B05", "F04c"),
        ("B07", "F09"),
        ("B08", "B13"),
        ("B08", "F08"),
        ("B10", "F03"),
        ("B11", "F06d"),
        ("B13", "F09"),
        ("B12", "D01"),
    }
    assert all(len(failure.title) <= 60 for failure in failures)


ENTRY = "- {id: F01, severity: high, title: t, requirement: r}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {id: F01}\n", "an entry has no 'severity'"),
        (ENTRY.replace("high", "huge"), "severity 'huge' is not high, medium or low"),
        (ENTRY * 2, "F01 is listed twice"),
        (
            ENTRY.replace("}", ", overlaps: [F10]}"),
            "F01 overlaps F10, but F10 does not overlap it",
        ),
        ("- [", "is not a valid failure catalogue"),
        ("", "is not a valid failure catalogue"),
        ("[]\n", "has no entries"),
        ("- word\n", "is not a valid failure catalogue"),
    ],
)
def test_load_failures_refuses_an_invalid_catalogue(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "failures.yaml").write_text(text)
    with pytest.raises(ComplianceError, match=message):
        load_failures(tmp_path)


def test_load_failures_refuses_a_missing_catalogue(tmp_path: Path) -> None:
    with pytest.raises(ComplianceError, match=r"failures\.yaml is missing"):
        load_failures(tmp_path)


def test_load_failures_returns_records(features: Path) -> None:
    assert load_failures(features)[3] == Failure(
        id="F08",
        severity="low",
        title="key replication left implicit",
        requirement="multi_region written out as false",
        overlaps=(),
    )


# --- the command, and messages without a verdict ----------------------------


class Stand(Processes):
    """Replaces the process: records the command, and returns a prepared result."""

    def __init__(self, finished: Finished, report: str | None = "[]") -> None:
        super().__init__()
        self.finished, self.report = finished, report
        self.command: list[str] = []
        self.environ: dict[str, str] = {}
        self.folder = Path()
        self.files: dict[str, bytes] = {}
        self.seconds = 0.0

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        seconds: float,
    ) -> Finished:
        assert cwd is not None
        assert not stdin
        self.command, self.environ = [str(part) for part in command], dict(environ or {})
        self.folder, self.seconds = cwd, seconds
        self.files = {path.name: path.read_bytes() for path in cwd.iterdir() if path.is_file()}
        if self.report is not None:
            place = next(part for part in self.command if part.startswith("--cucumber-json="))
            Path(place.partition("=")[2]).write_text(self.report)
        return self.finished


def test_run_starts_the_command_in_a_scratch_folder(
    features: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFC_ERROR", "WARN")
    monkeypatch.setenv("OTHER", "as it was")
    stand = Stand(Finished(0, b"", ""))
    verdict = run(PLAN, features, processes=stand)
    assert verdict == Verdict("plan", (), load_failures(features))
    assert stand.folder.name.startswith("finbase-")
    assert not stand.folder.exists()
    plan = stand.folder / "plan.json"
    assert stand.command == [
        *(sys.executable, "-I", "-S", supervise.__file__),
        *(sys.executable, "-P", "-S", "-X", "utf8", compliance_runner.__file__),
        *("-f", str(stand.folder / "features"), "-p", str(plan), "--no-ansi"),
        f"--cucumber-json={stand.folder / 'cucumber.json'}",
        *("-b", str(stand.folder / "features" / "steps")),
    ]
    assert stand.files.keys() == {"plan.json"}
    assert json.loads(stand.files["plan.json"]) == json.loads(PLAN.read_text())
    assert stand.files["plan.json"].count(b"\n") == 0
    folder = str(stand.folder)
    own = {"HOME": folder, "TMPDIR": folder}
    own["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    assert stand.environ == {**python_environ(stand.folder), **own}
    assert not {"OTHER", "TFC_ERROR"} & stand.environ.keys()
    assert stand.seconds == 600


def test_run_works_without_steps(features: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFC_ERROR", raising=False)
    shutil.rmtree(features / "steps")
    stand = Stand(Finished(0, b"", ""))
    run(PLAN.read_bytes(), features, processes=stand)
    assert "TFC_ERROR" not in stand.environ
    assert "-b" not in stand.command
    assert stand.files["plan.json"].count(b"\n") == 0


LONG = "\n".join(f"line {number}" for number in range(1, 21))
NO_VERDICT = "terraform-compliance returned no verdict (exit code {}):\n    {}"
FIX = "fix the step or feature in the message; --verbose shows the command"
NO_STEP = (
    "the message names no step or feature; `finbase doctor` checks terraform-compliance, and "
    "--verbose shows the command"
)


@pytest.mark.parametrize("report", [None, "", "{", "[]"])
@pytest.mark.parametrize(
    ("finished", "said"),
    [
        (Finished(3, b"", ""), "it printed nothing"),
        (Finished(3, b"one\ntwo", "three"), "three\n    one\n    two"),
        (Finished(3, LONG.encode(), ""), "\n    ".join(LONG.splitlines()[-15:])),
        (Finished(3, b"so\n ! ERROR: the first\nError: more", ""), "the first"),
        (Finished(3, b"FATAL ERROR: it", LONG), "it"),
    ],
)
def test_run_reports_output_without_a_verdict(
    features: Path, report: str | None, finished: Finished, said: str
) -> None:
    with pytest.raises(ComplianceError) as caught:
        run(PLAN, features, processes=Stand(finished, report))
    assert caught.value.message == NO_VERDICT.format(3, said)
    assert caught.value.hint == NO_STEP


def element(*states: str) -> str:
    steps = [{"result": {"status": state}} for state in states]
    return json.dumps([{"elements": [{"steps": steps}]}])


@pytest.mark.parametrize(
    ("code", "states"),
    [
        (0, ["passed", "failed"]),
        (1, ["passed", "skipped"]),
        (0, ["passed", "pending"]),
        (1, ["failed", "pending"]),
        (2, ["failed"]),
    ],
)
def test_run_refuses_a_report_against_the_exit_code(
    features: Path, code: int, states: list[str]
) -> None:
    with pytest.raises(ComplianceError) as caught:
        run(PLAN, features, processes=Stand(Finished(code, b"so", ""), element(*states)))
    assert caught.value.message == NO_VERDICT.format(code, "so")
    assert caught.value.hint == (FIX if "pending" in states else NO_STEP)


@pytest.mark.parametrize("file", ["steps/a.py", "network.feature", "more/deep/x.feature"])
def test_run_blames_a_step_only_if_it_is_named(features: Path, file: str) -> None:
    class Naming(Stand):
        def run(self, command: Sequence[str | Path], **more: Any) -> Finished:
            super().run(command, **more)
            copied = Path(command[command.index("-f") + 1]) / file
            message = f"Error: Unable to import module 'a' from '{copied}': no module b"
            return Finished(2, message.encode(), "")

    with pytest.raises(ComplianceError) as caught:
        run(PLAN, features, processes=Naming(Finished(2, b"", ""), None))
    assert caught.value.hint == FIX


@pytest.mark.parametrize("value", [{"constant_value": 5}, {"constant_value": "a type"}, {}])
def test_run_reads_an_argument_named_outputs(features: Path, value: Any) -> None:
    plan = json.loads(PLAN.read_text())
    call = plan["configuration"]["root_module"]["module_calls"]["base"]
    call.setdefault("expressions", {})["outputs"] = value
    assert run(json.dumps(plan).encode(), features).scenarios == run(PLAN, features).scenarios


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), TimeoutError("too long")])
def test_run_reports_a_command_that_cannot_run(features: Path, error: OSError) -> None:
    class Broken(Stand):
        def run(self, *_: object, **__: object) -> Finished:
            raise error

    with pytest.raises(ComplianceError) as caught:
        run(PLAN, features, processes=Broken(Finished(0, b"", "")))
    assert caught.value.message == f"terraform-compliance could not run: {error}"
    assert caught.value.hint == "`finbase doctor` shows whether it is installed"


def test_run_hints_at_missing_features_and_plans(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "features" / "failures.yaml", tmp_path)
    with pytest.raises(ComplianceError) as caught:
        run(PLAN, tmp_path)
    assert caught.value.message == f"{tmp_path} contains no feature files"
    put_back = "restore the features of the project: git checkout HEAD -- features"
    assert caught.value.hint == put_back
    with pytest.raises(ComplianceError) as caught:
        run(tmp_path / "plan.json", FIXTURES / "features")
    assert (
        caught.value.message
        == f"{tmp_path / 'plan.json'} cannot be read: No such file or directory"
    )
    assert caught.value.hint == "use a file that `terraform show -json` has written"


@pytest.mark.parametrize("more", [0, 1])
def test_read_on_one_line_limits_the_size(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """One byte more is refused, and nothing behind it is read."""
    monkeypatch.setattr(compliance, "MOST_BYTES", 30_000)
    monkeypatch.setattr("finbase.plan.parse.MOST_BYTES", 30_000)
    text = json.dumps(json.loads(PLAN.read_text()))
    plan = tmp_path / "plan.json"
    plan.write_text(text.ljust(30_000 + more))
    assert len(text) < 30_000
    if more:
        with pytest.raises(ComplianceError, match="is larger than"):
            run(plan, features, processes=Stand(Finished(0, b"", "")))
    else:
        run(plan, features, processes=Stand(Finished(0, b"", "")))


def test_run_takes_a_plan_that_was_read(features: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command parses a plan of many megabytes once only."""
    plan = compliance.read_on_one_line(PLAN)

    def refuse(*_: object) -> None:
        raise AssertionError("the plan was parsed again")

    monkeypatch.setattr(compliance, "read_plan", refuse)
    run(plan, features, processes=Stand(Finished(0, b"", "")))


def test_folder_of_stack_is_beside_the_plan_or_named(tmp_path: Path) -> None:
    stack = tmp_path / "environments" / "production"
    (tmp_path / "modules" / "kms" / "1.0.0").mkdir(parents=True)
    stack.mkdir(parents=True)
    source = "../../modules/kms/1.0.0"
    (stack / "main.tf").write_text(f'module "kms" {{\n  source = "{source}"\n}}\n')
    calls = {"kms": {"source": source}}
    after = {"tags_all": {"Environment": "production"}}
    plan: dict[str, Any] = {
        "configuration": {"root_module": {"module_calls": calls}},
        "resource_changes": [{"change": {"after": {}}}],
    }
    elsewhere = tmp_path / "plan.json"
    assert folder_of_stack(plan, stack / "plan.json", tmp_path, "plan.json").path == stack
    assert folder_of_stack(plan, elsewhere, tmp_path, "plan.json").path is None
    assert folder_of_stack(plan, elsewhere, tmp_path, "production").path == stack
    plan["resource_changes"] = [{"change": {"after": after}}]
    assert folder_of_stack(plan, elsewhere, tmp_path, "plan.json").path == stack
    calls["kms"]["source"] = "../../modules/kms/1.0.1"
    assert folder_of_stack(plan, elsewhere, tmp_path, "plan.json").path is None
    assert folder_of_stack(plan, stack / "plan.json", tmp_path, "production").path is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
def test_run_hides_its_environment(features: Path) -> None:
    """A step may not read the credentials of the shell from /proc, in any command."""
    get_dumpable, dumpable = 3, []

    class Watched(Processes):
        def run(self, *command: Any, **options: Any) -> Finished:
            dumpable.append(ctypes.CDLL(None).prctl(get_dumpable, 0, 0, 0, 0))
            return super().run(*command, **options)

    with Watched() as processes:
        run(PLAN, features, processes=processes)
    assert set(dumpable) == {0}
