"""Two databases in one stack: each control judges both, and each with its own modules."""

from __future__ import annotations

import copy
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.errors import ComplianceError
from finbase.judge.mutations import Mutation, load_mutations, mutate
from finbase.judge.prove import rendered_files
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import failed_ids, failed_places, ids_of, messages
from tests.support.commands import FOLDERS, ROOT, copy_folders, finbase, git
from tests.support.second import PARTS, with_second

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

import design_judge
from stack_graph import Stack

pytestmark = pytest.mark.terraform
REPEATED = {part: f"{part}_reports" for part in PARTS}
PRIMARY = "aws_db_instance.primary"
ACCOUNT = "777788889999"
NAMES = ("name", "name_prefix", "identifier", "function_name", "alarm_name", "dashboard_name")
RULE = "aws_vpc_security_group_ingress_rule.rotation_to_database"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose development has two databases."""
    root = tmp_path_factory.mktemp("two")
    copy_folders(root, *FOLDERS)
    with_second(root, "development", port=5433)
    return root


@pytest.fixture(scope="module")
def plan(two: Path, workspace: Workspace) -> dict[str, Any]:
    """The plan of its stack."""
    stack = two / "environments" / "development"
    planned: dict[str, Any] = json.loads(workspace.plan(stack, project=two))
    return planned


def changed(
    plan: Mapping[str, Any], call: str, identity: str, argument: str, value: object
) -> dict[str, Any]:
    """Return a plan in which a resource of a call has a literal as an argument."""
    other = copy.deepcopy(dict(plan))
    modules = other["planned_values"]["root_module"]["child_modules"]
    (module,) = (m for m in modules if m["address"] == f"module.{call}")
    called = other["configuration"]["root_module"]["module_calls"][call]["module"]
    for resource in (*module["resources"], *called["resources"]):
        if f"{resource['type']}.{resource['name']}" == identity:
            if "values" in resource:
                resource["values"][argument] = value
            else:
                resource["expressions"][argument] = {"constant_value": value}
    assert other != plan
    return other


def values_changed(
    plan: Mapping[str, Any], call: str, identity: str, argument: str, value: object
) -> dict[str, Any]:
    """Return a plan in which resources of a call have another planned value."""
    other = copy.deepcopy(dict(plan))
    modules = other["planned_values"]["root_module"]["child_modules"]
    (module,) = (m for m in modules if m["address"] == f"module.{call}")
    for resource in module["resources"]:
        if f"{resource['type']}.{resource['name']}" == identity:
            resource["values"][argument] = value
    return other


def without(plan: Mapping[str, Any], call: str) -> dict[str, Any]:
    """Return a plan that lacks a call of a module."""
    other = copy.deepcopy(dict(plan))
    root = other["planned_values"]["root_module"]
    kept = [m for m in root["child_modules"] if m["address"] != f"module.{call}"]
    assert len(kept) == len(root["child_modules"]) - 1
    root["child_modules"] = kept
    del other["configuration"]["root_module"]["module_calls"][call]
    return other


def test_two_databases_pass(plan: dict[str, Any], two: Path) -> None:
    assert failed_places(plan, two / "environments" / "development") == set()


def test_no_two_resources_have_one_name(plan: dict[str, Any]) -> None:
    modules = plan["planned_values"]["root_module"]["child_modules"]
    names = [
        (resource["type"], name, value)
        for module in modules
        for resource in module["resources"]
        for name in NAMES
        if resource["mode"] == "managed" and (value := resource.get("values", {}).get(name))
        # Its name is that of the function that may be called.
        if resource["type"] != "aws_lambda_permission"
    ]
    assert ("aws_db_instance", "identifier", "ledger-development-reports") in names
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize(
    ("part", "identity", "argument", "value", "control"),
    [
        ("database", PRIMARY, "performance_insights_enabled", False, "F04a"),
        ("database", PRIMARY, "storage_type", "gp2", "F04b"),
        ("database", PRIMARY, "maintenance_window", "mon:10:00-mon:11:00", "F04c"),
        ("database", PRIMARY, "enabled_cloudwatch_logs_exports", [], "F04d"),
        ("database", PRIMARY, "copy_tags_to_snapshot", False, "F04e"),
        ("database", PRIMARY, "storage_encrypted", False, "B01"),
        ("database", PRIMARY, "publicly_accessible", True, "B02"),
        ("database", PRIMARY, "backup_retention_period", 0, "B05"),
        ("database", "aws_db_parameter_group.main", "parameter", [], "F03"),
        ("database", "aws_cloudwatch_log_group.database", "retention_in_days", 30, "B07"),
        ("secret", "aws_secretsmanager_secret.connection", "description", " ", "F06a"),
        ("secret", "terraform_data.connection", "input", {"engine": "mysql"}, "F06b"),
        ("secret", "aws_lambda_permission.rotation", "principal", "*", "F06d"),
        ("access", RULE, "from_port", 1, "F02"),
        ("access", RULE, "description", "", "F02"),
        ("monitoring", "aws_cloudwatch_metric_alarm.cpu_utilization", "threshold", 100, "F09"),
        ("roles", "aws_secretsmanager_secret_rotation.role", "rotate_immediately", False, "B14"),
        ("roles", "terraform_data.declaration", "input", {"extensions": ["pgaudit"]}, "B15"),
        ("roles", "aws_lambda_invocation.apply", "input", '{"action":"none"}', "B15"),
    ],
)
def test_control_judges_each_database(
    part: str, identity: str, argument: str, value: object, control: str, plan: dict[str, Any]
) -> None:
    first = failed_ids(changed(plan, part, identity, argument, value))
    second = failed_ids(changed(plan, REPEATED[part], identity, argument, value))
    assert control in second
    assert second == first


@pytest.mark.parametrize(
    ("part", "control"),
    [("secret", "F06b"), ("roles", "B13"), ("access", "F02"), ("monitoring", "F09")],
)
def test_database_without_a_part_fails(part: str, control: str, plan: dict[str, Any]) -> None:
    assert control in failed_ids(without(plan, REPEATED[part]))


WIRE = re.compile(rf"\bmodule\.({'|'.join(PARTS)})(_reports)?\.")
TAKEN = re.compile(r"module\.(\w+): (\w+) comes from module\.\w+, which is of another")


def deviations(plan: Mapping[str, Any], stack: Path | None = None) -> list[str]:
    """Return what of a plan is not as the design describes."""
    return [deviation.text for deviation in design_judge.judged(Stack(plan, stack))[0]]


def test_every_wire_comes_from_the_same_database(workspace: Workspace, tmp_path: Path) -> None:
    """Cross all wires of all modules that belong to one database; each must fail by its name."""
    copy_folders(tmp_path, *FOLDERS)
    stack = with_second(tmp_path, "production", port=5433)
    environment = load(stack.with_suffix(".yaml"), Registry(tmp_path), tmp_path)
    contracts = {use.name: use.contract for use in environment.modules}
    of_one = {n for n, c in contracts.items() if c.repeats or c.multiplicity == "many"}
    wires = {
        (use.label(instance), wire.name)
        for use in environment.modules
        for instance in use.instances
        for wire in use.contract.wiring
        if wire.module in of_one
    } - {("monitoring", "replica_identifiers")}  # No other database has replicas.
    assert len(wires) > 70
    for file in (stack / "main.tf", stack / "outputs.tf"):
        crossed = WIRE.sub(
            lambda m: f"module.{m[1]}{'' if m[2] else '_reports'}.", file.read_text()
        )
        # Replicas are of the first database.
        replicas = "replica_identifiers = { a = module.replica_reporting.identifier }"
        file.write_text(
            re.sub(r'(module "monitoring_reports" \{\n)', rf"\1  {replicas}\n", crossed)
        )
    plan = json.loads(workspace.plan(stack, project=tmp_path))
    outputs = plan["configuration"]["root_module"]["outputs"]
    for folder in (stack, None):
        found = deviations(plan, folder)
        assert {match.groups() for text in found if (match := TAKEN.match(text))} == wires
        own = {match[1] for text in found if (match := re.match(r"output (\w+): must be", text))}
        assert own == {name for name in outputs if name.startswith(PARTS)}
    failed = ids_of(failed_places(plan, stack))
    assert {"F02", "F05", "F06b", "F06c", "F06d", "F09", "B04", "B14", "B15", "D01"} <= failed


@pytest.mark.parametrize(
    ("part", "name", "control"),
    [
        ("secret", "initial_secret_id", "F06b"),
        ("secret", "initial_version_id", "F06b"),
        ("roles", "connection_secret_arn", "F06d"),
        ("roles", "connection_version_id", "B15"),
        ("roles", "connection_readers", "B14"),
        ("roles", "topic_arn", "F09"),
    ],
)
def test_secret_of_the_other_database_fails(
    part: str, name: str, control: str, two: Path, plan: dict[str, Any], tmp_path: Path
) -> None:
    for call, other in ((part, "_reports"), (REPEATED[part], "")):
        crossed = copy.deepcopy(plan)
        inputs = crossed["configuration"]["root_module"]["module_calls"][call]["expressions"]
        references = inputs[name]["references"]
        value = re.sub(r"^module\.([a-z]+)(_reports)?\.", rf"module.\1{other}.", references[0])
        inputs[name]["references"] = [value]
        assert control in failed_ids(crossed)

        inputs[name]["references"] = ["local.hidden"]
        assert (
            f"{name} comes from local.hidden, which this plan does not show"
            in messages(crossed, "-")[control]
        )
    copy_folders(tmp_path, "modules")
    stack = tmp_path / "environments" / "development"
    shutil.copytree(two / "environments" / "development", stack)
    (stack / "hidden.tf").write_text(f"locals {{\n  hidden = {value}\n}}\n")
    assert any(f"{name} comes from module." in text for text in deviations(crossed, stack))


def test_reader_that_moves_in_another_database_fails(plan: dict[str, Any]) -> None:
    """The list of a database excuses readers of its own connection secret only."""
    other, reader = copy.deepcopy(plan), f"arn:aws:iam::{ACCOUNT}:role/ledger-both"
    modules = other["planned_values"]["root_module"]["child_modules"]
    all_ = (r for m in modules for r in m["resources"])
    resources = {r["address"]: r["values"] for r in all_ if "values" in r}
    for name in ("module.secret_reports", "module.roles_reports"):
        address, key = {
            "module.secret_reports": ("aws_secretsmanager_secret_policy.connection", ""),
            "module.roles_reports": ("aws_secretsmanager_secret_policy.role", '["app"]'),
        }[name]
        values = resources[f"{name}.{address}{key}"]
        policy = json.loads(values["policy"])
        policy["Statement"][1]["Condition"]["StringNotEquals"]["aws:PrincipalArn"].append(reader)
        values["policy"] = json.dumps(policy)
    readers = {
        call: resources[f"module.{call}.terraform_data.readers"]["input"]
        for call in ("roles", "roles_reports")
    }
    for lists in readers.values():
        lists["roles"]["app"] = [reader]
    readers["roles_reports"]["moving"] = [reader]
    assert "B13" not in failed_ids(other)
    readers["roles_reports"]["moving"], readers["roles"]["moving"] = [], [reader]
    assert "B13" in failed_ids(other)


def test_rotation_that_ends_on_the_next_day_fails(plan: dict[str, Any]) -> None:
    rules = {"automatically_after_days": None, "duration": "2h"}
    for hour, fails in ((22, False), (23, True)):
        later = [{**rules, "schedule_expression": f"cron(0 {hour} ? * SUN *)"}]
        rotation = "aws_secretsmanager_secret_rotation.role"
        failed = failed_ids(values_changed(plan, "roles", rotation, "rotation_rules", later))
        assert ("B14" in failed) == fails


@pytest.mark.parametrize("name", ["application", "engine", "secret", "topic"])
def test_database_can_be_named_like_the_start_of_an_output(name: str, plan: dict[str, Any]) -> None:
    assert deviations(json.loads(json.dumps(plan).replace("reports", name))) == []


@pytest.mark.parametrize("part", ["secret", "roles", "access", "monitoring"])
def test_names_of_the_other_database_fail(part: str, plan: dict[str, Any]) -> None:
    crossed = copy.deepcopy(plan)
    modules = crossed["planned_values"]["root_module"]["child_modules"]
    [module] = (m for m in modules if m["address"] == f"module.{REPEATED[part]}")
    text = json.dumps(module["resources"])
    other = text.replace("ledger-development-reports-", "ledger-development-")
    assert other != text
    module["resources"] = json.loads(other)
    assert failed_ids(crossed) & {"F02", "F06d", "F09"}


@pytest.mark.usefixtures("shared_workspace")
def test_diff_shows_that_a_database_comes_and_goes(committed: Path) -> None:
    single = (committed / "environments" / "development.yaml").read_text()
    with_second(committed, "development", port=5433)
    come = finbase(committed, "diff", "development", "--since", "HEAD", "--plan")
    added = re.search(
        r"\nplan: (\d+) to add, 0 to change, 0 to move, 0 to replace, 0 to destroy\n", come.output
    )
    assert added
    assert int(added[1]) > 90  # Of five modules.
    git(committed, "commit", "--quiet", "--all", "--message", "Two databases.")
    (committed / "environments" / "development.yaml").write_text(single)
    gone = finbase(committed, "diff", "development", "--since", "HEAD", "--plan")
    summary = f"plan: 0 to add, 0 to change, 0 to move, 0 to replace, {added[1]} to destroy"
    assert f"\n{summary}\n" in gone.output
    assert "\nDATA LOSS: module.database_reports.aws_db_instance.primary, to destroy" in gone.output
    assert "database.reports\n" in gone.output
    assert "development          not present" in gone.output


@pytest.fixture(scope="module")
def all_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of which each environment has two databases."""
    root = tmp_path_factory.mktemp("all-two")
    copy_folders(root, *FOLDERS)
    for name in ("development", "staging", "production"):
        with_second(root, name)
    return root


