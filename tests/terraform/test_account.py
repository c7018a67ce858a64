"""Plans and applies on real accounts, with a Terraform that only notes what it is asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from click.testing import CliRunner, Result

from finbase.cli import main
from finbase.commands.apply import _apply, _delete_applied
from finbase.errors import FinbaseError, TerraformError
from finbase.plan.saved import verify
from finbase.plan.summary import Step, Summary, summarise
from finbase.project.files import Tree
from finbase.report.plan import PlanReport
from finbase.terraform import account
from finbase.terraform.program import find_terraform, isolated_environ
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT
from tests.support.saved import save

FAKE = """#!{python}
import json, os, pathlib, sys
home = pathlib.Path({home!r})
step = sys.argv[1]
if step == "version":
    print("Terraform v1.11.4\\non linux_amd64")
    sys.exit()
with (home / "log").open("a") as log:
    print(json.dumps([str(pathlib.Path.cwd()), *sys.argv[1:]]), file=log)
data = pathlib.Path(os.environ["TF_DATA_DIR"])
with (home / "data").open("a") as log:
    mask = os.umask(0o077)
    print(json.dumps([step, str(data), data.parent.stat().st_mode & 0o077, mask]), file=log)
data.mkdir(exist_ok=True)
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


def test_summarise_uses_terraform_actions() -> None:
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


def test_plan_report_is_markdown_by_module() -> None:
    text = PlanReport("staging", summarise({"resource_changes": [KEY, TOPIC, MOVED]})).text()
    assert text.splitlines() == [
        "### staging: 1 to add, 1 to replace, 1 to move",
        "",
        "| module | add | replace | move |",
        "|---|---:|---:|---:|",
        "| `kms` |  | 1 |  |",
        "| `monitoring` | 1 |  |  |",
        "| `m` |  |  | 1 |",
        "",
        "**Changes of access: permissions, keys, policies, secrets, network**",
        "",
        "- `-/+` `module.kms.aws_kms_key.logs`: because of x",
        "",
        "**Other changes**",
        "",
        "- `+` `module.monitoring.aws_sns_topic.main`",
        "- `>` `module.m.aws_x.b`, moved from `module.m.aws_x.a`",
        "",
        "**DATA LOSS**: `module.kms.aws_kms_key.logs`, to replace, loses the key, and with it "
        "everything that it encrypted",
    ]
    assert PlanReport("staging", Summary(())).text() == "### staging: no changes"
    assert "the stack itself" in PlanReport("x", Summary((Step("aws_x.y", "", "add"),))).text()


def test_summarise_shows_values_of_access() -> None:
    ingress = "module.access.aws_vpc_security_group_ingress_rule.anybody"
    rule = resource(ingress, "create", change={"before": None, "after": {"cidr_ipv4": "0.0.0.0/0"}})
    policy = json.dumps({"Statement": [{"Principal": "*"}]})
    change = {"before": {"policy": "{}", "x": 1}, "after": {"policy": policy, "x": 2}}
    topic = resource("module.m.aws_sns_topic.x", "update", change=change)
    text = PlanReport("x", summarise({"resource_changes": [rule, topic]})).text()
    assert f'- `+` `{ingress}`\n  - cidr_ipv4 = `"0.0.0.0/0"`\n' in text
    assert '  - `policy.Statement[0].Principal` = `"*"`' in text
    assert "  - x = " not in text


def test_summarise_names_what_the_state_takes_over() -> None:
    """An import without a change was \"no changes\", and one with a change any change."""
    own, theirs = "module.kms.aws_kms_key.logs", "arn:aws:kms:eu-west-1:111122223333:key/theirs"
    quiet = resource(own, "no-op", change={"importing": {"id": theirs}})
    text = PlanReport("x", summarise({"resource_changes": [quiet]})).text()
    assert text.startswith("### x: 1 to import\n")
    assert f"- `=` `{own}`, imported from `{theirs}`" in text
    values = {"before": {"description": "a"}, "after": {"description": "b"}}
    for importing, name in (({"id": theirs}, theirs), ({"unknown": True}, "(known after apply)")):
        changed = resource(own, "update", change={**values, "importing": importing})
        text = PlanReport("x", summarise({"resource_changes": [changed]})).text()
        assert f"- `~` `{own}`, imported from `{name}`: changes description" in text


