"""A network that exists already: judged where it was read, and no pass where it was not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from finbase.plan.graph import read_stack
from finbase.plan.picture import read_picture
from finbase.report.drawing.mermaid import mermaid
from finbase.terraform.workspace import Workspace
from tests.fuzz.fast_judge import Judge
from tests.judge.in_process import failed_ids, ids_of
from tests.support.commands import FOLDERS, ROOT, copy_folders, finbase
from tests.support.sample import EXISTING_NETWORK

pytestmark = pytest.mark.terraform

HIDDEN = ["F01", "F10", "B02"]
INPUTS = {**EXISTING_NETWORK, "cidr": "10.40.0.0/20"}
Values = dict[tuple[str, str, str | None], dict[str, Any]]


def landing(project: Path, **more: Any) -> Path:
    """Let development use a network that exists already, with ``more`` inputs."""
    file = project / "environments" / "development.yaml"
    content = yaml.safe_load(file.read_text())
    del content["modules"]["network"]
    content["modules"]["existing_network"] = {**INPUTS, **more}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    done = finbase(project, "render", "development")
    assert done.exit_code == 0, done.output
    return project / "environments" / "development"


def account(plan: dict[str, Any], change: Callable[[Values], object] = lambda _: None) -> None:
    """Let a plan without an account show what it would have read of the account.

    The network is as the design wants it, but for the ``change``.
    """
    module = next(
        each
        for each in plan["planned_values"]["root_module"]["child_modules"]
        if each["address"] == "module.existing_network"
    )
    read = [resource for resource in module["resources"] if resource["mode"] == "data"]
    places = {(r["type"], r["name"], r.get("index")): r for r in read}
    values: Values = {
        place: {**resource["values"], **found(*place)} for place, resource in places.items()
    }
    change(values)
    for place, resource in places.items():
        resource["values"] = values[place]
    addresses = {resource["address"] for resource in read}
    plan["planned_values"]["root_module"]["child_modules"].remove(module)
    plan["resource_changes"] = [
        c for c in plan["resource_changes"] if c["address"] not in addresses
    ]
    state = plan.setdefault("prior_state", {"format_version": "1.0", "terraform_version": "1.11.4"})
    root = state.setdefault("values", {}).setdefault("root_module", {})
    root.setdefault("child_modules", []).append({**module, "resources": read})


def found(type_: str, name: str, zone: str | None) -> dict[str, Any]:
    """Return what AWS answers about a part of a network that is right."""
    routes = {
        "public": [{"cidr_block": "0.0.0.0/0", "gateway_id": "igw-1", "nat_gateway_id": ""}],
        "private": [{"cidr_block": "0.0.0.0/0", "gateway_id": "", "nat_gateway_id": f"nat-{zone}"}],
        "database": [{"destination_prefix_list_id": "pl-1", "gateway_id": "vpce-1"}],
    }
    answers: dict[str, dict[str, Any]] = {
        "aws_vpc": {"id": INPUTS["vpc_id"], "cidr_block": INPUTS["cidr"]},
        "aws_subnet": {
            "vpc_id": INPUTS["vpc_id"],
            "state": "available",
            "map_public_ip_on_launch": False,
        },
        "aws_route_table": {"id": f"rtb-{name}-{zone}", "routes": routes.get(name)},
        "aws_nat_gateway": {
            "id": f"nat-{zone}",
            "allocation_id": f"eipalloc-{zone}",
            "connectivity_type": "public",
        },
        "aws_route_tables": {
            "id": "eu-west-1",
            "vpc_id": INPUTS["vpc_id"],
            "ids": ["rtb-private-eu-west-1a"],
        },
        "aws_ec2_managed_prefix_list": {"id": zone},
        "aws_security_group": {},
        "aws_vpc_endpoint": {"id": f"vpce-{name}", "prefix_list_id": "pl-1"},
    }
    return answers[type_]


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory, workspace: Workspace) -> bytes:
    """The plan of development with a network that exists already, made without an account."""
    project = tmp_path_factory.mktemp("landing")
    copy_folders(project, *FOLDERS)
    return workspace.plan(landing(project), project=project)


@pytest.mark.usefixtures("shared_workspace")
def test_plan_without_account_does_not_pass(project: Path, tmp_path: Path) -> None:
    landing(project)
    names = ("json", "junit", "sarif", "html")
    files = {name: tmp_path / f"verdict.{name}" for name in names}
    options = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    done = finbase(project, "check", "development", "--no-cache", *options)
    assert done.exit_code == 1, done.output
    printed = re.sub(r"\s+", " ", done.output)
    assert re.findall(r"NOT SHOWN +([BF]\d+)", printed) == HIDDEN
    assert "FAIL" not in printed
    assert "not shown by this plan: eu-west-1a: the routes of subnet-0123456789abcde01" in printed
    assert "3 not shown by this plan" in printed
    assert "`finbase drift`" in printed
    assert "the network exists already, and is not of the stack" in printed

    (environment,) = json.loads(files["json"].read_text())["environments"]
    rows = {row["id"]: row["status"] for row in environment["failures"]}
    assert not environment["passed"]
    assert [id_ for id_, status in rows.items() if status == "not shown"] == HIDDEN
    assert "failed" not in rows.values()

    suites = ET.parse(files["junit"]).getroot()
    assert suites.get("failures") == "6"
    (run,) = json.loads(files["sarif"].read_text())["runs"]
    told = {r["ruleId"]: r["message"]["text"] for r in run["results"] if r["level"] != "none"}
    assert sorted(told) == sorted(HIDDEN)
    assert all("is not shown by this plan" in text for text in told.values())
    page = files["html"].read_text()
    assert page.count('<strong class="bad">NOT SHOWN</strong>') >= len(HIDDEN)

    allowed = finbase(project, "check", "development", "--allow-not-shown")
    assert allowed.exit_code == 0, allowed.output
    assert allowed.output.count("NOT SHOWN  ") == len(HIDDEN)
    assert "F01, F10, B02 left to the account" in allowed.output
    merge = ("report", "merge", str(files["json"]))
    assert finbase(project, *merge).exit_code == 1
    assert finbase(project, *merge, "--allow-not-shown").exit_code == 0


def test_network_that_was_read_passes(offline: bytes) -> None:
    plan = json.loads(offline)
    assert failed_ids(plan) == {*HIDDEN}
    account(plan)
    assert failed_ids(plan) == set()


A, B = "eu-west-1a", "eu-west-1b"


def routed(name: str, zone: str, **route: str) -> Callable[[Values], object]:
    """Add a route to a table."""
    return lambda values: values["aws_route_table", name, zone]["routes"].append(route)


def has(type_: str, name: str, zone: str, **changed: Any) -> Callable[[Values], object]:
    """Change what AWS answers about a part."""
    return lambda values: values[type_, name, zone].update(changed)


def share_table(values: Values) -> None:
    values["aws_route_table", "private", B]["id"] = values["aws_route_table", "private", A]["id"]


def quarters(name: str, **target: str) -> Callable[[Values], object]:
    """Add a route to a table for each quarter of the internet."""
    ranges = ("0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2")
    changes = [routed(name, A, cidr_block=range_, **target) for range_ in ranges]
    return lambda values: [change(values) for change in changes]


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        (has("aws_nat_gateway", "main", A, subnet_id="subnet-elsewhere"), {"F01"}),
        (has("aws_nat_gateway", "main", A, connectivity_type="private"), {"F01"}),
        (has("aws_nat_gateway", "main", A, allocation_id=""), {"F01"}),
        (has("aws_nat_gateway", "main", A, allocation_id=f"eipalloc-{B}"), {"F01"}),
        (has("aws_nat_gateway", "main", A, id="nat-another"), {"F10"}),
        (has("aws_route_table", "private", A, routes=[]), {"F10"}),
        (
            has(
                *("aws_route_table", "private", A),
                routes=[{"cidr_block": "0.0.0.0/0", "nat_gateway_id": f"nat-{B}"}],
            ),
            {"F10"},
        ),
        (
            has(
                *("aws_route_table", "private", A),
                routes=[{"cidr_block": "0.0.0.0/0", "transit_gateway_id": "tgw-1"}],
            ),
            {"F10"},
        ),
        (routed("private", A, cidr_block="8.0.0.0/8", gateway_id="igw-1"), {"F10"}),
        (routed("private", A, cidr_block="0.0.0.0/1", transit_gateway_id="tgw-1"), {"F10"}),
        (routed("private", A, ipv6_cidr_block="::/0", network_interface_id="eni-1"), {"F10"}),
        (routed("private", A, cidr_block="8.0.0.0/8", carrier_gateway_id="cagw-1"), {"F10"}),
        (routed("private", A, cidr_block="1.1.1.0/24", nat_gateway_id=f"nat-{B}"), {"F10"}),
        (quarters("private", transit_gateway_id="tgw-1"), {"F10"}),
        (quarters("private", vpc_peering_connection_id="pcx-1"), {"F10"}),
        (quarters("private", network_interface_id="eni-1"), {"F10"}),
        (quarters("private", gateway_id="vgw-1"), {"F10"}),
        (quarters("public", vpc_endpoint_id="vpce-1"), {"F10"}),
        (share_table, {"F10"}),
        (has("aws_route_table", "public", A, routes=[]), {"F10"}),
        (
            has(
                *("aws_route_table", "public", B),
                routes=[{"cidr_block": "0.0.0.0/0", "nat_gateway_id": f"nat-{B}"}],
            ),
            {"F10"},
        ),
        (routed("database", A, cidr_block="0.0.0.0/0", gateway_id="igw-1"), {"B02"}),
        (routed("database", A, cidr_block="8.8.8.0/24", nat_gateway_id="nat-1"), {"B02"}),
        (routed("database", B, cidr_block="0.0.0.0/0", transit_gateway_id="tgw-1"), {"B02"}),
        (routed("database", A, cidr_block="0.0.0.0/0", gateway_id="vgw-1"), {"B02"}),
        (routed("database", A, cidr_block="0.0.0.0/0", gateway_id="vpce-1"), {"B02"}),
        (routed("database", A, ipv6_cidr_block="64:ff9b::/96", transit_gateway_id="t"), {"B02"}),
        (
            routed("database", A, destination_prefix_list_id="pl-2", nat_gateway_id="nat-1"),
            {"B02"},
        ),
        (has("aws_subnet", "private", A, map_public_ip_on_launch=True), {"B02"}),
        (has("aws_subnet", "database", B, assign_ipv6_address_on_creation=True), {"B02"}),
    ],
)
def test_network_that_is_wrong_fails(
    change: Callable[[Values], object], fails: set[str], offline: bytes
) -> None:
    plan = json.loads(offline)
    account(plan, change)
    assert failed_ids(plan) == fails


@pytest.mark.parametrize(
    "change",
    [
        routed("private", A, cidr_block="10.80.0.0/16", transit_gateway_id="tgw-1"),
        routed("private", A, ipv6_cidr_block="::/0", egress_only_gateway_id="eigw-1"),
        routed("database", A, cidr_block="10.80.0.0/16", vpc_peering_connection_id="pcx-1"),
        routed("database", A, cidr_block="10.90.0.0/16", gateway_id="vgw-1"),
        has("aws_subnet", "public", A, map_public_ip_on_launch=True),
    ],
)
def test_network_with_private_routes_passes(
    change: Callable[[Values], object], offline: bytes
) -> None:
    plan = json.loads(offline)
    account(plan, change)
    assert failed_ids(plan) == set()


@pytest.mark.parametrize("name", ["database", "private"])
@pytest.mark.parametrize(
    "target",
    [
        {"transit_gateway_id": "tgw-1"},
        {"vpc_peering_connection_id": "pcx-1"},
        {"core_network_arn": "arn:x"},
        {"local_gateway_id": "lgw-1"},
        {"gateway_id": "vgw-1"},
        {"vpc_endpoint_id": "vpce-2"},
    ],
)
def test_prefix_list_that_was_not_read_is_no_pass(
    name: str, target: dict[str, str], offline: bytes
) -> None:
    plan = json.loads(offline)
    account(plan, routed(name, A, destination_prefix_list_id="pl-2", **target))
    (text,) = Judge().messages(plan).values()
    assert text.strip().startswith("not shown by this plan: eu-west-1a: ")
    assert "the entries of pl-2; `prefix_list_ids` of `existing_network` must have pl-2" in text
    assert failed_ids(plan) == {"B02" if name == "database" else "F10"}


def test_propagated_routes_fail(offline: bytes) -> None:
    plan = json.loads(offline)
    tables = ("aws_route_tables", "propagated", None)
    account(plan, lambda values: values[tables].update(ids=[f"rtb-database-{A}"]))
    (text,) = Judge().messages(plan).values()
    assert f"rtb-database-{A}: a VPN gateway propagates routes to it" in text
    assert failed_ids(plan) == {"B02"}


@pytest.mark.parametrize(
    ("change", "id_", "text"),
    [
        (
            {"vpc_id": "vpc-2"},
            "B02",
            "propagated routes were read of another VPC; read those of vpc",
        ),
        (
            {"filter": [{"name": "tag:x", "values": ["no"]}]},
            "F10",
            "filter.0.name is tag:x, not route",
        ),
        (
            {"filter": [{"name": "route.origin", "values": ["CreateRoute"]}]},
            "F10",
            "filter.0.values",
        ),
        (
            {
                "filter": [
                    {"name": "route.origin", "values": ["EnableVgwRoutePropagation"]},
                    {"name": "tag:x", "values": ["no"]},
                ]
            },
            "F10",
            "filter.1.name is tag:x",
        ),
        ({"filter": []}, "F10", "filter"),
    ],
)
def test_other_tables_than_the_propagated_ones_of_the_vpc_fail(
    change: dict[str, Any], id_: str, text: str, offline: bytes
) -> None:
    plan = json.loads(offline)
    tables = ("aws_route_tables", "propagated", None)
    account(plan, lambda values: values[tables].update(change))
    configured(plan, "aws_route_tables", change)
    (said,) = Judge().messages(plan).values()
    assert text in said
    assert failed_ids(plan) == {id_}


def configured(plan: dict[str, Any], type_: str, change: dict[str, Any]) -> None:
    """Write the filters of a changed data source into the configuration, too."""
    calls = plan["configuration"]["root_module"]["module_calls"]
    for block in calls["existing_network"]["module"]["resources"]:
        if block["type"] == type_ and "filter" in change:
            block["expressions"]["filter"] = [
                {name: {"constant_value": value} for name, value in item.items()}
                for item in change["filter"]
            ]


def test_propagated_routes_that_were_not_read_are_no_pass(offline: bytes) -> None:
    """So it is before `existing_network` 2.1.0."""
    plan = json.loads(offline)
    account(plan)
    for module in plan["prior_state"]["values"]["root_module"]["child_modules"]:
        module["resources"] = [r for r in module["resources"] if r["type"] != "aws_route_tables"]
    (text,) = Judge().messages(plan).values()
    assert "not shown by this plan" in text
    assert "propagated routes; `existing_network` 2.1.0 reads them" in text
    assert failed_ids(plan) == {"B02"}


def test_table_of_another_subnet_fails(offline: bytes) -> None:
    plan = json.loads(offline)
    account(plan, has("aws_route_table", "database", A, subnet_id="subnet-elsewhere"))
    assert failed_ids(plan) == {"B02"}


LIST = "pl-0123456789abcdef0"
TGW, REASON = "tgw-0123456789abcdef0", "The platform team inspects all traffic"


@pytest.fixture(scope="module")
def spoke(tmp_path_factory: pytest.TempPathFactory, workspace: Workspace) -> bytes:
    """The plan of development in a network whose traffic leaves through a transit gateway."""
    project = tmp_path_factory.mktemp("spoke")
    copy_folders(project, *FOLDERS)
    zones = {
        zone: {name: id_ for name, id_ in subnets.items() if name != "public_subnet_id"}
        for zone, subnets in INPUTS["zones"].items()
    }
    egress = {"transit_gateway_id": TGW, "reason": REASON}
    stack = landing(project, zones=zones, central_egress=egress, prefix_list_ids=[LIST])
    return workspace.plan(stack, project=project)


def leave(target: str, *more: dict[str, str], **named: str) -> Callable[[Values], object]:
    """Lead the default routes of private subnets to a transit gateway, or elsewhere."""
    route = {"cidr_block": "0.0.0.0/0", **(named or {"transit_gateway_id": target})}

    def change(values: Values) -> None:
        for (type_, name, _), value in values.items():
            if (type_, name) == ("aws_route_table", "private"):
                value["routes"] = [route, *more]

    return change


def with_a_default_route(values: Values) -> None:
    leave(TGW)(values)
    routed("database", A, cidr_block="0.0.0.0/0", transit_gateway_id=TGW)(values)


def with_one_table(values: Values) -> None:
    leave(TGW)(values)
    share_table(values)


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        (leave(TGW), set()),
        (leave(TGW, {"cidr_block": "10.0.0.0/8", "transit_gateway_id": TGW}), set()),
        (with_one_table, set()),
        (leave(f"{TGW[:-1]}1"), {"F10"}),
        (leave("", nat_gateway_id="nat-1"), {"F10"}),
        (leave("", gateway_id="igw-1"), {"F10"}),
        (leave(TGW, {"cidr_block": "0.0.0.0/1", "nat_gateway_id": "nat-1"}), {"F10"}),
        (leave(TGW, {"cidr_block": "8.0.0.0/8", "gateway_id": "igw-1"}), {"F10"}),
        (leave(TGW, {"ipv6_cidr_block": "::/0", "egress_only_gateway_id": "e-1"}), {"F10"}),
        (has("aws_route_table", "private", A, routes=[]), {"F10"}),
        (with_a_default_route, {"B02"}),
    ],
)
def test_traffic_leaves_through_the_declared_transit_gateway(
    change: Callable[[Values], object], fails: set[str], spoke: bytes
) -> None:
    plan = json.loads(spoke)
    account(plan, lambda values: (leave(TGW)(values), change(values)))
    judge = Judge()
    assert ids_of(judge.failed(plan)) == fails
    why = f"not applicable, because traffic to the internet leaves through {TGW}: {REASON}"
    assert judge.evidence.count(why) == 4


@pytest.mark.parametrize("name", ["database", "private"])
@pytest.mark.parametrize(
    ("ranges", "fails"),
    [
        (["10.80.0.0/16", "fd00::/8"], False),
        (["0.0.0.0/0"], True),
        (["0.0.0.0/2", "64.0.0.0/2"], True),
        (["2400::/12", "2600::/12", "2800::/12", "2a00::/12"], True),
    ],
)
def test_prefix_list_that_was_read_is_judged_by_its_entries(
    name: str, ranges: list[str], fails: bool, spoke: bytes
) -> None:
    plan = json.loads(spoke)
    entries = [{"cidr": range_} for range_ in ranges]

    def change(values: Values) -> None:
        leave(TGW)(values)
        values["aws_ec2_managed_prefix_list", "routes", LIST].update(entries=entries)
        routed(name, A, destination_prefix_list_id=LIST, vpc_peering_connection_id="p")(values)

    account(plan, change)
    assert failed_ids(plan) == ({"B02" if name == "database" else "F10"} if fails else set())


def test_central_egress_must_be_declared(spoke: bytes) -> None:
    plan = json.loads(spoke)
    assert failed_ids(plan) == {"F10", "B02"}
    call = plan["configuration"]["root_module"]["module_calls"]["existing_network"]
    del call["expressions"]["central_egress"]
    account(plan, leave(TGW))
    assert failed_ids(plan) == {"F01", "F10"}


def test_picture_shows_the_transit_gateway(spoke: bytes) -> None:
    plan = json.loads(spoke)
    account(plan, leave(TGW))
    assert f"transit gateway<br>{TGW}" in drawn(plan)


def test_picture_shows_what_was_read(offline: bytes) -> None:
    plan = json.loads(offline)
    assert drawn(plan).count("routes → unknown target") == 6
    account(plan)
    text = drawn(plan)
    assert text.count("0.0.0.0/0 → NAT gateway") == text.count("→ internet gateway") == 2


def drawn(plan: dict[str, Any]) -> str:
    return mermaid(read_picture(plan, read_stack(plan, ROOT / "features")), "network")


def test_stack_without_any_network_fails(offline: bytes) -> None:
    plan = json.loads(offline)
    root = plan["planned_values"]["root_module"]
    root["child_modules"] = [
        m for m in root["child_modules"] if m["address"] != "module.existing_network"
    ]
    assert {"F01", "F09", "F10"} <= failed_ids(plan)
