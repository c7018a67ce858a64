"""Any valid environment renders to valid Terraform, and its stack passes every feature."""

from __future__ import annotations

import json
import os
import random
from copy import deepcopy
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from finbase.contract.version import Version
from finbase.environment.load import load
from finbase.judge.check import check
from finbase.project.tree import lay_out
from finbase.render.project import render_project
from finbase.render.stack import render_stacks
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import failed_places, ids_of
from tests.support.commands import copy_folders
from tests.support.formatting import fmt_check
from tests.support.sample import write
from tests.support.strategies import REGISTRY, ROOT, environments

SEED = int(os.environ.get("SOAK_SEED", "20261125"))
SAMPLE, DRAWN, SOAK = 2, 15, 40


@pytest.mark.parametrize("examples", [25, pytest.param(150, marks=pytest.mark.soak)])
def test_random_environment_renders(examples: int, tmp_path: Path) -> None:
    @settings(max_examples=examples)
    @given(environment=environments())
    def renders(environment: dict[str, Any]) -> None:
        loaded = load(write(tmp_path, environment), REGISTRY, tmp_path)
        monitoring = environment["modules"].get("monitoring")
        unheard = monitoring is not None and not monitoring.get("email_addresses")
        # Some wait for a reboot, some alarms are below the vCPUs, some topics are old ones.
        codes = {note.code for note in loaded.notes} - {"FB311", "FB317", "FB320"}
        assert codes == ({"FB310"} if unheard else set())
        rendered = render_stacks([loaded], ROOT)
        assert PurePosixPath("environments/drawn/main.tf") in rendered

    renders()