def test_summarise_hides_no_value_behind_others() -> None:
    actions = [f"s3:Get{number}" for number in range(300)]
    statements = [{"Action": actions}, {"Resource": "x" * 1500 + "*"}, {"Action": "iam:*"}]
    after = {"policy": json.dumps({"Statement": statements})}
    policy = resource(
        "module.m.aws_iam_policy.x", "create", change={"before": None, "after": after}
    )
    text = PlanReport("x", summarise({"resource_changes": [policy]})).text()
    assert '`policy.Statement[2].Action` = `"iam:*"`' in text
    assert 'xxx*"`' in text


def test_summarise_refuses_an_action_that_it_does_not_know() -> None:
    with pytest.raises(FinbaseError, match=r"not know what Terraform does to module\.m\.aws_x"):
        summarise({"resource_changes": [resource("module.m.aws_x.d", "explode")]})


def test_summarise_counts_lost_evidence() -> None:
    steps = [
        resource(f"module.m.{kind}.x", "update", change={"before": before, "after": after})
        for kind, before, after in (
            ("aws_cloudwatch_log_group", {"retention_in_days": 3653}, {"retention_in_days": 365}),
            ("aws_cloudwatch_log_group", {"retention_in_days": 0}, {"retention_in_days": 3653}),
            ("aws_cloudwatch_log_group", {"retention_in_days": 365}, {"retention_in_days": 0}),
            ("aws_db_instance", {"backup_retention_period": 35}, {"backup_retention_period": 7}),
            ("aws_db_instance", {"backup_retention_period": 7}, {"backup_retention_period": 35}),
            ("aws_elasticache_serverless_cache", {"snapshot_retention_limit": 7}, {}),
            (
                "aws_db_instance",
                {"enabled_cloudwatch_logs_exports": ["postgresql", "upgrade"]},
                {"enabled_cloudwatch_logs_exports": ["upgrade"]},
            ),
        )
    ]
    summary = summarise({"resource_changes": steps})
    assert [bool(step.loses) for step in summary.steps] == [
        True,
        True,
        False,
        True,
        False,
        True,
        True,
    ]


def test_summarise_counts_no_log_that_stays() -> None:
    """Terraform only forgets a log group with ``skip_destroy``, as that of a removed replica."""
    for stays in (True, False):
        values = {"before": {"skip_destroy": stays}, "after": None}
        group = resource("module.m.aws_cloudwatch_log_group.x", "delete", change=values)
        [step] = summarise({"resource_changes": [group]}).steps
        assert bool(step.loses) is not stays


# --- what Terraform prints -----------------------------------------------------------------------

HOSTILE = """Changes to Outputs:
  + note = <<-EOT
a
::error file=x::refused
::stop-commands::x
  ##[error]refused ##vso[task.complete result=Failed]
\x1b]0;title\x07\u202e"""


@pytest.mark.parametrize(
    ("command", "terminal", "variables"),
    [
        ("plan", True, {}),
        ("plan", False, {}),
        ("plan", False, {"TF_BUILD": "True"}),
        ("drift", True, {"GITHUB_ACTIONS": "true"}),
        ("apply", True, {"CI": "true"}),
    ],
)
def test_terraform_cannot_forge_lines_of_a_job(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    *,
    command: str,
    terminal: bool,
    variables: dict[str, str],
) -> None:
    for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("finbase.terraform.account.os.isatty", lambda _: terminal)
    program = world.home / "terraform"
    hostile = f"sys.stdout.write({HOSTILE!r} + chr(10))\nif step == "
    program.write_text(
        program.read_text().replace("if step == ", f'if step != "show":\n    {hostile}', 1)
    )
    world.shows(TOPIC)
    if command == "apply":
        save(world.project / "staging.tfplan", world.project / "environments" / "staging")
    world.run(command, "staging")
    printed = capfd.readouterr().err
    assert "Changes to Outputs" in printed
    assert ("\n::error" in printed) == ("##[" in printed) == (not variables)
    assert ("\x1b" in printed) == (terminal and not variables)


# --- plan ----------------------------------------------------------------------------------------


def test_plan_saves_and_summarises(world: World) -> None:
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


def refusal_of_each_step(world: World) -> list[str]:
    """Return the message and the hint of each step of a plan and an apply; none has started."""
    terraform, stack = find_terraform(), world.project / "environments" / "staging"
    messages = []
    for step in (account.initialise, account.make_plan, account.show, account.apply):
        files = [world.home / "plan"] * (step is not account.initialise)
        with pytest.raises(TerraformError) as raised:
            step(terraform, stack, world.home, *files)
        messages.append(str(raised.value))
    assert world.asked() == []
    return messages