@pytest.mark.soak
@pytest.mark.parametrize("mutation", load_mutations(ROOT / "features"), ids=lambda m: m.id)
def test_mutation_of_the_second_database_alone_is_caught(
    mutation: Mutation, all_two: Path, workspace: Workspace, tmp_path: Path
) -> None:
    if mutation.part:
        pytest.skip("a further database has no cache and no replicas")
    files = rendered_files(all_two)
    try:
        mutated = mutate(files, mutation)
    except ComplianceError:
        pytest.skip("it changes calls, and matches those of both databases")
    places = {path.parts[:2] for path in mutated if mutated[path] != files.get(path)}
    if not places <= {("modules", part) for part in PARTS}:
        pytest.skip("it changes what both databases share")
    copies = {
        PurePosixPath("second", path): content
        for path, content in mutated.items()
        if path.parts[0] == "modules" and path.parts[1] in PARTS
    }
    main = PurePosixPath("environments", mutation.environment, "main.tf")
    block = re.compile(r'(?m)^(module "\w+_reports" \{\n +source = "\.\./\.\./)modules/(?!replica)')
    text, count = block.subn(r"\1second/modules/", files[main].decode())
    assert count == len(PARTS)
    lay_out({**files, **copies, main: text.encode()}, tmp_path)
    stack = tmp_path / "environments" / mutation.environment
    planned = json.loads(workspace.plan(stack, project=tmp_path))
    assert mutation.failure in ids_of(failed_places(planned, stack))


def test_own_module_cannot_carry_a_value_across(
    two: Path, plan: dict[str, Any], tmp_path: Path
) -> None:
    """A module of the project takes the secret of one database, and gives it to the other one."""
    changed = copy.deepcopy(plan)
    calls = changed["configuration"]["root_module"]["module_calls"]
    calls["pass"] = {
        "source": "../../modules/pass/1.0.0",
        "expressions": {"value": {"references": ["module.secret.arn", "module.secret"]}},
        "module": {"outputs": {"value": {"expression": {"references": ["var.value"]}}}},
    }
    inputs = calls["roles_reports"]["expressions"]
    inputs["connection_secret_arn"] = {"references": ["module.pass.value", "module.pass"]}
    wanted = "module.roles_reports: connection_secret_arn comes from module.pass, which can be of"
    assert any(text.startswith(wanted) for text in deviations(changed))
    assert "F06d" in failed_ids(changed)

    inputs["connection_secret_arn"] = {"references": ["local.hidden"]}
    stack = tmp_path / "development"
    shutil.copytree(two / "environments" / "development", stack)
    (stack / "hidden.tf").write_text("locals {\n  hidden = module.pass.value\n}\n")
    assert any(text.startswith(wanted) for text in deviations(changed, stack))
