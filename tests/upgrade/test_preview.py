"""``finbase upgrade``: what it tells, what it writes, and what Terraform says of the same step."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from finbase.contract.lock import Lock
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT, finbase
from tests.support.fabricated import actions, fabricated

CACHE = Path("templates/modules/cache")
OLD_PINS = {
    "access": "1.0.0",
    "kms": "1.0.0",
    "network": "1.0.0",
    "replica": "1.1.0",
    "database": "1.0.1",
    "cache": "1.0.0",
    "monitoring": "1.0.0",
}
NEW_ALARMS = (
    *("cpu_credit_balance", "db_load", "deadlocks", "disk_queue_depth", "ebs_byte_balance"),
    *("ebs_io_balance", "failed_logins", "nat_ports", "oldest_replication_slot_lag"),
    *("swap_usage", "transaction_logs_disk_usage"),
)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new))


def release(project: Path, *arguments: str) -> None:
    done = finbase(project, "release", *arguments)
    assert done.exit_code == 0, done.output


def upgraded(project: Path, *arguments: str) -> dict[str, object]:
    report = project / "upgrade.json"
    done = finbase(project, "upgrade", *arguments, "--json", str(report))
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(report.read_text())
    return found


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_upgrade_changes_pins_only(
    project: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("finbase.upgrade.preview._plans", lambda *_: ({}, {}))
    monkeypatch.setattr("finbase.upgrade.preview.effects", lambda *_: ())
    path = project / "environments" / "production.yaml"
    set_pin(project, "production", "kms", "1.0.0")
    before = path.read_bytes().replace(b"\n", end.encode())
    path.write_bytes(before)
    assert finbase(project, "render").exit_code == 0
    done = finbase(project, "upgrade", "production", "kms", "--write")
    assert done.exit_code == 0, done.output
    after = path.read_bytes()
    lines = list(zip(before.split(b"\n"), after.split(b"\n"), strict=True))
    ((old, new),) = [pair for pair in lines if pair[0] != pair[1]]
    assert old.replace(b"1.0.0", b"2.0.0") == new


def test_upgrade_refuses_concurrent_edit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project / "environments" / "production.yaml"
    set_pin(project, "production", "kms", "1.0.0")
    assert finbase(project, "render").exit_code == 0

    def plans(*_: object) -> tuple[object, object]:
        with path.open("a") as file:
            file.write("# Changed meanwhile.\n")
        return {}, {}

    monkeypatch.setattr("finbase.upgrade.preview._plans", plans)
    monkeypatch.setattr("finbase.upgrade.preview.effects", lambda *_: ())
    before = path.read_text()
    done = finbase(project, "upgrade", "production", "kms", "--write")
    assert done.exit_code == 2
    what = "environments/production.yaml was changed meanwhile, so nothing is written"
    assert f"{what}\n    hint: run the command again\n" in done.output
    assert path.read_text() == f"{before}# Changed meanwhile.\n"
    assert finbase(project, "render", "--check").exit_code == 0


def test_nothing_to_do_is_reported(project: Path) -> None:
    lock = Lock.load(project).text()
    for line in re.findall(r"(?m)^(\w+) (\S+) ", lock):
        set_pin(project, "development", *line)
    done = finbase(project, "upgrade", "development")
    assert done.exit_code == 0
    assert "development has the newest release of every module" in done.output


def set_pin(project: Path, environment: str, module: str, version: str) -> None:
    path = project / "environments" / f"{environment}.yaml"
    text = re.sub(rf"(?m)^(  {module}:\n    version: )\S+", rf"\g<1>{version}", path.read_text())
    path.write_text(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "environment not found"),
        (("production", "queue"), "production does not use the module queue"),
        (("production", "cache@9.9.9"), "cache 9.9.9 does not exist"),
        (("production", "cache@new"), "'new' is not a version such as 1.0.0"),
        (("production", "cache@"), "'' is not a version such as 1.0.0"),
    ],
)
def test_upgrade_refuses_unknown_names(
    project: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = finbase(project, "upgrade", *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_upgrade_with_invalid_file(project: Path) -> None:
    edit(project / CACHE / "contract.yaml", "  snapshot_retention_limit:", "  snapshots_kept:")
    edit(project / CACHE / "main.tf.j2", "var.snapshot_retention_limit", "var.snapshots_kept")
    release(project, "cache", "major", "-m", "Plainer words.")
    before = (project / "environments" / "production.yaml").read_bytes()
    done = finbase(project, "upgrade", "production", "cache", "--write")
    assert done.exit_code == 1
    assert "input snapshots_kept: new, default 7" in done.output
    assert "input snapshot_retention_limit: removed (the environment sets it)" in done.output
    assert "set snapshots_kept instead of snapshot_retention_limit" in done.output
    assert re.search(
        r"environments/production\.yaml:\d+:\d+: .*snapshot_retention_limit", done.output
    )
    assert (project / "environments" / "production.yaml").read_bytes() == before


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_upgrade_with_data_loss(project: Path) -> None:
    name = '"aws_elasticache_serverless_cache" "{}" {{'
    edit(project / CACHE / "main.tf.j2", name.format("main"), name.format("store"))
    edit(project / CACHE / "contract.yaml", "serverless_cache.main", "serverless_cache.store")
    for test in (project / CACHE / "tests").iterdir():
        edit(test, "serverless_cache.main", "serverless_cache.store")
    release(project, "cache", "major", "-m", "Another name, and no moved block.")
    file = project / "environments" / "development.yaml"
    before = file.read_text()
    done = finbase(project, "upgrade", "development", "cache", "--write")
    assert done.exit_code == 1
    loss = "DATA LOSS: module.cache.aws_elasticache_serverless_cache.main, to destroy"
    assert loss in done.output
    assert "data would be lost, so nothing was written" in done.output
    assert file.read_text() == before
    done = finbase(project, "upgrade", "development", "cache", "--write", "--accept-data-loss")
    assert done.exit_code == 0
    assert loss in done.output
    assert file.read_text() != before


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_upgrade_of_all_releases(project: Path) -> None:
    path = project / "environments" / "production.yaml"
    stack = project / "environments" / "production" / "main.tf"
    for module, version in OLD_PINS.items():
        set_pin(project, "production", module, version)
    assert finbase(project, "render").exit_code == 0
    before, rendered = path.read_text(), stack.read_text()
    found = upgraded(project, "production")
    assert path.read_text() == before
    assert stack.read_text() == rendered
    assert found["data_loss"]
    effects = found["effects"]
    assert isinstance(effects, list)
    kinds = {effect["action"] for effect in effects}
    assert kinds == {"move", "change", "add", "destroy"}
    # It has another name since 3.0.0, which UPGRADING.md explains; it holds no data.
    group = "module.database.aws_db_parameter_group.main"
    lost = [(e["action"], e["address"]) for e in effects if e["loses"] or e["action"] == "destroy"]
    assert lost == [("destroy", group)]
    added = {e["address"].partition("[")[0] for e in effects if e["action"] == "add"}
    alarms = "module.monitoring.aws_cloudwatch"
    assert added == {
        "module.access.aws_vpc_security_group_egress_rule.application_to_s3",
        "module.cache.aws_elasticache_user.application",
        "module.cache.aws_elasticache_user_group.main",
        group,
        "module.monitoring.aws_db_event_subscription.parameter_groups",
        "module.network.aws_iam_role_policy.flow_log_groups",
        f"{alarms}_log_data_protection_policy.database",
        *(f"{alarms}_event_rule.{rule}" for rule in ("failed_rotation", "key_deletion")),
        *(f"{alarms}_event_target.{rule}" for rule in ("failed_rotation", "key_deletion")),
        *(f"{alarms}_log_metric_filter.{name}" for name in ("deadlocks", "failed_logins")),
        *(f"{alarms}_metric_alarm.{name}" for name in NEW_ALARMS),
    }
    moved = [e["moved_from"] for e in effects if e["action"] == "move"]
    assert 'module.monitoring.aws_cloudwatch_metric_alarm.cpu["primary"]' in moved
    assert "module.monitoring.aws_cloudwatch_metric_alarm.failed_logins" in moved
    changed: dict[str, set[str]] = {}
    for effect in effects:
        names = {re.split(r"[.\[]", argument["name"])[0] for argument in effect["arguments"]}
        changed.setdefault(effect["address"].partition("[")[0], set()).update(names)
    assert {address: names for address, names in changed.items() if names} == {
        "module.cache.aws_elasticache_serverless_cache.main": {"user_group_id"},
        "module.database.aws_cloudwatch_log_group.database": {"skip_destroy"},
        "module.database.aws_db_instance.primary": {
            *("allow_major_version_upgrade", "parameter_group_name")
        },
        "module.database.aws_iam_role.monitoring": {"assume_role_policy"},
        "module.kms.aws_kms_key.logs": {"policy"},
        "module.kms.aws_kms_key.notifications": {"policy"},
        f"{alarms}_log_metric_filter.failed_logins": {"pattern"},
        f"{alarms}_metric_alarm.replica_lag": {"threshold", "treat_missing_data"},
        "module.monitoring.aws_db_event_subscription.instances": {"event_categories"},
        "module.monitoring.aws_sns_topic_policy.notifications": {"policy"},
        "module.network.aws_cloudwatch_log_group.flow_logs": {"skip_destroy"},
        "module.network.aws_iam_role.flow_logs": {"assume_role_policy"},
        "module.network.aws_iam_role_policy.flow_logs": {"policy"},
        "module.network.aws_vpc_endpoint.interface": {"policy"},
        "module.network.aws_vpc_endpoint.s3": {"policy"},
        **{
            f"module.replica_{name}.aws_db_instance.replica": {
                *("allocated_storage", "backup_window", "iops", "parameter_group_name"),
                "storage_throughput",
            }
            for name in ("reconciliation", "reporting")
        },
        **{
            f"module.replica_{name}.aws_cloudwatch_log_group.replica": {"skip_destroy"}
            for name in ("reconciliation", "reporting")
        },
    }

    done = finbase(project, "upgrade", "production", "--write", "--accept-data-loss")
    assert done.exit_code == 0, done.output
    after = path.read_text()
    pins = re.compile(r"(?m)^(    version: )\S+")
    assert pins.sub(r"\1", after) == pins.sub(r"\1", before)
    assert after != before
    assert finbase(project, "render", "--check").exit_code == 0
    assert "the newest release of every module" in finbase(project, "upgrade", "production").output


@pytest.mark.terraform
def test_upgrade_moves_renamed_resources(workspace: Workspace, tmp_path: Path) -> None:
    project, stack = tmp_path / "project", tmp_path / "project" / "stack"
    stack.mkdir(parents=True)
    module = ROOT / "modules" / "monitoring"
    shutil.copytree(module, project / "modules" / "monitoring")
    tests = (module / "2.0.0" / "tests" / "monitoring.tftest.hcl").read_text()
    inputs = re.search(r"(?ms)^variables \{\n(.*?)^\}", tests)
    assert inputs

    def pin(version: str) -> None:
        source = f'source = "../modules/monitoring/{version}"'
        text = (
            f'provider "aws" {{ region = "eu-west-1" }}\nmodule "m" {{\n{source}\n{inputs[1]}}}\n'
        )
        (stack / "main.tf").write_text(text)

    pin("1.0.0")
    state = fabricated(workspace, stack, project)
    pin("2.0.0")
    plan = json.loads(workspace.plan(stack, project=project, state=state))
    assert actions(plan) == {"move", "no-op"}
    assert sum("previous_address" in each for each in plan["resource_changes"]) == 8