def test_account_refuses_tf_workspace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_WORKSPACE", "blue")
    for message in refusal_of_each_step(world):
        assert "TF_WORKSPACE selects the workspace blue" in message
        assert "whose state is not that of staging" in message
        assert "unset TF_WORKSPACE" in message
    done = world.run("plan", "staging")
    assert (done.exit_code, world.asked()) == (2, [])
    for workspace in ("", "default"):
        monkeypatch.setenv("TF_WORKSPACE", workspace)
        stack = world.project / "environments" / "staging"
        account.initialise(find_terraform(), stack, world.home / "data folder")
    assert [step for _, step, *_ in world.asked()] == ["init", "init"]


def test_plan_and_apply_use_new_data_folders(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ``.terraform`` folder, and one that the shell names, could bring another provider."""
    world.shows(TOPIC)
    stack = world.project / "environments" / "staging"
    monkeypatch.setenv("TF_DATA_DIR", str(world.home / "elsewhere"))
    subprocess.run(["git", "init", "--quiet"], cwd=world.project, check=True)
    for folder in (stack / ".terraform", world.home / "elsewhere"):
        folder.mkdir()
        (folder / "environment").write_text("blue\n")
    assert world.run("plan", "staging").exit_code == 0
    save(world.project / "staging.tfplan", stack)
    world.run("apply", "staging")
    rows = [json.loads(line) for line in (world.home / "data").read_text().splitlines()]
    used = {data for _, data, *_ in rows}
    assert len(used) == 2
    assert not used & {str(stack / ".terraform"), str(world.home / "elsewhere")}
    assert not any(Path(data).exists() for data in used)
    assert {step: mask for step, _, _, mask in rows} | {"show": 0} == {
        "init": 0o077,
        "plan": 0o077,
        "show": 0,
    }
    init = next(arguments for _, step, *arguments in world.asked() if step == "init")
    assert "-lockfile=readonly" in init


@pytest.mark.parametrize("name", ["TF_LOG", "TF_LOG_PROVIDER"])
def test_account_refuses_logs_with_passwords(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "trace")
    for message in refusal_of_each_step(world):
        assert f"{name} is trace" in message
        assert f"unset {name}" in message
    monkeypatch.setenv(name, "info")
    world.shows(TOPIC)
    assert world.run("plan", "staging").exit_code == 0


def test_account_passes_no_color_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("finbase.terraform.account.os.isatty", lambda _: True)
    for value in ("1", ""):
        monkeypatch.setenv("NO_COLOR", value)
        stack = world.project / "environments" / "staging"
        account.initialise(find_terraform(), stack, world.home / "data folder")
    assert ["-no-color" in arguments for arguments in world.asked()] == [True, False]


def test_plan_with_data_loss_exits_1(world: World) -> None:
    world.shows(KEY)
    done = world.run("plan", "staging", "--out", str(world.home / "x.tfplan"))
    assert done.exit_code == 1
    assert "**DATA LOSS**" in done.stdout
    assert (world.home / "x.tfplan").exists()


def test_plan_that_aws_refuses_exits_1(world: World) -> None:
    change = {"before": {"allocated_storage": 100}, "after": {"allocated_storage": 99}}
    world.shows(resource("module.database.aws_db_instance.primary", "update", change=change))
    done = world.run("plan", "staging")
    assert done.exit_code == 1, done.output
    assert "**STORAGE**: `module.database.aws_db_instance.primary` would shrink" in done.stdout


def test_plan_accepts_losses_by_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    other = resource('module.m.aws_db_instance.x["a b"]', "delete")
    world.shows(KEY, other)
    both = f"{KEY['address']}  {other['address']}"
    accepted = world.run("plan", "staging", "--accept-loss", both)
    assert accepted.exit_code == 0, accepted.output
    assert accepted.stdout.count("; accepted by its name") == 2
    apart = [word for step in (KEY, other) for word in ("--accept-loss", step["address"])]
    assert world.run("plan", "staging", *apart).exit_code == 0
    one = world.run("plan", "staging", "--accept-loss", KEY["address"])
    assert one.exit_code == 1
    assert one.stdout.count("; accepted by its name") == 1
    # An empty value is that of a pipeline without an input.
    assert world.run("plan", "staging", "--accept-loss", "").exit_code == 1
    monkeypatch.setenv("CI", "true")
    hostile = '##[error]x "module.m.aws_x.gone \u202e'
    unknown = world.run("plan", "staging", "--accept-loss", f"{both}\n::error::y {hostile}")
    assert unknown.exit_code == 1
    assert "--accept-loss names what this plan does not lose:" in unknown.stderr
    assert KEY["address"] not in unknown.stderr
    assert '\n  "module.m.aws_x.gone' in unknown.stderr
    assert not re.search(r"^\s*::|##\[|\u202e", unknown.stderr, re.MULTILINE)


@pytest.mark.parametrize("step", ["init", "plan", "show"])
def test_plan_reports_terraform_errors(world: World, step: str) -> None:
    world.shows(TOPIC)
    world.fails(step)
    done = world.run("plan", "staging")
    assert done.exit_code == 2
    assert f"terraform {step} failed" in done.output
    # The key of the YAML file with which a plan may destroy or replace a database.
    assert ("set deletion_protection to false" in done.output) == (step == "plan")


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_plan_refuses_changed_stacks(world: World, command: str) -> None:
    with (world.project / "environments" / "staging" / "main.tf").open("a") as file:
        file.write("\n")
    done = world.run(command, "staging")
    assert done.exit_code == 1
    assert "staging differs from what is rendered and released, so nothing was done" in done.output
    assert world.asked() == []


# --- apply ---------------------------------------------------------------------------------------


def applied(world: World) -> bool:
    return any(step == "apply" for _, step, *_ in world.asked())


def test_apply_without_a_plan_has_a_hint(world: World) -> None:
    done = world.run("apply", "staging")
    assert done.exit_code == 2
    assert "run `finbase plan staging` first" in done.output
    assert not applied(world)


@pytest.mark.terraform
def test_apply_refuses_plans_with_failures(good_plan: bytes, world: World) -> None:
    bad = good_plan.replace(b'"multi_region":false', b'"multi_region":true')
    assert bad != good_plan
    (world.home / "plan.json").write_bytes(bad)
    save(world.project / "staging.tfplan", world.project / "environments" / "staging")
    done = world.run("apply", "staging")
    assert done.exit_code == 1, done.output
    assert "the plan contains a failure of the catalogue, so nothing was applied" in done.output
    assert not applied(world)


@pytest.mark.terraform
def test_apply_judges_the_saved_plan(good_plan: bytes, world: World) -> None:
    saved = world.project / "staging.tfplan"
    save(saved, world.project / "environments" / "staging")
    losing = json.loads(good_plan)
    (key,) = [r for r in losing["resource_changes"] if r["address"] == KEY["address"]]
    key["change"]["actions"] = ["delete", "create"]
    (world.home / "plan.json").write_text(json.dumps(losing))
    done = world.run("apply", "staging")
    assert done.exit_code == 1, done.output
    assert "data would be lost, so nothing was applied" in done.output
    done = world.run("apply", "staging", "--accept-loss", f"{KEY['address']} module.m.aws_x.y")
    assert done.exit_code == 1, done.output
    assert "does not lose:\n  module.m.aws_x.y\n" in done.output
    assert not applied(world)
    assert saved.exists()
    world.fails("apply")
    done = world.run("apply", "staging", "--accept-loss", KEY["address"])
    assert done.exit_code == 2, done.output
    assert applied(world)
    hint = " ".join(done.output.split())
    for text in ("ResourceAlreadyExistsException", "scheduled for deletion", "create-again.md"):
        assert text in hint
    assert saved.exists()

    (world.home / "plan.json").write_bytes(good_plan)
    world.fails("nothing")
    done = world.run("apply", "staging")
    assert done.exit_code == 0, done.output
    *asked, place = world.asked()[-1][1:]
    assert asked == ["apply", "-no-color", "-input=false"]  # Escaped: no terminal shows it.
    assert Path(place).name == saved.name
    assert not Path(place).exists(), "it was a copy, which nobody else could write to"
    assert not saved.exists()


def with_passwords(plan: bytes, database: tuple[int, int], secret: tuple[int, int]) -> bytes:
    """Return an applied stack's plan: the numbers of the password before and after."""
    changed = json.loads(plan)
    for ending, name, (before, after) in (
        ("aws_db_instance.primary", "password_wo_version", database),
        ("aws_secretsmanager_secret_version.connection", "secret_string_wo_version", secret),
    ):
        (entry,) = [r for r in changed["resource_changes"] if r["address"].endswith(ending)]
        entry["change"]["actions"] = ["update"] if before != after else ["no-op"]
        entry["change"]["before"] = {**entry["change"]["after"], name: before}
        entry["change"]["after"][name] = after
    text: bytes = json.dumps(changed).encode()
    return text


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("database", "code", "message"),
    [
        ((1, 1), 1, "LOST RESET: module.secret."),
        ((0, 1), 2, "increase database.password_generation once more, render and plan again"),
    ],
)
def test_apply_names_lost_resets(
    good_plan: bytes,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    database: tuple[int, int],
    code: int,
    message: str,
) -> None:
    save(world.project / "staging.tfplan", world.project / "environments" / "staging")
    (world.home / "plan.json").write_bytes(with_passwords(good_plan, database, (0, 1)))

    def fail(*_: object, **__: object) -> None:
        raise TerraformError("terraform apply failed", "see Terraform's message above")

    monkeypatch.setattr("finbase.terraform.account.apply", fail)
    done = world.run("apply", "staging")
    assert done.exit_code == code, done.output
    assert message in " ".join(done.output.split())


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("ending", "before", "message"),
    [
        (
            "aws_db_instance.replica",
            {"replicate_source_db": "ledger-old"},
            "REPLICA",
        ),
        # Only `finbase plan` refused this.
        ("aws_db_instance.primary", {"engine_version": "16"}, "MAJOR UPGRADE"),
    ],
)
def test_apply_refuses_what_is_not_updated(
    good_plan: bytes, world: World, ending: str, before: dict[str, Any], message: str
) -> None:
    save(world.project / "staging.tfplan", world.project / "environments" / "staging")
    plan = json.loads(good_plan)
    (updated,) = [r for r in plan["resource_changes"] if r["address"].endswith(f".{ending}")]
    after = updated["change"]["after"]
    updated["change"].update(actions=["update"], before={**after, **before})
    (world.home / "plan.json").write_text(json.dumps(plan))
    done = world.run("apply", "staging", "--accept-data-loss")
    assert done.exit_code == 1, done.output
    assert "the plan must not be applied, so nothing was applied:" in done.stderr
    assert f"\n  {message}: {updated['address']} would " in done.stderr
    assert not applied(world)


