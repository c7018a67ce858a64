"""``finbase diff ENV --since REV``: what a change of an environment's file does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.report.test_json import fits
from tests.support.commands import finbase, git

FILE = "environments/staging.yaml"
NAMED = "\n    database_name: ledger"
USER = "    username: ledger_owner\n"
RESTORE = "    restore_from: {snapshot: before-the-mistake}\n"
ZONE = "database_cidr: 10.30.9.0/24}"
THIRD = (
    "      eu-west-1c: {public_cidr: 10.30.2.0/24, private_cidr: 10.30.48.0/20, "
    "database_cidr: 10.30.10.0/24}"
)
REPLICA = """  replica:
    version: 2.1.0
    instances:
      reporting:
        instance_class: db.r7g.large

"""
LARGER = (f"db.r7g.large{NAMED}", f"db.r7g.xlarge{NAMED}")


def change(project: Path, find: str, replace: str) -> None:
    path = project / FILE
    text = path.read_text()
    assert text.count(find) == 1
    path.write_text(text.replace(find, replace))


def test_since_finds_no_difference(committed: Path) -> None:
    done = finbase(committed, "diff", "staging", "--since", "HEAD")
    assert done.exit_code == 0
    assert done.output == "staging in HEAD and staging differ only in their names\n"


def test_since_shows_values_of_both_versions(committed: Path) -> None:
    change(committed, *LARGER)
    done = finbase(committed, "diff", "staging", "--since", "HEAD")
    assert done.exit_code == 1
    assert "database.instance_class\n" in done.output
    assert 'staging in HEAD  "db.r7g.large"' in done.output
    assert "1 difference between staging in HEAD and staging" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--since", "gone"), "'gone' is not a commit"),
        (("production", "--since", "HEAD"), "name either OTHER or --since REV"),
        ((), "name either OTHER or --since REV"),
        (("production", "--plan"), "--plan requires --since"),
    ],
)
def test_since_refuses(committed: Path, arguments: tuple[str, ...], message: str) -> None:
    done = finbase(committed, "diff", "staging", *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_since_names_a_file_that_the_commit_lacks_or_breaks(committed: Path) -> None:
    text = (committed / FILE).read_text()
    (committed / "environments" / "fresh.yaml").write_text(
        text.replace("environment: staging", "environment: fresh")
    )
    done = finbase(committed, "diff", "fresh", "--since", "HEAD")
    assert done.exit_code == 2
    assert "environments/fresh.yaml does not exist in HEAD" in done.output


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_plan_names_restarts_and_losses(committed: Path, tmp_path: Path) -> None:
    change(committed, *LARGER)
    change(committed, "    username: ledger_owner", "    username: another_owner")
    report = tmp_path / "diff.json"
    arguments = ("diff", "staging", "--since", "HEAD", "--plan", "--json", str(report))
    done = finbase(committed, *arguments)
    assert done.exit_code == 1, done.output
    document = fits(report.read_bytes(), "diff")
    assert document["data_loss"] is True
    primary = "module.database.aws_db_instance.primary"
    assert f"DATA LOSS: {primary}, to replace, loses the database" in done.output
    change(committed, "another_owner", "ledger_owner")
    change(committed, ZONE, f"{ZONE}\n{THIRD}")
    done = finbase(committed, *arguments)
    effects = {e["address"]: e for e in json.loads(report.read_text())["effects"]}
    assert effects[primary]["restarts"] is True
    assert f"RESTART: {primary}; clients lose their connections" in done.output
    # Another zone does not reach the cache, which ignores changes of its subnets.
    assert 'module.network.aws_nat_gateway.main["eu-west-1c"]' in effects
    assert not [address for address in effects if address.startswith("module.cache.")]
    assert "DATA LOSS" not in done.output


@pytest.mark.parametrize(
    ("find", "replace", "refused"),
    [
        ("    allocated_storage: 100\n", "    allocated_storage: 99\n", "FB160"),
        ("    allocated_storage: 100\n", "    allocated_storage: 101\n", ""),
        ('engine_version: "17"', 'engine_version: "16"', "FB161"),
        ('engine_version: "17"', 'engine_version: "18"', "FB161"),
        (
            'engine_version: "17"',
            'engine_version: "18"\n    previous_engine_version: "16"\n'
            "    allow_major_version_upgrade: true",
            "FB161",
        ),
        (
            'engine_version: "17"',
            'engine_version: "18"\n    previous_engine_version: "17"\n'
            "    allow_major_version_upgrade: true",
            "",
        ),
        ('engine_version: "17"', 'engine_version: "17"\n    previous_engine_version: "16"', ""),
        (USER, f"{USER}{RESTORE}", "FB165"),
        (USER, f"{USER}{RESTORE}    password_generation: 2\n", ""),
        (USER, f"{USER}    port: 5433\n", "FB165"),
        (USER, f"{USER}    port: 5433\n    password_generation: 2\n", ""),
        (USER, f"{USER}    password_generation: 2\n", ""),
        (USER, USER.replace("owner", "other"), "FB165"),
    ],
)
def test_since_names_what_aws_refuses(
    committed: Path, find: str, replace: str, refused: str
) -> None:
    change(committed, find, replace)
    file = committed / "diff.json"
    done = finbase(committed, "diff", "staging", "--since", "HEAD", "--json", str(file))
    document = fits(file.read_bytes(), "diff")
    assert [each["code"] for each in document["refused"]] == [refused] * bool(refused)
    mark = "LOCKED OUT: " if refused == "FB165" else "AWS REFUSES: "
    lines = [line for line in done.output.splitlines() if line.startswith(mark)]
    assert [f"{FILE}:" in line and refused in line for line in lines] == [True] * bool(refused)
    alone = finbase(committed, "diff", "staging", "--since", "HEAD", "--refused")
    assert alone.exit_code == bool(refused)
    nothing = ["AWS refuses no change between staging in HEAD and staging"]
    assert alone.output.splitlines()[:1] == (lines or nothing)
    assert "difference" not in alone.output


@pytest.mark.parametrize(
    ("size", "iops", "replicas", "refused"),
    [
        (399, "", REPLICA, []),
        (450, "", REPLICA, ["FB162"]),
        (450, "", "", ["FB162"]),
        (450, "    iops: 12000\n", REPLICA, []),
        (450, "    iops: 12000\n", REPLICA.replace("reporting", "another"), ["FB163"]),
        (450, "    iops: 12000\n", REPLICA.replace("2.1.0", "2.0.0"), ["FB163"]),
        (450, "    iops: 12000\n", "", []),
    ],
)
def test_since_refuses_growth_beyond_one_volume(
    committed: Path, size: int, iops: str, replicas: str, refused: list[str]
) -> None:
    change(committed, "    allocated_storage: 100\n", f"    allocated_storage: {size}\n{iops}")
    change(committed, "    max_allocated_storage: 500\n", "    max_allocated_storage: 900\n")
    if replicas != REPLICA:
        change(committed, REPLICA, replicas)
    file = committed / "diff.json"
    done = finbase(committed, "diff", "staging", "--since", "HEAD", "--json", str(file))
    document = fits(file.read_bytes(), "diff")
    assert [each["code"] for each in document["refused"]] == refused
    if "2.0.0" in replicas:
        assert "pin replica 2.1.0 and database 3.2.0 or later" in done.output


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ("    data_storage_maximum_gb: 20\n", []),
        ("    data_storage_maximum_gb: 20\n    ecpu_per_second_maximum: 9000\n", ["FB164"]),
        ("    snapshot_retention_limit: 9\n    description: Sessions\n", ["FB164"]),
    ],
)
def test_since_refuses_several_settings_of_the_cache(
    committed: Path, lines: str, refused: list[str]
) -> None:
    text = (committed / FILE).read_text()
    [version] = re.findall(r"  cache:\n    version: \S+\n", text)
    change(committed, version, version + lines)
    file = committed / "diff.json"
    done = finbase(committed, "diff", "staging", "--since", "HEAD", "--json", str(file))
    document = fits(file.read_bytes(), "diff")
    assert [each["code"] for each in document["refused"]] == refused
    assert ("apply, then change the next: docs/how-to/change-the-cache.md" in done.output) is bool(
        refused
    )
    # Back to the defaults, where the file has no line to point at.
    git(committed, "commit", "-qam", "another cache")
    change(committed, lines, "")
    finbase(committed, "diff", "staging", "--since", "HEAD", "--json", str(file))
    assert [each["code"] for each in json.loads(file.read_bytes())["refused"]] == refused


def test_since_refuses_nothing_of_another_stack(committed: Path) -> None:
    change(committed, "project: ledger", "project: other")
    change(committed, "    allocated_storage: 100\n", "    allocated_storage: 99\n")
    done = finbase(committed, "diff", "staging", "--since", "HEAD")
    assert done.exit_code == 1
    assert "AWS REFUSES" not in done.output
