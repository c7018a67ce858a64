"""Plans and applies on real accounts, with a Terraform that only notes what it is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from generator.cli import main
from generator.plan_summary import Step, Summary, summarise
from generator.report.plan_text import markdown
from generator.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent

FAKE = """#!{python}
import json, pathlib, sys
home = pathlib.Path({home!r})
step = sys.argv[1]
if step == "version":
    print("Terraform v1.11.4\\non linux_amd64")
    sys.exit()
with (home / "log").open("a") as log:
    print(json.dumps([str(pathlib.Path.cwd()), *sys.argv[1:]]), file=log)
print(f"terraform says {{step}}", file=sys.stderr)
if step == (home / "fails").read_text():
    sys.exit(1)
for argument in sys.argv:
    if argument.startswith("-out="):
        pathlib.Path(argument[5:]).write_text("a saved plan")
if step == "show":
    sys.stdout.write((home / "plan.json").read_text())
"""


def resource(address: str, *actions: str, **more: Any) -> dict[str, Any]:
    module, kind, _ = address.rsplit(".", 2)
    change = {"actions": list(actions), "before": {}, "after": {}, **more.pop("change", {})}
    return {
        "address": address,
        "module_address": module,
        "mode": "managed",
        "type": kind,
        "change": change,
        **more,
    }


KEY = resource("module.kms.aws_kms_key.logs", "delete", "create", change={"replace_paths": [["x"]]})
TOPIC = resource("module.monitoring.aws_sns_topic.main", "create")
MOVED = resource("module.m.aws_x.b", "no-op", previous_address="module.m.aws_x.a")
QUIET = resource("module.m.aws_x.c", "no-op")
CHANGED = resource(
    "module.m.aws_x.d",
    "update",
    change={"before": {"a": 1, "b": 1}, "after": {"a": 2, "b": 1}, "after_unknown": {"c": True}},
)


class World:
    """A project, a terraform, and what that was asked."""

    def __init__(self, project: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project, self.home = project, home
        program = home / "terraform"
        program.write_text(FAKE.format(python=sys.executable, home=str(home)))
        program.chmod(0o755)
        monkeypatch.setenv("FINBASE_TERRAFORM", str(program))
        self.fails("nothing")

    def shows(self, *resources: Mapping[str, Any]) -> None:
        plan = {"format_version": "1.2", "terraform_version": "1.11.4"}
        (self.home / "plan.json").write_text(json.dumps({**plan, "resource_changes": resources}))

    def fails(self, step: str) -> None:
        (self.home / "fails").write_text(step)

    def asked(self) -> list[list[str]]:
        log = self.home / "log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["--project", str(self.project), *arguments])


@pytest.fixture
def world(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> World:
    return World(project, tmp_path_factory.mktemp("terraform"), monkeypatch)


# --- the summary ---------------------------------------------------------------------------------


def test_terraform_s_word_on_each_resource_counts() -> None:
    data = {**TOPIC, "mode": "data"}
    summary = summarise({"resource_changes": [KEY, TOPIC, MOVED, QUIET, CHANGED, data]})
    assert [(step.action, step.arguments) for step in summary.steps] == [
        ("replace", ("x",)),
        ("add", ()),
        ("move", ()),
        ("change", ("a", "c")),
    ]
    (loss,) = summary.losses
    assert loss.address == KEY["address"]
    assert "everything that it encrypted" in loss.loses


def test_the_summary_is_markdown_by_module() -> None:
    text = markdown("staging", summarise({"resource_changes": [KEY, TOPIC, MOVED]}))
    assert text.splitlines() == [
        "### staging: 1 to add, 1 to replace, 1 to move",
        "",
        "| module | add | replace | move |",
        "|---|---:|---:|---:|",
        "| `kms` |  | 1 |  |",
        "| `monitoring` | 1 |  |  |",
        "| `m` |  |  | 1 |",
        "",
        "- `-/+` `module.kms.aws_kms_key.logs`: because of x",
        "- `>` `module.m.aws_x.b`, moved from `module.m.aws_x.a`",
        "",
        "**DATA LOSS**: `module.kms.aws_kms_key.logs`, to replace: with it goes the key, and with "
        "it everything that it encrypted",
    ]
    assert markdown("staging", Summary(())) == "### staging: no changes"
    assert "the stack itself" in markdown("x", Summary((Step("aws_x.y", "", "add"),)))


# --- plan ----------------------------------------------------------------------------------------


def test_a_plan_is_made_in_the_stack_saved_and_summed_up(world: World) -> None:
    world.shows(TOPIC)
    done = world.run("plan", "staging")
    assert done.exit_code == 0, done.output
    stack, saved = world.project / "environments" / "staging", world.project / "staging.tfplan"
    assert [(Path(folder), step) for folder, step, *_ in world.asked()] == [
        (stack, "init"),
        (stack, "plan"),
        (stack, "show"),
    ]
    assert done.stdout.startswith("### staging: 1 to add")
    assert saved.read_text() == "a saved plan"
    assert saved.stat().st_mode & 0o077 == 0


def test_a_plan_that_loses_something_exits_1(world: World) -> None:
    world.shows(KEY)
    done = world.run("plan", "staging", "--out", str(world.home / "x.tfplan"))
    assert done.exit_code == 1
    assert "**DATA LOSS**" in done.stdout
    assert (world.home / "x.tfplan").exists()


@pytest.mark.parametrize("step", ["init", "plan", "show"])
def test_where_terraform_fails_that_is_told(world: World, step: str) -> None:
    world.shows(TOPIC)
    world.fails(step)
    done = world.run("plan", "staging")
    assert done.exit_code == 2
    assert f"terraform {step} failed" in done.output


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_stack_that_is_not_as_rendered_is_left_alone(world: World, command: str) -> None:
    with (world.project / "environments" / "staging" / "main.tf").open("a") as file:
        file.write("\n")
    done = world.run(command, "staging")
    assert done.exit_code == 1
    assert "staging is not as rendered and released, so nothing is done" in done.output
    assert world.asked() == []


# --- apply ---------------------------------------------------------------------------------------


def applied(world: World) -> bool:
    return any(step == "apply" for _, step, *_ in world.asked())


def test_without_a_saved_plan_the_way_to_one_is_told(world: World) -> None:
    done = world.run("apply", "staging")
    assert done.exit_code == 2
    assert "run `finbase plan staging` first" in done.output
    assert not applied(world)


@pytest.mark.terraform
def test_a_plan_with_a_failure_in_it_is_not_applied(good_plan: bytes, world: World) -> None:
    bad = good_plan.replace(b'"multi_region":false', b'"multi_region":true')
    assert bad != good_plan
    (world.home / "plan.json").write_bytes(bad)
    (world.project / "staging.tfplan").write_text("a saved plan")
    done = world.run("apply", "staging")
    assert done.exit_code == 1, done.output
    assert "a failure of the catalogue is in the plan, so nothing is applied" in done.output
    assert not applied(world)


@pytest.mark.terraform
def test_that_very_plan_is_judged_and_applied_unless_something_is_lost(
    good_plan: bytes, world: World
) -> None:
    saved = world.project / "staging.tfplan"
    saved.write_text("a saved plan")
    losing = json.loads(good_plan)
    (key,) = [r for r in losing["resource_changes"] if r["address"] == KEY["address"]]
    key["change"]["actions"] = ["delete", "create"]
    (world.home / "plan.json").write_text(json.dumps(losing))
    done = world.run("apply", "staging")
    assert done.exit_code == 1, done.output
    assert "something would be lost, so nothing is applied" in done.output
    assert not applied(world)
    assert saved.exists()

    (world.home / "plan.json").write_bytes(good_plan)
    done = world.run("apply", "staging")
    assert done.exit_code == 0, done.output
    assert world.asked()[-1][1:] == ["apply", "-input=false", str(saved.resolve())]
    assert not saved.exists()


@pytest.fixture(scope="module")
def good_plan(workspace: Workspace) -> bytes:
    return workspace.plan(ROOT / "environments" / "staging", project=ROOT)