def test_apply_says_what_a_failure_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS does not return the hash, so the state has that of the code which was not uploaded."""
    values = {"before": {"source_code_hash": "a"}, "after": {"source_code_hash": "b"}}
    function = resource("module.secret.aws_lambda_function.rotation", "update", change=values)
    plan = tmp_path / "plan"
    plan.write_bytes(b"plan")

    def fail(*_: object, **__: object) -> None:
        raise TerraformError("terraform apply failed", "see Terraform's message above")

    monkeypatch.setattr("finbase.terraform.account.apply", fail)
    for changes, hint in (([function], "it runs the old code"), ([TOPIC], "see Terraform's")):
        with pytest.raises(TerraformError) as raised:
            _apply(plan, b"plan", tmp_path, summarise({"resource_changes": changes}))
        assert hint in (raised.value.hint or "")


@pytest.mark.terraform
def test_apply_ignores_a_replaced_plan(
    good_plan: bytes, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = world.project / "staging.tfplan"
    save(saved, world.project / "environments" / "staging")
    judged, applied = saved.read_bytes(), []

    def show(*_: object) -> bytes:
        saved.write_bytes(b"another plan")
        return good_plan

    def apply(_: object, __: Path, ___: Path, plan: Path, **____: object) -> None:
        applied.append(plan.read_bytes())

    monkeypatch.setattr("finbase.terraform.account.show", show)
    monkeypatch.setattr("finbase.terraform.account.apply", apply)
    done = world.run("apply", "staging")
    assert done.exit_code == 0, done.output
    assert applied == [judged]
    assert saved.read_bytes() == b"another plan", "it has not been applied, and is kept"


def test_delete_applied_accepts_that_the_plan_is_gone(tmp_path: Path) -> None:
    _delete_applied(b"applied", tmp_path / "staging.tfplan")


def test_delete_applied_notes_a_plan_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "staging.tfplan"
    saved.write_bytes(b"applied")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    _delete_applied(b"applied", saved)
    said = f"{saved} was applied but could not be deleted: Permission denied"
    assert said in capsys.readouterr().err


# --- a plan of something else --------------------------------------------------------------------


AGAIN = "plan staging again: finbase plan staging"


def test_apply_refuses_plans_of_other_environments(world: World) -> None:
    other = world.home / "other.tfplan"
    save(other, world.project / "environments" / "production")
    done = world.run("apply", "staging", str(other))
    assert done.exit_code == 2, done.output
    assert f"{other} is a plan of production, not of staging" in done.output
    assert AGAIN in done.output
    assert world.asked() == []
    assert other.exists()


def refused(world: World) -> str:
    """Return why the plan in staging.tfplan is none of the files of the stack."""
    plan, stack = world.project / "staging.tfplan", world.project / "environments" / "staging"
    with pytest.raises(FinbaseError) as raised:
        verify(plan, stack, plan, on_disk(world.project))
    assert AGAIN in (raised.value.hint or "")
    return raised.value.message


def test_verify_refuses_added_or_removed_files(world: World) -> None:
    plan, stack = world.project / "staging.tfplan", world.project / "environments" / "staging"
    extra = stack / "extra.tf"
    extra.touch()
    save(plan, stack)
    extra.unlink()
    assert "environments/staging/extra.tf differs" in refused(world)
    outputs = (stack / "outputs.tf").read_text()
    (stack / "outputs.tf").unlink()
    save(plan, stack)
    (stack / "outputs.tf").write_text(outputs)
    assert "environments/staging/outputs.tf differs" in refused(world)


def on_disk(root: Path) -> Tree:
    return {PurePosixPath(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.tf")}


def test_verify_looks_at_no_file_on_disk(world: World) -> None:
    """A plan and a stack with the same added file agree; finbase renders neither."""
    plan, stack = world.project / "staging.tfplan", world.project / "environments" / "staging"
    files = on_disk(world.project)
    save(plan, stack)
    verify(plan, stack, plan, files)
    for place in ("environments/staging/terraform.tfstate.tf", "modules/network/2.0.0/x.tf"):
        (world.project / place).write_text('output "x" {\n  value = 1\n}\n')
        save(plan, stack)
        with pytest.raises(FinbaseError, match=f"rendered files: {place} differs"):
            verify(plan, stack, plan, files)
        (world.project / place).unlink()
    (stack / "backend.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    save(plan, stack)
    with pytest.raises(FinbaseError, match=r"backend\.tf differs"):
        verify(plan, stack, plan, files)


@pytest.mark.terraform
def test_verify_plans_saved_by_terraform(tmp_path: Path) -> None:
    module = tmp_path / "modules" / "m" / "1.0.0"
    module.mkdir(parents=True)
    (module / "main.tf").write_text('resource "terraform_data" "x" {}\n')
    state = "a-place-that-is-longer-than-thirty-two-bytes/terraform.tfstate"
    for name in ("staging", "production"):
        stack = tmp_path / "environments" / name
        stack.mkdir(parents=True)
        (stack / "main.tf").write_text(
            f'locals {{\n  environment = "{name}"\n}}\n\n'
            'module "m" {\n  source = "../../modules/m/1.0.0"\n}\n'
        )
        backend = f'terraform {{\n  backend "local" {{\n    path = "{state}"\n  }}\n}}\n'
        (stack / "backend.tf").write_text(backend)
        terraform, environ = find_terraform().path, isolated_environ()
        for step in (["init"], ["plan", f"-out={tmp_path / name}"]):
            subprocess.run([terraform, *step], cwd=stack, env=environ, check=True)
        verify(tmp_path / name, stack, Path(name), on_disk(tmp_path))
    with pytest.raises(FinbaseError, match=r"^p is a plan of production, not of staging"):
        verify(
            tmp_path / "production",
            tmp_path / "environments" / "staging",
            Path("p"),
            on_disk(tmp_path),
        )
    subprocess.run([terraform, "workspace", "new", "w"], cwd=stack, env=environ, check=True)
    subprocess.run([terraform, "plan", "-out=w"], cwd=stack, env=environ, check=True)
    with pytest.raises(FinbaseError, match="made in a workspace other than default"):
        verify(stack / "w", stack, Path("w"), on_disk(tmp_path))
    (stack / "backend.tf").write_text(backend.replace(state, "elsewhere"))
    with pytest.raises(FinbaseError, match=r"backend\.tf differs"):
        verify(tmp_path / "production", stack, Path("p"), on_disk(tmp_path))
    (stack / "backend.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    for step in (["init", "-reconfigure", "-backend-config=path=x"], ["plan", "-out=x"]):
        subprocess.run([terraform, *step], cwd=stack, env=environ, check=True)
    with pytest.raises(FinbaseError, match=r"its path is not in .*backend\.tf"):
        verify(stack / "x", stack, Path("x"), on_disk(tmp_path))


@pytest.fixture
def good_plan(workspace: Workspace) -> bytes:
    """A plan of staging."""
    return workspace.plan(ROOT / "environments" / "staging", project=ROOT)