@cache
def drawn(count: int, passing: bool) -> list[dict[str, Any]]:
    """Return at least twice as many environments as wanted; the seed decides which.

    If ``passing``, they pin only releases that pass every control.
    """
    found: list[dict[str, Any]] = []

    @seed(SEED)
    @settings(
        max_examples=max(8, 2 * count),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(environments(passing=passing))
    def collect(environment: dict[str, Any]) -> None:
        found.append(environment)

    collect()
    return found


def sample(count: int, *, passing: bool = True) -> list[dict[str, Any]]:
    """Return so many of the drawn environments, each with a name of its own."""
    chosen = random.Random(SEED).sample(drawn(count, passing), count)
    return [{**each, "environment": f"drawn-{n}"} for n, each in enumerate(chosen)]


def project(root: Path, environments: list[dict[str, Any]]) -> Path:
    """A project of these environments, rendered."""
    copy_folders(root, "features", "modules")
    loaded = [load(write(root, each), REGISTRY, root) for each in environments]
    lay_out(render_project(loaded, REGISTRY, ROOT), root)
    return root


@pytest.mark.terraform
@pytest.mark.parametrize("count", [DRAWN, pytest.param(SOAK, marks=pytest.mark.soak)])
def test_random_environment_is_formatted(count: int, tmp_path: Path) -> None:
    root = project(tmp_path, sample(count, passing=False))
    assert fmt_check([root / "environments"], find_terraform()) == ()


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_random_environment_passes(tmp_path: Path) -> None:
    proved(project(tmp_path, sample(SAMPLE)))


@pytest.mark.terraform
def test_major_upgrade_passes(tmp_path: Path, workspace: Workspace) -> None:
    """Replicas keep the parameter group of the version before, the primary takes the new one."""
    environment = deepcopy(next(each for each in sample(SAMPLE) if "replica" in each["modules"]))
    environment["modules"]["database"] |= {
        "engine_version": "17",
        "previous_engine_version": "16",
        "allow_major_version_upgrade": True,
    }
    root = project(tmp_path / "project", [environment])
    stack = root / "environments" / environment["environment"]
    plan = json.loads(workspace.plan(stack, project=root))
    assert failed_places(plan, stack) == set()
    (primary,) = find(plan, "primary")
    replicas = find(plan, "replica")
    primary["parameter_group_name"], new = (
        replicas[0]["parameter_group_name"],
        primary["parameter_group_name"],
    )
    assert ids_of(failed_places(plan, stack)) == {"F03"}
    primary["parameter_group_name"] = replicas[0]["parameter_group_name"] = new
    assert ids_of(failed_places(plan, stack)) == {"F03"}


def find(plan: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the planned values of the database instances of this name."""
    modules = plan["planned_values"]["root_module"]["child_modules"]
    resources = [resource for module in modules for resource in module["resources"]]
    return [
        resource["values"]
        for resource in resources
        if (resource["type"], resource["name"]) == ("aws_db_instance", name)
    ]


@pytest.mark.soak
@pytest.mark.terraform
def test_many_random_environments_pass(tmp_path: Path) -> None:
    proved(project(tmp_path, sample(SOAK)))


def proved(root: Path) -> None:
    names = sorted(path.stem for path in root.glob("environments/*.yaml"))
    verdicts = list(check(root, names, jobs=2, progress=lambda *_: None))
    assert [verdict.environment for verdict in verdicts] == names
    for verdict in verdicts:
        assert verdict.passed, (root / f"environments/{verdict.environment}.yaml").read_text()


@pytest.mark.terraform
def test_text_reaches_plan_unchanged(tmp_path: Path, workspace: Workspace) -> None:
    """What means something to Jinja, HCL or YAML means nothing on its way to AWS."""
    environment = deepcopy(sample(SAMPLE)[0])
    awkward = "${x} %{ if y } {{ z }} \"q\" 'a' \\n \\ # // /* é 日本 🙂 $${"
    environment["modules"]["cache"]["description"] = awkward
    formula = "GREATEST({DBInstanceClassMemory/63963136},65536)"
    environment["modules"]["database"]["parameters"] = {"work_mem": formula}
    root = project(tmp_path / "project", [environment])
    plan = json.loads(workspace.plan(root / "environments" / "drawn-0", project=root))
    after = {change["address"]: change["change"]["after"] for change in plan["resource_changes"]}
    assert after["module.cache.aws_elasticache_serverless_cache.main"]["description"] == awkward
    key = json.dumps(environment["modules"]["database"]["engine_version"])
    group = after[f"module.database.aws_db_parameter_group.main[{key}]"]["parameter"]
    values = {each["name"]: each["value"] for each in group}
    assert values["work_mem"] == formula


def test_sample_is_varied() -> None:
    found = drawn(DRAWN, passing=False)
    modules = [each["modules"] for each in found]
    assert len({each["region"] for each in found}) > 5
    assert {len(each["network"]["zones"]) for each in modules} == {2, 3, 4}
    replicas = {len(each.get("replica", {}).get("instances", {})) for each in modules}
    assert 0 in replicas
    assert len(replicas) > 3
    assert any("iops" in each["database"] for each in modules)
    assert any(each["database"].get("multi_az") is False for each in modules)


FIRST = {
    "access": "1.0.1",
    "cache": "1.1.0",
    "database": "1.0.1",
    "kms": "1.0.1",
    "monitoring": "2.0.0",
    "network": "1.0.0",
    "secret": "1.0.2",
}
"""Releases that have what the review asks for, and less than the baseline does."""


@pytest.mark.terraform
def test_older_releases_pass_the_review(tmp_path: Path, workspace: Workspace) -> None:
    environment = yaml.safe_load((ROOT / "environments" / "development.yaml").read_text())
    modules = {}
    for name, version in FIRST.items():
        contract = REGISTRY.get(name, Version.parse(version))
        known = {declared.name for declared in contract.inputs}
        section = environment["modules"].get(name, {})
        kept = {key: value for key, value in section.items() if key in known and value != 0}
        modules[name] = {"version": version, **kept}
    root = project(tmp_path / "project", [{**environment, "modules": modules}])
    stack = root / "environments" / "development"
    plan = json.loads(workspace.plan(stack, project=root))
    found = ids_of(failed_places(plan, stack))
    assert {id_ for id_ in found if id_.startswith("F")} == set()
    assert found >= {"B09", "B10"}
