"""Routes to peered networks: those that the environment declares pass, and no others."""

from __future__ import annotations

import copy
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from finbase.plan.graph import read_stack
from finbase.plan.network import peered
from finbase.plan.picture import read_picture
from finbase.report.drawing.draw import draw
from finbase.report.drawing.mermaid import mermaid
from finbase.terraform.workspace import Workspace
from tests.fuzz.fast_judge import Judge
from tests.judge.in_process import failed_ids, failed_places, ids_of, messages
from tests.support.commands import FOLDERS, ROOT, copy_folders, finbase

pytestmark = pytest.mark.terraform
PCX, TGW = "pcx-0123456789abcdef0", "tgw-0123456789abcdef0"
ROUTES = f"""
  network:
    version: 2.2.0
    routes:
      office:
        tiers: [database]
        destination_cidr: 10.80.0.0/16
        reason: Operators look at the ledger
        transit_gateway_id: {TGW}
      fraud:
        tiers: [private, database]
        destination_cidr: 10.90.0.0/16
        reason: Fraud checks
        vpc_peering_connection_id: {PCX}
"""
Plan = dict[str, Any]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, with routes in development."""
    root = tmp_path_factory.mktemp("peered")
    copy_folders(root, *FOLDERS)
    file = root / "environments" / "development.yaml"
    text, count = re.subn(r"\n  network:\n    version: .+\n", ROUTES, file.read_text())
    assert count == 1
    file.write_text(text)
    done = finbase(root, "render", "development")
    assert done.exit_code == 0, done.output
    return root


@pytest.fixture(scope="module")
def plan(project: Path, workspace: Workspace) -> Plan:
    stack = project / "environments" / "development"
    return json.loads(workspace.plan(stack, project=project))  # type: ignore[no-any-return]


def changed(plan: Plan, name: str, values: dict[str, Any]) -> Plan:
    """A plan in which all instances of a resource of the network have other values."""
    copied = copy.deepcopy(plan)
    (network,) = (
        module
        for module in copied["planned_values"]["root_module"]["child_modules"]
        if module["address"] == "module.network"
    )
    found = [r for r in network["resources"] if f"{r['type']}.{r['name']}" == name]
    assert found
    for resource in found:
        resource["values"] |= values
    return copied


def test_declared_routes_pass(plan: Plan, project: Path) -> None:
    assert failed_places(plan, project / "environments" / "development") == set()


@pytest.mark.parametrize(
    ("name", "values", "failed"),
    [
        ("aws_route.database_peered", {"destination_cidr_block": "10.0.0.0/8"}, {"F10"}),
        ("aws_route.database_peered", {"destination_cidr_block": "10.80.0.0/15"}, {"F10"}),
        ("aws_route.database_peered", {"destination_cidr_block": "0.0.0.0/0"}, {"B02", "F10"}),
        (
            "aws_route.database_peered",
            {"destination_cidr_block": "198.51.100.0/24"},
            {"B02", "F10"},
        ),
        ("aws_route.database_peered", {"transit_gateway_id": f"{TGW[:-1]}1"}, {"F10"}),
        ("aws_route.private_peered", {"destination_cidr_block": "10.91.0.0/16"}, {"F10"}),
        ("aws_route.private_peered", {"destination_cidr_block": "0.0.0.0/1"}, {"F10"}),
        ("aws_route.private_peered", {"vpc_peering_connection_id": None}, {"F10"}),
        ("aws_ec2_transit_gateway_vpc_attachment.main", {"transit_gateway_id": PCX}, {"F10"}),
    ],
)
def test_widened_routes_fail(
    plan: Plan, name: str, values: dict[str, Any], failed: set[str]
) -> None:
    assert failed_ids(changed(plan, name, values)) == failed


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ("office", "database_peered: has instances for fraud, office, not for fraud"),
        (
            "fraud",
            "private_peered: has instances for eu-west-1a/fraud, eu-west-1b/fraud, not for none",
        ),
        ("office", f"vpc_attachment.main: has instances for {TGW}, not for none"),
    ],
)
def test_undeclared_routes_fail(plan: Plan, removed: str, said: str) -> None:
    copied = copy.deepcopy(plan)
    calls = copied["configuration"]["root_module"]["module_calls"]
    del calls["network"]["expressions"]["routes"]["constant_value"][removed]
    found = messages(copied, "none")
    assert list(found) == ["F10"]
    assert said in found["F10"]


def test_routes_of_another_version_fail(plan: Plan) -> None:
    copied = copy.deepcopy(plan)
    call = copied["configuration"]["root_module"]["module_calls"]["network"]
    call["source"] = "../../modules/network/2.0.0"
    assert (
        "aws_route.database_peered: not of the design; remove it" in messages(copied, "none")["F10"]
    )


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('private[split("/", each.key)[0]]', 'private[split("/", each.key)[1]]'),
        ('private[split("/", each.key)[0]]', 'private[replace(each.key, "/fraud", "")]'),
        ("depends_on = [aws_ec2_transit_gateway_vpc_attachment.main]", ""),
    ],
)
def test_another_way_to_write_them_fails(
    plan: Plan, project: Path, tmp_path: Path, written: str, instead: str
) -> None:
    copied = copy.deepcopy(plan)
    shutil.copytree(project / "modules" / "network", tmp_path / "modules" / "network")
    shutil.copytree(project / "environments", tmp_path / "environments")
    for module in (project / "modules").iterdir():
        if module.is_dir() and module.name != "network":
            (tmp_path / "modules" / module.name).symlink_to(module)
    file = tmp_path / "modules" / "network" / "2.2.0" / "routes.tf"
    text = file.read_text()
    assert written in text
    file.write_text(text.replace(written, instead))
    if not instead:  # The plan shows this.
        for block in copied["configuration"]["root_module"]["module_calls"]["network"]["module"][
            "resources"
        ]:
            if block["type"] == "aws_route":
                block.pop("depends_on", None)
    failed = failed_places(copied, tmp_path / "environments" / "development")
    assert ids_of(failed) == {"F10"}


def test_evidence_names_peered_networks(plan: Plan) -> None:
    judge = Judge()
    assert judge.failed(plan) == set()
    ways = f"10.90.0.0/16 through {PCX} and 10.80.0.0/16 through {TGW}"
    said = "\n".join(judge.evidence)
    assert f"no route to the internet, only to {ways}" in said


def test_pictures_show_peered_networks(plan: Plan) -> None:
    picture = read_picture(plan, read_stack(plan, ROOT / "features"))
    ways = {
        "10.80.0.0/16": f"from database, by transit gateway {TGW}",
        "10.90.0.0/16": f"from database and private, by peering connection {PCX}",
    }
    assert peered(picture.network) == ways
    for subject in ("network", "architecture"):
        drawn = draw(picture, subject, "x")
        assert all(f"Peered network {end}, {way}" in drawn for end, way in ways.items())
    text = mermaid(picture, "network")
    assert f'"peering connection<br>{PCX}"' in text
    assert text.count('|"10.80.0.0/16"|') == 2
