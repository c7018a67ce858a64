"""What is drawn of a plan: everything that it allows, nothing that it does not, and legibly."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from finbase.plan import flows
from finbase.plan.flows import Flow
from finbase.plan.graph import read_stack
from finbase.plan.network import Gateway, Group, Kind, Member, Network, Route, Subnet
from finbase.plan.picture import Module, Picture, Wire, read_picture
from finbase.report.drawing.canvas import MARGIN, Canvas, markup
from finbase.report.drawing.draw import SUBJECTS, Subject, draw, standalone
from finbase.report.drawing.mermaid import mermaid
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT, finbase
from tests.support.plans import plan, reference, resource

HOSTILE = "</style></svg><script>alert('1')</script> \"&<b> \\ | # ]\n\x00\ud800"
IN_MERMAID = [subject for subject in SUBJECTS if subject != "architecture"]
SVG = "{http://www.w3.org/2000/svg}"


def read(*resources: Any) -> Picture:
    made = plan(*resources)
    return read_picture(made, read_stack(made, ROOT / "features"))


def sample(zones: int = 3, text: str = "") -> Picture:
    """A network of some zones, three tiers and two flows, with a text wherever one can be."""
    names = [f"zone-{number}{text}" for number in range(zones)]
    group, other = f'module.a["{text}"].aws_security_group.app', "aws_security_group.db"
    ways: tuple[tuple[str, str, Kind], ...] = (
        ("public", "aws_internet_gateway.main", "internet"),
        ("private", "aws_nat_gateway.main[{}]", "nat"),
        ("database", "", ""),
    )
    subnets = tuple(
        Subnet(
            f"aws_subnet.{tier}[{number}]",
            tier,
            zone,
            f"10.0.{number}.0/24{text}",
            f"aws_route_table.{tier}",
            (Route("aws_route.r", "0.0.0.0/0", target.format(number), kind),) if target else (),
        )
        for number, zone in enumerate(names)
        for tier, target, kind in ways
    )
    network = Network(
        cidrs=(f"10.0.0.0/16{text}",),
        subnets=subnets,
        gateways=(
            Gateway("aws_internet_gateway.main", "internet"),
            *(
                Gateway(f"aws_nat_gateway.main[{n}]", "nat", f"aws_subnet.public[{n}]", "aws_eip.x")
                for n in range(zones)
            ),
        ),
        members=(Member("aws_db_instance.p", f"primary{text}", (subnets[-1].address,), (other,)),),
        endpoints=(),
        groups=(Group(group, text, ()), Group(other, text, ("aws_db_instance.p",))),
        flows=(
            Flow(group, other, "tcp", f"5432{text}", f"SQL{text}", "rule.out", "rule.in"),
            Flow(group, f"0.0.0.0/0{text}", "tcp", "443", f"HTTPS{text}", "rule.out", ""),
        ),
    )
    modules = (
        Module(f"kms{text}", "../../modules/kms/1.0.0", (("aws_kms_key", 5),)),
        Module(f"database{text}", f"elsewhere{text}", ()),
    )
    return Picture(network, modules, (Wire(f"kms{text}", "arn", f"database{text}", "key"),))


# Reading


@pytest.fixture(scope="module")
def production(workspace: Workspace) -> tuple[dict[str, Any], Picture]:
    made = json.loads(workspace.plan(ROOT / "environments" / "production", project=ROOT))
    return made, read_picture(made, read_stack(made, ROOT / "features"))


@pytest.mark.terraform
def test_read_network_of_production(production: tuple[dict[str, Any], Picture]) -> None:
    _, picture = production
    network = picture.network
    assert network.zones == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert network.tiers == ("public", "private", "database")
    homes = {each.address: each.subnet for each in network.gateways}
    zones = {each.address: each.zone for each in network.subnets}
    for subnet in network.subnets:
        kinds = [route.kind for route in subnet.routes]
        assert kinds == {"public": ["internet"], "private": ["nat"], "database": []}[subnet.tier]
        for route in subnet.routes:
            assert route.kind == "internet" or zones[homes[route.target]] == subnet.zone
    assert all(member.subnets and member.groups for member in network.members)
    assert [each.service for each in network.endpoints] == ["s3"]


@pytest.mark.terraform
def test_flows_have_every_rule_of_production(
    production: tuple[dict[str, Any], Picture],
) -> None:
    made, picture = production
    rules = {
        each["address"]
        for each in made["resource_changes"]
        if each["type"].startswith("aws_vpc_security_group_")
    }
    drawn = {end for flow in picture.network.flows for end in (flow.outward, flow.inward) if end}
    assert drawn == rules
    assert len(rules) == 16
    allowed = [flows.is_allowed(flow) for flow in picture.network.flows]
    assert allowed == [True] * 9


@pytest.mark.terraform
def test_picture_has_every_reference_as_wire(
    production: tuple[dict[str, Any], Picture],
) -> None:
    _, picture = production
    text = (ROOT / "environments/production/main.tf").read_text(encoding="utf-8")
    # What keeps the database belongs to the stack, not to a module.
    into_modules = r"^ +(?!triggers_replace )\w+ += module\.(\w+)\.(\w+)$"
    written = re.findall(into_modules, text, re.MULTILINE)
    assert sorted((wire.source, wire.output) for wire in picture.wires) == sorted(written)
    order = [module.label for module in picture.modules]
    assert all(order.index(wire.source) < order.index(wire.target) for wire in picture.wires)
    changes = [
        each
        for each in production[0]["resource_changes"]
        if each["mode"] == "managed" and "module_address" in each
    ]
    assert sum(module.count for module in picture.modules) == len(changes)


def test_flows_of_inline_rules() -> None:
    rule = {
        "description": "SSH",
        "from_port": 22,
        "to_port": 22,
        "protocol": "tcp",
        "cidr_blocks": ["0.0.0.0/0", "10.0.0.0/8"],
        "security_groups": [],
        "self": True,
    }
    flows = read(resource("aws_security_group.app", {"ingress": [rule]})).network.flows
    assert {flow.source for flow in flows} == {"0.0.0.0/0", "10.0.0.0/8", "aws_security_group.app"}
    assert {(f.target, f.protocol, f.ports, f.inward, f.outward) for f in flows} == {
        ("aws_security_group.app", "tcp", "22", "aws_security_group.app", "")
    }


def test_flows_of_a_group_without_rules() -> None:
    assert not read(resource("aws_security_group.app", {"ingress": []})).network.flows


def test_flows_of_old_rules() -> None:
    picture = read(
        resource("aws_security_group.app"),
        resource(
            "aws_security_group_rule.out",
            {"type": "egress", "protocol": "-1", "from_port": 0, "to_port": 0}
            | {"cidr_blocks": ["0.0.0.0/0"]},
            {"security_group_id": reference("aws_security_group.app")},
        ),
    )
    (flow,) = picture.network.flows
    assert (flow.source, flow.target) == ("aws_security_group.app", "0.0.0.0/0")
    assert (flow.protocol, flow.ports, flow.outward) == (
        "everything",
        "",
        "aws_security_group_rule.out",
    )


def test_flows_keep_unknown_groups() -> None:
    picture = read(
        resource("aws_security_group.app"),
        resource(
            "aws_vpc_security_group_ingress_rule.in",
            {"ip_protocol": "tcp", "from_port": 1, "to_port": 2},
            {
                "security_group_id": reference("aws_security_group.app"),
                "referenced_security_group_id": {"references": ["local.group"]},
            },
        ),
    )
    (flow,) = picture.network.flows
    assert (flow.source, flow.ports) == ("unknown in the plan", "1-2")


def test_is_allowed_needs_both_ends() -> None:
    def rule(side: str, ours: str, theirs: str) -> Any:
        return resource(
            f"aws_vpc_security_group_{side}_rule.x",
            {"ip_protocol": "tcp", "from_port": 5432, "to_port": 5432},
            {
                "security_group_id": reference(f"aws_security_group.{ours}"),
                "referenced_security_group_id": reference(f"aws_security_group.{theirs}"),
            },
        )

    groups = [resource("aws_security_group.app"), resource("aws_security_group.db")]
    (one,) = read(*groups, rule("egress", "app", "db")).network.flows
    (both,) = read(*groups, rule("egress", "app", "db"), rule("ingress", "db", "app")).network.flows
    assert (flows.is_allowed(one), flows.is_allowed(both)) == (False, True)
    assert (both.source, both.target) == ("aws_security_group.app", "aws_security_group.db")


def to_s3() -> list[Any]:
    """A group that reaches S3 by a gateway endpoint, which a route table has."""
    return [
        resource("aws_security_group.app"),
        resource("aws_route_table.private"),
        resource("aws_subnet.private", {"availability_zone": "a", "cidr_block": "10.0.0.0/24"}),
        resource(
            "aws_route_table_association.x",
            None,
            {
                "subnet_id": reference("aws_subnet.private"),
                "route_table_id": reference("aws_route_table.private"),
            },
        ),
        resource(
            "aws_vpc_endpoint.s3",
            {"vpc_endpoint_type": "Gateway", "service_name": "com.amazonaws.eu-west-1.s3"},
            {"route_table_ids": reference("aws_route_table.private")},
        ),
        resource(
            "aws_vpc_security_group_egress_rule.s3",
            {"ip_protocol": "tcp", "from_port": 443, "to_port": 443},
            {
                "security_group_id": reference("aws_security_group.app"),
                "prefix_list_id": {
                    "references": ["aws_vpc_endpoint.s3.prefix_list_id", "aws_vpc_endpoint.s3"]
                },
            },
        ),
    ]


def test_flows_to_a_gateway_endpoint_end_at_it() -> None:
    picture = read(*to_s3())
    (flow,) = picture.network.flows
    assert flow.target == "aws_vpc_endpoint.s3"
    assert flows.is_allowed(flow)  # An endpoint of this type has no group, so no rule.
    drawn = draw(picture, "architecture", "x")
    assert "Gateway endpoint s3" in drawn
    assert "Addresses outside" not in drawn
    assert "no route out of the VPC" not in draw(picture, "network", "x")
    assert "s3 → gateway endpoint" in draw(picture, "network", "x")


def test_legend_of_flows_has_only_what_is_drawn() -> None:
    picture = sample()
    assert "no rule at this end" not in draw(picture, "flows", "x")
    half = replace(picture.network, flows=(replace(picture.network.flows[0], inward=""),))
    assert "no rule at this end" in draw(replace(picture, network=half), "flows", "x")


def test_flow_to_the_internet_ends_at_the_subnets_that_route_it() -> None:
    drawn = draw(sample(), "architecture", "x")
    assert "by the routes of the private subnets" in drawn
    # Only the internet gateway is next to the internet.
    assert drawn.count("l-3.5 7 h7 z") == 1 + 3


def test_read_network_inline_routes() -> None:
    route = {"cidr_block": "0.0.0.0/0"}
    table = resource("aws_route_table.t", {"route": [route]})
    table["expressions"]["route"][0]["gateway_id"] = reference("aws_internet_gateway.g")
    table["unknown"]["route"] = [{"gateway_id": True}]
    picture = read(
        resource("aws_internet_gateway.g"),
        table,
        resource("aws_subnet.with", {"availability_zone": "a", "cidr_block": "10.0.0.0/24"}),
        resource("aws_subnet.without", {"availability_zone": "a", "cidr_block": "10.0.1.0/24"}),
        resource(
            "aws_route_table_association.x",
            None,
            {
                "subnet_id": reference("aws_subnet.with"),
                "route_table_id": reference("aws_route_table.t"),
            },
        ),
    )
    found = {subnet.tier: subnet for subnet in picture.network.subnets}
    assert found["with"].routes == (
        Route("aws_route_table.t", "0.0.0.0/0", "aws_internet_gateway.g", "internet"),
    )
    assert (found["without"].table, found["without"].routes) == ("", ())


# Drawing


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("zones", [1, 2, 3, 6])
def test_draw_stays_within_the_picture(subject: Subject, zones: int) -> None:
    tree = ET.fromstring(standalone(sample(zones), subject, "staging"))
    width, height = float(tree.get("width", "")), float(tree.get("height", ""))
    for element in tree.iter():
        x, y = float(element.get("x", "0")), float(element.get("y", "0"))
        right, bottom = (float(element.get(name, "0")) for name in ("width", "height"))
        if element is not tree:
            assert x >= 0
            assert y >= 0
            assert x + right <= width
            assert y + bottom <= height
    assert ("wide" in tree.get("class", "")) == (width > 760 + 2 * MARGIN)


def boxes(tree: ET.Element, look: str) -> list[tuple[float, ...]]:
    found = (each for each in tree.iter(f"{SVG}rect") if each.get("class") == look)
    return [tuple(float(e.get(k, "")) for k in ("x", "y", "width", "height")) for e in found]


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("zones", [1, 3, 6])
def test_draw_boxes_do_not_overlap(subject: Subject, zones: int) -> None:
    cells = boxes(ET.fromstring(standalone(sample(zones), subject, "staging")), "cell")
    assert len(cells) >= 2
    for number, (x, y, width, height) in enumerate(cells):
        for other_x, other_y, other_width, other_height in cells[number + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y


@pytest.mark.parametrize("subject", SUBJECTS)
def test_draw_adds_title_and_description(subject: Subject) -> None:
    tree = ET.fromstring(draw(sample(), subject, "here"))
    assert tree.get("role") == "img"
    ids = {each.get("id"): each for each in tree if each.get("id")}
    assert list(ids) == ["here-title", "here-desc"]
    assert tree.get("aria-labelledby", "").split() == list(ids)
    assert all(each.text for each in ids.values())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_draw_escapes_markup(subject: Subject) -> None:
    plain = ET.fromstring(standalone(sample(text="x"), subject, "staging"))
    hostile = ET.fromstring(standalone(sample(text=HOSTILE), subject, "staging"))
    tags = {each.tag for each in hostile.iter()} - {f"{SVG}title"}
    assert tags == {each.tag for each in plain.iter()} - {f"{SVG}title"}
    assert f"{SVG}script" not in tags
    written = "".join(hostile.itertext())
    assert "<script>alert('1')</script>" in written
    assert "\x00" not in written


@pytest.mark.parametrize("subject", SUBJECTS)
@given(text=st.text(max_size=80))
def test_draw_accepts_any_text(subject: Subject, text: str) -> None:
    picture = sample(2, text)
    drawn = draw(picture, subject, "x")
    assert ET.fromstring(drawn) is not None
    assert drawn == draw(picture, subject, "x")
    assert drawn.encode()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_draw_has_only_straight_lines(subject: Subject) -> None:
    for zones in (1, 3, 6):
        tree = ET.fromstring(draw(sample(zones), subject, "x"))
        for path in tree.iter(f"{SVG}path"):
            if path.get("class", "").startswith("line"):
                points = [tuple(p.split()) for p in path.get("d", "")[1:].split(" L")]
                assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(points))


def test_draw_architecture_has_every_part() -> None:
    picture = sample(2)
    written = " ".join(ET.fromstring(draw(picture, "architecture", "x")).itertext())
    for subnet in picture.network.subnets:
        assert subnet.cidr in written
    for member in picture.network.members:
        assert member.title in written
    for flow in picture.network.flows:
        assert flow.description in written
    for each in (*picture.network.zones, *picture.network.tiers, "NAT gateway", "Internet gateway"):
        assert each in written
    assert "Lines to gateways are routes. Numbered lines are traffic" in written
    # The group of the applications has no member in the plan.
    assert written.count("your applications") == 1
    assert "allowed at one end only" not in written
    half = replace(picture.network.flows[0], inward="")
    network = replace(picture.network, flows=(half,))
    broken = draw(replace(picture, network=network), "architecture", "x")
    assert "allowed at one end only" in broken
    assert 'class="line broken"' in broken


def test_draw_standalone_has_a_heading_and_a_margin() -> None:
    inner, outer = draw(sample(), "flows", "x"), standalone(sample(), "flows", "staging")
    assert "staging: allowed flows" in outer
    assert "staging" not in inner
    heights = [float(ET.fromstring(text).get("height", "")) for text in (inner, outer)]
    assert heights[1] - heights[0] == 34
    assert 'transform="translate(12 12)"' in inner
    dated = standalone(sample(), "flows", "staging", datetime(2026, 1, 5, 9, 30, tzinfo=UTC))
    assert "staging: allowed flows, 2026-01-05<" in dated


def test_draw_has_tooltips_for_cut_text() -> None:
    canvas = Canvas("x", "title", "description")
    canvas.text(0, 0, "a long text that does not fit", room=60)
    (text,) = ET.fromstring(markup(canvas)).iter(f"{SVG}text")
    (title,) = text
    assert title.text == "a long text that does not fit"
    assert title.tail == "a long t…"


def test_draw_marks_routes_to_other_zones() -> None:
    picture = sample(2)
    network = picture.network
    subnets = tuple(
        Subnet(
            **{**vars(s), "routes": (Route("r", "0.0.0.0/0", "aws_nat_gateway.main[0]", "nat"),)}
        )
        if s.tier == "private"
        else s
        for s in network.subnets
    )
    moved = Picture(Network(**{**vars(network), "subnets": subnets}), (), ())
    drawn = draw(moved, "network", "x")
    assert drawn.count('class="line other-zone"') == 1
    assert "NAT in zone-0" in drawn
    assert "other-zone" not in draw(picture, "network", "x")


# Text


@pytest.mark.parametrize("subject", IN_MERMAID)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_mermaid_escapes_labels(subject: Subject, text: str) -> None:
    assume("aws_" not in text)  # The address of a resource has an arrow of another form.
    picture, plain = sample(2, text), sample(2)
    ours, theirs = (re.sub(r'"[^"]*"', '""', mermaid(p, subject)) for p in (picture, plain))
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())


def test_mermaid_of_modules() -> None:
    assert mermaid(sample(), "modules") == (
        "flowchart LR\n"
        '  n0["kms<br>kms 1.0.0, 5 resources"]\n'
        '  n1["database<br>elsewhere, 0 resources"]\n'
        '  n0 -->|"1 value"| n1\n'
    )


def test_mermaid_broken_flow() -> None:
    picture = sample()
    flow = Flow(**{**vars(picture.network.flows[0]), "inward": ""})
    network = Network(**{**vars(picture.network), "flows": (flow,)})
    lines = mermaid(Picture(network, (), ()), "flows").splitlines()
    assert '  n0 -.->|"tcp 5432: SQL"| n1' in lines


# The command


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(resource("aws_security_group.app"))), encoding="utf-8")
    return path


@pytest.mark.parametrize(("form", "begins"), [("mermaid", "flowchart"), ("svg", "<svg")])
def test_graph_command_draws_a_plan(
    form: str, begins: str, plan_file: Path, tmp_path: Path
) -> None:
    done = finbase(ROOT, "graph", "--plan", str(plan_file), "--format", form)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(begins)
    file = tmp_path / "picture"
    more = finbase(ROOT, "graph", "--plan", str(plan_file), "--format", form, "--output", str(file))
    assert (more.exit_code, more.stdout) == (0, "")
    assert file.read_text(encoding="utf-8") == done.stdout


def test_graph_command_requires_plan_or_environment(plan_file: Path) -> None:
    for arguments in ([], ["production", "--plan", str(plan_file)]):
        done = finbase(ROOT, "graph", *arguments)
        assert done.exit_code == 2
        assert "name either one environment, or a plan" in done.stderr


@pytest.mark.parametrize(
    ("text", "says"), [("{", "is not JSON"), ("{}", "not of a Terraform plan")]
)
def test_graph_command_refuses_other_files(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8")
    done = finbase(ROOT, "graph", "--plan", str(path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
    assert "terraform show -json" in done.stderr


@pytest.mark.terraform
def test_graph_command_makes_the_plan(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finbase.terraform.workspace.Workspace", lambda *_: nullcontext(workspace))
    done = finbase(ROOT, "graph", "production", "--of", "architecture", "--format", "svg")
    assert (done.exit_code, done.stderr) == (0, "")
    tree = ET.fromstring(done.stdout)
    assert "Internet gateway" in {each.text for each in tree.iter(f"{SVG}text")}
    committed = ROOT / "docs" / "pictures" / "production.svg"
    undated = re.sub(r", \d{4}-\d\d-\d\d(?=</text></svg>\n$)", "", done.stdout)
    assert undated != done.stdout
    assert committed.read_text(encoding="utf-8") == undated, "out of date; run: make samples"


def test_graph_of_the_architecture_is_svg_only() -> None:
    done = finbase(ROOT, "graph", "staging", "--of", "architecture")
    assert done.exit_code == 2
    assert "--of architecture requires --format svg" in done.stderr
