"""What is the internet: ranges added up, the entries of prefix lists, and every kind of target."""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.in_process import messages
from tests.judge.test_hidden import HIDDEN, LOCAL, PORTS, RULE, plan, refer

LIST = "aws_ec2_managed_prefix_list"
OWN = refer(f"{LIST}.l")
ALL, HALVES = ["0.0.0.0/0"], ["0.0.0.0/1", "128.0.0.0/1"]
QUARTERS = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]
IPV6 = ["2400::/12", "2600::/12", "2800::/12", "2a00::/12", "2c00::/12"]
TGW, OLD = "tgw-0123456789abcdef0", "aws_security_group_rule"


def entries(*ranges: Any) -> dict[str, Any]:
    """A prefix list with its entries inline."""
    return {f"{LIST}__l": {"entry": [{"cidr": range_} for range_ in ranges]}}


def separate(*ranges: Any) -> dict[str, Any]:
    """A prefix list with an entry of its own for each range."""
    return {
        f"{LIST}__l": {"entry": {}},
        **{
            f"{LIST}_entry__e{number}": {"prefix_list_id": OWN, "cidr": range_}
            for number, range_ in enumerate(ranges)
        },
    }


def data(route: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The plan of a subnet of data with one route."""
    return plan(
        aws_subnet__s={},
        aws_db_subnet_group__g={"subnet_ids": refer("aws_subnet.s")},
        aws_route_table__t=more.pop("table", {}),
        aws_vpn_gateway__v={},
        aws_vpc_endpoint__s3={},
        aws_route_table_association__a={
            "subnet_id": refer("aws_subnet.s"),
            "route_table_id": refer("aws_route_table.t"),
        },
        **(
            {"aws_route__r": {"route_table_id": refer("aws_route_table.t"), **route}}
            if route
            else {}
        ),
        **more,
    )


def by_list(name: str = "transit_gateway_id", to: Any = TGW, lists: Any = OWN) -> dict[str, Any]:
    return {"destination_prefix_list_id": lists, name: to}


@pytest.mark.parametrize(
    ("route", "more", "says"),
    [
        (by_list(), entries(*ALL), f"the entries of {LIST}.l.id through {TGW}"),
        (by_list(), entries("::/0"), "through"),
        (by_list(), entries("10.0.0.0/8", "203.0.113.9/32"), "through"),
        (by_list(), separate(*HALVES), "through"),
        (by_list(), entries("10.0.0.0/8", None), "which this plan does not show"),
        (by_list(), separate(HIDDEN), "which this plan does not show"),
        (by_list(), {f"{LIST}__l": {}}, "which this plan does not show"),
        (by_list(lists="pl-0123456789abcdef0"), {}, "pl-0123456789abcdef0, which this plan"),
        (by_list(lists=LOCAL), {}, "local.hidden, which this plan does not show"),
        (by_list("vpc_peering_connection_id", "pcx-1"), entries(*ALL), "through pcx-1"),
        (by_list("core_network_arn", "arn:x"), entries(*ALL), "through arn:x"),
        (by_list("local_gateway_id", "lgw-1"), entries(*ALL), "through lgw-1"),
        (by_list("vpc_endpoint_id", "vpce-1"), entries(*ALL), "through vpce-1"),
        (by_list("gateway_id", "vgw-1"), entries(*ALL), "through vgw-1"),
        (by_list("gateway_id", refer("aws_vpn_gateway.v")), entries(*ALL), "aws_vpn_gateway.v"),
        (by_list("carrier_gateway_id", "cagw-1"), entries("10.0.0.0/8"), "cagw-1"),
        (by_list("egress_only_gateway_id", "eigw-1"), entries("fd00::/8"), "eigw-1"),
        (by_list("network_interface_id", "eni-1"), entries("10.0.0.0/8"), "eni-1"),
        (by_list("gateway_id", "igw-1"), entries("10.0.0.0/8"), "igw-1"),
        ({"destination_cidr_block": "0.0.0.0/0", "gateway_id": "vgw-1"}, {}, "through vgw-1"),
        (
            {"destination_ipv6_cidr_block": "64:ff9b::/96", "transit_gateway_id": TGW},
            {},
            f"64:ff9b::/96 through {TGW}",
        ),
        ({}, {"table": {"propagating_vgws": ["vgw-1"]}}, "from vgw-1; write them"),
        ({}, {"table": {"propagating_vgws": refer("aws_vpn_gateway.v")}}, "from aws_vpn_gateway.v"),
        (
            {},
            {
                "aws_vpn_gateway_route_propagation__p": {
                    "route_table_id": refer("aws_route_table.t"),
                    "vpn_gateway_id": refer("aws_vpn_gateway.v"),
                }
            },
            "from aws_vpn_gateway_route_propagation.p; write them",
        ),
    ],
)
def test_way_out_of_the_data_is_seen(
    route: dict[str, Any], more: dict[str, Any], says: str
) -> None:
    assert says in messages(data(route, **more), without="no-file").get("B02", "")


@pytest.mark.parametrize(
    ("route", "more"),
    [
        (by_list(), entries("10.0.0.0/8", "fd00::/8")),
        (by_list(), separate("10.8.0.0/16", "192.168.0.0/16")),
        (by_list("gateway_id", "vgw-1"), entries("10.0.0.0/8")),
        (
            by_list(
                "vpc_endpoint_id",
                refer("aws_vpc_endpoint.s3"),
                refer("aws_vpc_endpoint.s3", "prefix_list_id"),
            )
            | {"gateway_id": refer("aws_vpc_endpoint.s3")},
            {},
        ),
        ({}, {"table": {"propagating_vgws": []}}),
        (
            {},
            {
                "aws_route_table__u": {},
                "aws_vpn_gateway_route_propagation__p": {
                    "route_table_id": refer("aws_route_table.u")
                },
            },
        ),
    ],
)
def test_private_way_of_the_data_passes(route: dict[str, Any], more: dict[str, Any]) -> None:
    assert "B02" not in messages(data(route, **more), without="no-file")


def test_list_of_an_inline_route_is_judged() -> None:
    for ranges, fails in ((ALL, True), (["10.0.0.0/8"], False), ([None], True)):
        judged = data({}, table={"route": OWN}, **entries(*ranges))
        change(judged, "aws_route_table.t", route=[{"transit_gateway_id": TGW}])
        unknown(judged, "aws_route_table.t", route=[{"destination_prefix_list_id": True}])
        assert ("B02" in messages(judged, without="no-file")) == fails


def test_list_that_was_read_is_judged() -> None:
    for ranges, fails in ((ALL, True), (["10.0.0.0/8"], False)):
        judged = data(by_list(lists=refer(f"data.{LIST}.l")), **{f"{LIST}__l": {}})
        for resources in (judged["configuration"], judged["planned_values"]):
            for one in resources["root_module"]["resources"]:
                if one["type"] == LIST:
                    one |= {"mode": "data", "address": f"data.{LIST}.l"}
        change(judged, f"data.{LIST}.l", entries=[{"cidr": range_} for range_ in ranges])
        assert ("B02" in messages(judged, without="no-file")) == fails


def change(judged: dict[str, Any], address: str, **values: Any) -> None:
    for one in judged["planned_values"]["root_module"]["resources"]:
        if one["address"] == address:
            one["values"] |= values


def unknown(judged: dict[str, Any], address: str, **marks: Any) -> None:
    for one in judged["resource_changes"]:
        if one["address"] == address:
            one["change"]["after_unknown"] |= marks


WEB = {"ip_protocol": "tcp", "from_port": 443, "to_port": 443}
GROUP = refer("aws_security_group.app")


def rules(*sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The plan of a rule for the web for each source, in a group that is not of data."""
    own = {"security_group_id": GROUP}
    return plan(
        aws_security_group__app={},
        **{f"{RULE}__r{number}": WEB | own | source for number, source in enumerate(sources)},
        **more,
    )


def legacy(**source: Any) -> dict[str, Any]:
    own = {"type": "ingress", "protocol": "tcp", "from_port": 443, "to_port": 443}
    return {f"{OLD}__o": own | {"security_group_id": GROUP} | source}


def inline(type_: str, **source: Any) -> dict[str, Any]:
    block = {"protocol": "tcp", "from_port": 443, "to_port": 443, **source}
    return {f"{type_}__i": {"ingress": [block]}}


FROM_LIST = {"prefix_list_id": OWN}
EIGHTS = [{"cidr_ipv4": f"{number}.0.0.0/8"} for number in range(256)]


@pytest.mark.parametrize(
    ("judged", "says"),
    [
        (rules(FROM_LIST, **entries(*ALL)), "is the internet"),
        (rules(FROM_LIST, **separate(*QUARTERS)), "is the internet"),
        (rules(FROM_LIST, **entries(*IPV6)), "is the internet"),
        (rules(FROM_LIST, **separate(HIDDEN)), "entries that this plan does not show"),
        (rules({"prefix_list_id": "pl-1"}), "pl-1 has entries that this plan does not show"),
        (rules({"prefix_list_id": LOCAL}), "entries that this plan does not show"),
        (rules(**legacy(prefix_list_ids=OWN), **entries(*ALL)), "is the internet"),
        (rules(**legacy(cidr_blocks=QUARTERS)), "the internet"),
        (rules(**legacy(cidr_blocks=["8.0.0.0/8"], ipv6_cidr_blocks=IPV6)), "the other sources of"),
        (rules(**legacy(prefix_list_ids=["pl-1"])), "does not show"),
        (rules(*EIGHTS), "0.0.0.0/8 and the sources of 254 other rules are together the internet"),
        (rules(*({"cidr_ipv6": range_} for range_ in IPV6)), "4 other rules are together"),
        (rules(*EIGHTS[8:10]), "8.0.0.0/8 and the sources of 1 other rule are together"),
        (rules(FROM_LIST, EIGHTS[8], **entries("9.0.0.0/8")), "are together the internet"),
        (rules(EIGHTS[8] | {"ip_protocol": "-1"}, EIGHTS[9]), "9.0.0.0/8 and the sources of"),
        (rules(EIGHTS[8] | {"to_port": 500}, EIGHTS[9] | {"from_port": 80}), "are together"),
        (rules(EIGHTS[8], **legacy(cidr_blocks=["9.0.0.0/8"])), "are together"),
        (rules(**inline("aws_security_group", cidr_blocks=QUARTERS)), "the internet"),
        (rules(**inline("aws_default_security_group", ipv6_cidr_blocks=IPV6)), "the internet"),
        (rules(**inline("aws_security_group", prefix_list_ids=["pl-1"])), "does not show"),
    ],
)
def test_internet_in_parts_is_refused(judged: dict[str, Any], says: str) -> None:
    assert says in messages(judged, without="no-file").get("B03", "")


@pytest.mark.parametrize(
    "judged",
    [
        rules(FROM_LIST, **entries("203.0.113.0/24", "198.51.100.0/24", "10.0.0.0/8")),
        rules(FROM_LIST, **separate("2001:db8::/32")),
        rules(*EIGHTS[8:9]),
        rules(EIGHTS[8], EIGHTS[9] | {"from_port": 80, "to_port": 80}),
        rules(EIGHTS[8], EIGHTS[9] | {"ip_protocol": "udp"}),
        rules(EIGHTS[10], {"cidr_ipv4": "172.16.0.0/12"}, {"cidr_ipv4": "100.64.0.0/10"}),
        rules(**legacy(prefix_list_ids=OWN), **entries("203.0.113.0/24")),
    ],
)
def test_parts_that_are_not_the_internet_pass(judged: dict[str, Any]) -> None:
    assert "B03" not in messages(judged, without="no-file")


def test_list_of_an_inline_rule_is_judged() -> None:
    for ranges, fails in ((ALL, True), (["203.0.113.0/24"], False)):
        judged = rules(**inline("aws_security_group"), **entries(*ranges))
        written = next(
            one
            for one in judged["configuration"]["root_module"]["resources"]
            if one["address"] == "aws_security_group.i"
        )
        written["expressions"]["ingress"] = OWN
        block = WEB | {"protocol": "tcp", "prefix_list_ids": [None]}
        change(judged, "aws_security_group.i", ingress=[block])
        unknown(judged, "aws_security_group.i", ingress=[{"prefix_list_ids": [True]}])
        assert ("B03" in messages(judged, without="no-file")) == fails


def test_source_that_is_known_after_apply_is_not_nothing() -> None:
    judged = rules(**legacy(cidr_blocks=HIDDEN, from_port=5432, to_port=5432))
    change(judged, f"{OLD}.o", cidr_blocks=[None])
    unknown(judged, f"{OLD}.o", cidr_blocks=[True])
    assert "its source is not shown by this plan" in messages(judged, without="no-file")["B03"]
    data_port = rules({**PORTS, **FROM_LIST}, **entries("203.0.113.0/24"))
    assert "is not a range of the VPC" in messages(data_port, without="no-file")["B03"]


def private(*routes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The plan of a private subnet with a default route to its NAT gateway, and more routes."""
    table = {"route_table_id": refer("aws_route_table.p")}
    here: dict[str, Any] = {"availability_zone": "eu-west-1a"}
    default = {"destination_cidr_block": "0.0.0.0/0", "nat_gateway_id": refer("aws_nat_gateway.n")}
    return plan(
        aws_subnet__public=here,
        aws_subnet__private=here,
        aws_nat_gateway__n={"subnet_id": refer("aws_subnet.public")},
        aws_nat_gateway__m={"subnet_id": refer("aws_subnet.public")},
        aws_route_table__p={},
        aws_route_table__q={},
        aws_internet_gateway__i={"vpc_id": "vpc-1"},
        aws_route__default=table | default,
        aws_route__public={
            "route_table_id": refer("aws_route_table.q"),
            "destination_cidr_block": "0.0.0.0/0",
            "gateway_id": refer("aws_internet_gateway.i"),
        },
        aws_route_table_association__p=table | {"subnet_id": refer("aws_subnet.private")},
        aws_route_table_association__q={
            "subnet_id": refer("aws_subnet.public"),
            "route_table_id": refer("aws_route_table.q"),
        },
        **{f"aws_route__r{number}": table | route for number, route in enumerate(routes)},
        **more,
    )


def to(name: str, id_: Any, *ranges: str) -> list[dict[str, Any]]:
    return [{"destination_cidr_block": range_, name: id_} for range_ in ranges]


@pytest.mark.parametrize(
    "judged",
    [
        private(*to("transit_gateway_id", TGW, *QUARTERS)),
        private(*to("vpc_peering_connection_id", "pcx-1", *QUARTERS)),
        private(*to("network_interface_id", "eni-1", "8.0.0.0/8", "12.0.0.0/8")),
        private(*to("core_network_arn", "arn:x", *HALVES)),
        private(*to("vpc_endpoint_id", "vpce-1", *QUARTERS)),
        private(*to("local_gateway_id", "lgw-1", *QUARTERS)),
        private(*to("gateway_id", "vgw-1", *QUARTERS)),
        private(*to("carrier_gateway_id", "cagw-1", "8.0.0.0/8")),
        private(*to("gateway_id", "igw-1", "8.0.0.0/8")),
        private(*to("nat_gateway_id", refer("aws_nat_gateway.m"), "1.1.1.0/24")),
        private(by_list(), **entries(*ALL)),
        private(by_list(), **separate(*QUARTERS)),
        private(by_list(lists="pl-1")),
        private(
            {"destination_ipv6_cidr_block": "64:ff9b::/96", "transit_gateway_id": TGW},
        ),
        private(
            *({"destination_ipv6_cidr_block": r, "transit_gateway_id": TGW} for r in IPV6),
        ),
        private(
            **{
                f"aws_route__q{number}": route | {"route_table_id": refer("aws_route_table.q")}
                for number, route in enumerate(to("transit_gateway_id", TGW, *QUARTERS))
            }
        ),
    ],
)
def test_way_past_the_gateway_is_refused(judged: dict[str, Any]) -> None:
    assert "another route to the internet" in messages(judged, without="no-file").get("F10", "")


@pytest.mark.parametrize(
    "judged",
    [
        private(),
        private(*to("transit_gateway_id", TGW, "10.0.0.0/8", "203.0.113.0/24")),
        private(*to("gateway_id", "vgw-1", "10.0.0.0/8")),
        private(*to("nat_gateway_id", refer("aws_nat_gateway.n"), *QUARTERS)),
        private(by_list(), **entries("10.0.0.0/8", "203.0.113.0/24")),
        private({"destination_ipv6_cidr_block": "::/0", "egress_only_gateway_id": "eigw-1"}),
    ],
)
def test_other_routes_beside_the_gateway_pass(judged: dict[str, Any]) -> None:
    assert "F10" not in messages(judged, without="no-file")
