"""Every subnet of data has a route table, and B02 knows which or says that the plan hides it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.in_process import messages
from tests.judge.test_hidden import LOCAL, plan, refer

SUBNET, TABLE, VPC = refer("aws_subnet.s"), refer("aws_route_table.t"), refer("aws_vpc.v")
GATEWAY = refer("aws_internet_gateway.i")
OUT = {"destination_cidr_block": "0.0.0.0/0", "gateway_id": GATEWAY}
EACH = {"references": ["each.value"]}
MAIN = refer("aws_vpc.v", "main_route_table_id")
DEFAULT = refer("aws_vpc.v", "default_route_table_id")
GROUP: dict[str, Any] = {"aws_db_subnet_group__g": {"subnet_ids": SUBNET}}
NETWORK: dict[str, Any] = {
    **GROUP,
    "aws_vpc__v": {},
    "aws_internet_gateway__i": {},
    "aws_subnet__s": {"vpc_id": VPC},
    "aws_route_table__t": {"vpc_id": VPC},
    "aws_route__r": {"route_table_id": TABLE, **OUT},
}
OTHER: dict[str, Any] = {
    "aws_vpc__web": {},
    "aws_route_table__web": {"vpc_id": refer("aws_vpc.web")},
    "aws_route__web": {"route_table_id": refer("aws_route_table.web"), **OUT},
}


def association(subnet: Any = SUBNET, table: Any = TABLE, name: str = "a") -> dict[str, Any]:
    part = {"subnet_id": subnet, "route_table_id": table}
    return {f"aws_route_table_association__{name}": part}


def main(table: Any = TABLE, vpc: Any = VPC) -> dict[str, Any]:
    return {"aws_main_route_table_association__m": {"vpc_id": vpc, "route_table_id": table}}


def default(of: str = "v") -> dict[str, Any]:
    expression = refer(f"aws_vpc.{of}", "default_route_table_id")
    return {"aws_default_route_table__d": {"default_route_table_id": expression}}


def route(table: Any) -> dict[str, Any]:
    return {"aws_route__r": {"route_table_id": table, **OUT}}


def database(**arguments: Any) -> dict[str, Any]:
    return {"aws_db_instance__d": {"publicly_accessible": False, **arguments}}


def applied(judged: dict[str, Any], **known: dict[str, Any]) -> dict[str, Any]:
    """Let a plan show every id, as that of an applied stack does, and values by address."""
    for resource in judged["planned_values"]["root_module"]["resources"]:
        resource["values"]["id"] = f"{resource['name']}-1"
        resource["values"] |= known.get(resource["address"].replace(".", "__"), {})
    for change in judged["resource_changes"]:
        change["change"] = {"actions": ["no-op"], "after_unknown": {}}
    return judged


def failure(judged: dict[str, Any]) -> str:
    return messages(judged, without="no-file").get("B02", "")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (association(), "aws_route_table.t → aws_route.r to aws_internet_gateway.i.id; remove"),
        (association(subnet=LOCAL), "aws_route_table.t, to aws_internet_gateway.i.id, may be its"),
        (association(subnet=EACH), "aws_route_table_association.a: subnet_id comes from each.va"),
        (association(table=LOCAL), "is not shown by this plan: aws_route_table_association.a: ro"),
        (association(table=EACH), "is not shown by this plan: aws_route_table_association.a: ro"),
        (association(table="rtb-1"), "is not shown by this plan: aws_route_table_association.a:"),
        (main(), "aws_route_table.t → aws_route.r to aws_internet_gateway.i.id; remove the route"),
        (main(table=LOCAL), "not shown by this plan: aws_main_route_table_association.m: route_t"),
        (main(vpc=LOCAL), "aws_route_table.t → aws_route.r to aws_internet_gateway.i.id"),
        (route(MAIN), "aws_vpc.v → aws_route.r to aws_internet_gateway.i.id; remove the route"),
        (route(DEFAULT), "aws_vpc.v → aws_route.r to aws_internet_gateway.i.id; remove the rou"),
        (route(DEFAULT) | default(), "aws_vpc.v → aws_route.r to aws_internet_gateway.i.id"),
        (route(DEFAULT) | association(table=MAIN), "aws_vpc.v → aws_route.r to"),
        (
            route(MAIN) | default() | association(table=refer("aws_default_route_table.d")),
            "aws_vpc.v → aws_route.r to aws_internet_gateway.i.id; remove the route",
        ),
        (
            {"aws_vpn_gateway_route_propagation__p": {"route_table_id": MAIN}},
            "aws_vpc.v has routes that this plan does not show, from aws_vpn_gateway_route_prop",
        ),
        ({"aws_subnet__s": {"vpc_id": "vpc-1"}}, "it has the main table of a VPC: vpc_id comes"),
        ({"aws_subnet__s": {"vpc_id": LOCAL}}, "it has the main table of a VPC: vpc_id comes"),
        (
            {"aws_default_vpc__v": {}, "aws_subnet__s": {"vpc_id": refer("aws_default_vpc.v")}},
            "the main table of aws_default_vpc.v leads to the internet by default",
        ),
        (
            {"aws_route_table__t": {"route": LOCAL}} | association() | route(LOCAL),
            "aws_route_table.t has routes that this plan does not show, in its route",
        ),
        (
            {
                "aws_default_subnet__d": {},
                "aws_db_subnet_group__g": {"subnet_ids": refer("aws_default_subnet.d")},
            },
            "aws_default_subnet.d: its route table is not shown by this plan: a default subnet",
        ),
        ({"aws_db_subnet_group__g": {"subnet_ids": LOCAL}}, "subnets local.hidden are not shown"),
        (database(), "aws_db_instance.d: db_subnet_group_name is not set: its subnets are not"),
        (database(db_subnet_group_name="default"), "comes from the literal 'default': its subn"),
        (database(db_subnet_group_name=LOCAL), "comes from local.hidden: its subnets are not s"),
        (database(replicate_source_db="other"), "aws_db_instance.d: db_subnet_group_name is not"),
        ({"aws_redshift_cluster__c": {}}, "aws_redshift_cluster.c: cluster_subnet_group_name is"),
        ({"aws_memorydb_cluster__c": {}}, "aws_memorydb_cluster.c: subnet_group_name is not set"),
    ],
)
def test_table_that_leads_out_or_is_not_shown_fails(more: dict[str, Any], expected: str) -> None:
    assert expected in failure(plan(**(NETWORK | more)))


@pytest.mark.parametrize(
    "more",
    [
        {},  # The main table of a VPC of the plan has no routes but those of the plan.
        association(table=refer("aws_route_table.own")),
        # The table that a hidden association gives leads nowhere, too.
        association(subnet=LOCAL, table=refer("aws_route_table.own")),
        # A subnet with an association has no other one.
        association(table=refer("aws_route_table.own")) | association(LOCAL, name="b"),
        # The tables of another VPC are none of its own.
        OTHER | association(LOCAL, refer("aws_route_table.web")),
        OTHER
        | default("web")
        | {"aws_route__d": {"route_table_id": refer("aws_default_route_table.d"), **OUT}},
        OTHER | main(refer("aws_route_table.web"), refer("aws_vpc.web")),
        OTHER
        | {"aws_route__m": {"route_table_id": refer("aws_vpc.web", "main_route_table_id"), **OUT}},
        database(db_subnet_group_name=refer("aws_db_subnet_group.g", "name")),
        {
            "aws_db_instance__p": {
                "publicly_accessible": False,
                "db_subnet_group_name": refer("aws_db_subnet_group.g", "name"),
            },
            **database(replicate_source_db=refer("aws_db_instance.p", "identifier")),
        },
    ],
)
def test_table_that_leads_nowhere_passes(more: dict[str, Any]) -> None:
    assert not failure(plan(**(NETWORK | {"aws_route_table__own": {}} | more)))


def test_known_ids_decide() -> None:
    hidden = NETWORK | association(LOCAL, LOCAL) | {"aws_db_subnet_group__g": {"subnet_ids": LOCAL}}
    known: dict[str, Any] = {
        "aws_route_table_association__a": {"subnet_id": "s-1", "route_table_id": "t-1"},
        "aws_db_subnet_group__g": {"subnet_ids": ["s-1"]},
        "aws_route__r": {"route_table_id": "t-1", "gateway_id": "i-1"},
        "aws_subnet__s": {"vpc_id": "v-1"},
        "aws_vpc__v": {"main_route_table_id": "m-1"},
    }
    text = failure(applied(plan(**hidden), **known))
    assert "aws_subnet.s → aws_route_table.t → aws_route.r" in text
    assert "not shown" not in text
    other = {"aws_route_table_association__a": {"subnet_id": "x-1", "route_table_id": "t-1"}}
    assert not failure(applied(plan(**hidden), **known | other))
    through_main = {"aws_route__r": {"route_table_id": "m-1", "gateway_id": "i-1"}}
    text = failure(applied(plan(**hidden), **known | other | through_main))
    assert "aws_subnet.s → aws_vpc.v → aws_route.r" in text
    foreign = {"aws_db_subnet_group__g": {"subnet_ids": ["s-1", "x-1"]}}
    text = failure(applied(plan(**hidden), **known | other | foreign))
    assert "aws_db_subnet_group.g: the routes of the subnets x-1 are not shown" in text


def test_replica_of_another_region_is_elsewhere() -> None:
    group = {"db_subnet_group_name": refer("aws_db_subnet_group.g", "name")}
    replica = database(replicate_source_db=refer("aws_db_instance.p", "arn"))
    judged = plan(**NETWORK, **replica, aws_db_instance__p={"publicly_accessible": False, **group})
    assert not failure(judged)
    for block in judged["configuration"]["root_module"]["resources"]:
        if block["address"] == "aws_db_instance.d":
            block["provider_config_key"] = "aws.elsewhere"
    assert "aws_db_instance.d: db_subnet_group_name is not set" in failure(judged)


@pytest.mark.parametrize(
    "type_",
    [
        "aws_rds_cluster",
        "aws_rds_shard_group",
        "aws_redshiftserverless_workgroup",
        "aws_neptune_cluster_instance",
        "aws_dms_replication_instance",
        "aws_lightsail_database",
        "aws_timestreaminfluxdb_db_instance",
        "aws_timestreaminfluxdb_db_cluster",
    ],
)
def test_every_kind_of_database_may_not_be_public(type_: str) -> None:
    group = {"db_subnet_group_name": refer("aws_db_subnet_group.g", "name")}
    more = group if type_ == "aws_rds_cluster" else {}

    def said(**arguments: Any) -> str:
        return failure(plan(**NETWORK, **{f"{type_}__d": {**more, **arguments}}))

    assert f"{type_}.d: publicly_accessible = true; set it" in said(publicly_accessible=True)
    assert f"{type_}.d: publicly_accessible = not shown" in said(publicly_accessible=LOCAL)
    assert not said(publicly_accessible=False)


@pytest.mark.parametrize("type_", ["aws_db_snapshot", "aws_rds_cluster_snapshot_copy"])
def test_snapshot_for_all_fails(type_: str) -> None:
    text = failure(plan(**{f"{type_}__s": {"shared_accounts": ["all"]}}))
    assert f"{type_}.s: shared with ['all']; list single accounts, or none" in text
    assert not failure(plan(**{f"{type_}__s": {"shared_accounts": ["111122223333"]}}))


@pytest.mark.parametrize(("entries", "fails"), [([], False), (None, True), (["0.0.0.0/0"], True)])
def test_empty_prefix_list_that_was_read_leads_nowhere(entries: Any, fails: bool) -> None:
    through = {"destination_prefix_list_id": "pl-1", "transit_gateway_id": "tgw-1"}
    judged = plan(
        **NETWORK | association() | {"aws_route__r": {"route_table_id": TABLE, **through}}
    )
    one = {
        "address": "data.aws_ec2_managed_prefix_list.l",
        "mode": "data",
        "type": "aws_ec2_managed_prefix_list",
        "name": "l",
    }
    values = {"id": "pl-1", "entries": entries and [{"cidr": range_} for range_ in entries]}
    judged["configuration"]["root_module"]["resources"].append(one | {"expressions": {}})
    read = {"root_module": {"resources": [one | {"values": values}]}}
    judged["prior_state"] = {"values": read}
    assert bool(failure(judged)) == fails
