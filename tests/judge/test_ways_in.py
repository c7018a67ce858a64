"""Where a rule lets traffic in from, as far as a plan shows it: one argument at a time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.in_process import messages
from tests.judge.test_hidden import HIDDEN, LOCAL, RULE, plan, refer
from tests.judge.test_internet import EIGHTS, OLD, WEB, change, legacy, rules, unknown

VPC, GROUP = "aws_vpc.v", "aws_security_group.app"
OWN = refer(VPC, "cidr_block")
OWN6 = refer(VPC, "ipv6_cidr_block")
PORTS = {"from_port": 5432, "to_port": 5432}
STACK: dict[str, Any] = {
    "aws_vpc__v": {"cidr_block": "10.0.0.0/16"},
    "aws_security_group__app": {},
    "aws_db_instance__d": {"engine": "postgres", "vpc_security_group_ids": refer(GROUP)},
}


def one(**source: Any) -> dict[str, Any]:
    """A separate rule for the port of data, after the stack of data."""
    rule = {"ip_protocol": "tcp", "security_group_id": refer(GROUP)} | PORTS
    return STACK | {f"{RULE}__r": rule | source}


def old(**source: Any) -> dict[str, Any]:
    return STACK | legacy(**PORTS, **source)


def both(*references: dict[str, list[str]]) -> dict[str, Any]:
    """An expression with the references of others."""
    return {"references": [name for each in references for name in each["references"]]}


def block(
    expression: Any, *names: str, type_: str = "aws_security_group", **known: Any
) -> dict[str, Any]:
    """The plan of an inline rule; without an expression, its block is dynamic."""
    judged = plan(**STACK, **{f"{type_}__i": {"ingress": expression} if expression else {}})
    change(judged, f"{type_}.i", ingress=[{"protocol": "tcp", **PORTS, **known}])
    unknown(judged, f"{type_}.i", ingress=[dict.fromkeys(names, True)])
    return judged


def each(items: dict[str, Any], path: str) -> dict[str, Any]:
    """The plan of a rule of ``for_each``."""
    judged = plan(**one(**{path: {"references": ["each.value"]}}))
    for written in judged["configuration"]["root_module"]["resources"]:
        if written["type"] == RULE:
            written["for_each_expression"] = items
    return judged


def absent(judged: dict[str, Any], address: str) -> dict[str, Any]:
    """A plan without the instances of a resource."""
    root = judged["planned_values"]["root_module"]
    root["resources"] = [r for r in root["resources"] if r["address"] != address]
    return judged


SOURCES = [
    "cidr_ipv4",
    "cidr_ipv6",
    "prefix_list_id",
    "referenced_security_group_id",
    "cidr_blocks",
    "ipv6_cidr_blocks",
    "prefix_list_ids",
    "source_security_group_id",
    "security_groups",
]
SHOWN = {
    **{name: OWN for name in SOURCES if "cidr" in name},
    **{name: refer(GROUP) for name in SOURCES if "group" in name},
}


@pytest.mark.parametrize("hidden", [HIDDEN, LOCAL], ids=["value", "local"])
@pytest.mark.parametrize("name", SOURCES)
def test_hidden_source_is_refused_beside_a_shown_one(name: str, hidden: dict[str, Any]) -> None:
    says = "a prefix list is not" if "prefix" in name else "is not shown by this plan"
    judged = []
    if name in SOURCES[:4]:
        beside = {n: SHOWN[n] for n in ("cidr_ipv4", "referenced_security_group_id") if n != name}
        judged.append(plan(**one(**{name: hidden}, **beside)))
    else:
        types = ("aws_security_group", "aws_default_security_group")
        sources = both(hidden, OWN, refer(GROUP))
        judged += [block(sources, name, "cidr_blocks", type_=type_) for type_ in types]
        judged += [block(None, name), block(hidden, name)]
        judged.append(plan(**old(**{name: hidden}, **({} if "group" in name else {"self": False}))))
        if "ipv6" in name:
            judged.append(plan(**old(**{name: hidden}, cidr_blocks=OWN)))
    for each_ in judged:
        assert says in messages(each_, without="no-file").get("B03", "")


RANGES = [
    refer("aws_vpc.w", "cidr_block"),
    refer("aws_vpc.w", "ipv6_cidr_block"),
    refer("aws_subnet.s", "cidr_block"),
    refer("aws_subnet.s", "ipv6_cidr_block"),
    refer("aws_vpc_ipv4_cidr_block_association.a", "cidr_block"),
    refer("aws_vpc_ipv6_cidr_block_association.a", "ipv6_cidr_block"),
]
PARTS: dict[str, Any] = {
    "aws_vpc__w": {},
    "aws_subnet__s": {},
    "aws_vpc_ipv4_cidr_block_association__a": {},
    "aws_vpc_ipv6_cidr_block_association__a": {},
}


@pytest.mark.parametrize("range_", RANGES, ids=lambda range_: range_["references"][0])
def test_range_of_a_vpc_passes_before_it_is_known(range_: dict[str, Any]) -> None:
    for name in ("cidr_ipv4", "cidr_ipv6"):
        assert "B03" not in messages(plan(**one(**{name: range_}), **PARTS), without="no-file")
    for name in ("cidr_blocks", "ipv6_cidr_blocks"):
        assert "B03" not in messages(plan(**old(**{name: range_}), **PARTS), without="no-file")
        judged = block(range_, name)
        for part in plan(**PARTS)["planned_values"]["root_module"]["resources"]:
            judged["planned_values"]["root_module"]["resources"].append(part)
        assert "B03" not in messages(judged, without="no-file")


@pytest.mark.parametrize("range_", [refer("aws_vpc.w"), refer("aws_subnet.s", "tags_all.range")])
def test_other_attributes_of_a_vpc_are_no_range(range_: dict[str, Any]) -> None:
    assert "is not shown" in messages(plan(**one(cidr_ipv4=range_), **PARTS), "no-file")["B03"]


def test_known_ranges_of_what_is_read_are_inside() -> None:
    for known, fails in (
        ({"cidr_block": "10.8.0.0/16"}, False),
        ({"cidr_block_associations": [{"cidr_block": "10.8.0.0/17"}]}, False),
        ({"cidr_block_associations": [{"cidr_block": "10.9.0.0/17"}]}, True),
    ):
        judged = plan(**one(cidr_ipv4="10.8.1.0/24"), aws_vpc__read={})
        change(judged, "aws_vpc.read", **known)
        for resources in (judged["configuration"], judged["planned_values"]):
            for resource in resources["root_module"]["resources"]:
                if resource["address"] == "aws_vpc.read":
                    resource |= {"mode": "data", "address": "data.aws_vpc.read"}
        assert ("B03" in messages(judged, without="no-file")) == fails
    subnet = {"aws_subnet__s": {"cidr_block": "10.8.1.0/24"}}
    assert "B03" not in messages(plan(**one(cidr_ipv4="10.8.1.0/24"), **subnet), without="no-file")


GROUPS: dict[str, Any] = {"aws_default_security_group__d": {}, "aws_eks_cluster__c": {}}
OF_STACK = [
    refer(GROUP),
    refer("aws_default_security_group.d"),
    refer(VPC, "default_security_group_id"),
    refer("aws_eks_cluster.c", "vpc_config[0].cluster_security_group_id"),
]


@pytest.mark.parametrize("group", OF_STACK, ids=lambda group: group["references"][0])
def test_group_of_the_stack_passes_before_it_is_known(group: dict[str, Any]) -> None:
    for judged in (
        plan(**one(referenced_security_group_id=group), **GROUPS),
        plan(**old(source_security_group_id=group), **GROUPS),
        each(group, "referenced_security_group_id"),
    ):
        if "eks" in group["references"][0] or "default" in group["references"][0]:
            judged["planned_values"]["root_module"]["resources"] += [
                r
                for r in plan(**GROUPS)["planned_values"]["root_module"]["resources"]
                if r["address"] not in str(judged["planned_values"])
            ]
        assert "B03" not in messages(judged, without="no-file")
    inline = block(both(refer(GROUP), OWN), "security_groups", "cidr_blocks")
    assert "B03" not in messages(inline, without="no-file")


def test_each_item_of_a_rule_is_judged() -> None:
    assert "its group is not shown" in messages(
        each(both(refer(GROUP), LOCAL), "referenced_security_group_id"), without="no-file"
    ).get("B03", "")


def test_alternative_without_instances_hides_nothing() -> None:
    """A module of others names its group by ``try(this[0].id, with_prefix[0].id)``."""
    group = both(refer("aws_security_group.none"), refer(GROUP))
    none: dict[str, Any] = {"aws_security_group__none": {}}
    stack = one(referenced_security_group_id=group)
    stack |= {"aws_db_instance__d": {"engine": "postgres", "vpc_security_group_ids": group}}
    judged = absent(plan(**stack, **none), "aws_security_group.none")
    assert "B03" not in messages(judged, without="no-file")


def test_computed_group_of_a_rule_with_ranges_is_none() -> None:
    """The provider computes ``source_security_group_id``, so a null one is not known."""
    for more in ({"cidr_blocks": ["10.0.0.0/16"]}, {"self": True}):
        judged = plan(**old(source_security_group_id=LOCAL, **more))
        assert "B03" not in messages(judged, without="no-file")
    judged = plan(**old(source_security_group_id=None, cidr_blocks=OWN))
    unknown(judged, f"{OLD}.o", source_security_group_id=True)
    assert "B03" not in messages(judged, without="no-file")


def applied(judged: dict[str, Any], **values: Any) -> dict[str, Any]:
    """The plan of an applied stack: the group ``app`` has an id, others the values."""
    change(judged, GROUP, id="sg-1")
    for address, known in values.items():
        change(judged, address.replace("__", "."), **known)
    for changed in judged["resource_changes"]:
        changed["change"] |= {"actions": ["no-op"], "after_unknown": {}}
    return judged


def test_known_ids_prove_groups() -> None:
    known: dict[str, Any]
    store = {"aws_db_instance__d": {"engine": "postgres", "vpc_security_group_ids": LOCAL}}
    for ids, fails in ((["sg-1"], False), (["sg-1", "sg-2"], True), ([], True)):
        known = {"aws_db_instance__d": {"vpc_security_group_ids": ids}}
        judged = applied(plan(**STACK | store), **known)
        assert ("B03" in messages(judged, without="no-file")) == fails
    for id_, fails in (("sg-1", False), ("111122223333/sg-1", True)):
        known = {f"{RULE}__r": {"referenced_security_group_id": id_, "security_group_id": "sg-1"}}
        judged = applied(plan(**one(referenced_security_group_id=LOCAL)), **known)
        assert ("B03" in messages(judged, without="no-file")) == fails
    # The id also tells that the rule is of the group of the data.
    known = {f"{RULE}__r": {"security_group_id": "sg-1"}}
    rule = {"security_group_id": LOCAL, "from_port": 22, "to_port": 22}
    judged = applied(plan(**one(**rule, cidr_ipv4="203.0.113.0/24")), **known)
    assert "the port belongs to data" in messages(judged, without="no-file")["B03"]


def test_ranges_are_added_up_for_each_group() -> None:
    more: dict[str, Any] = {"aws_security_group__b": {}}
    for group, fails in (
        (refer("aws_security_group.b"), False),
        (refer(GROUP), True),
        (LOCAL, True),
        (both(refer("aws_security_group.b"), LOCAL), True),
    ):
        judged = rules(EIGHTS[8], EIGHTS[9] | {"security_group_id": group}, **more)
        assert ("are together" in messages(judged, without="no-file").get("B03", "")) == fails
    for id_, fails in (("sg-2", False), ("sg-1", True)):
        known = {f"{RULE}__r{n}": {"security_group_id": i} for n, i in enumerate(("sg-1", id_))}
        judged = rules(EIGHTS[8], EIGHTS[9] | {"security_group_id": LOCAL})
        assert ("B03" in messages(applied(judged, **known), without="no-file")) == fails
    hidden = [each | {"security_group_id": LOCAL} for each in EIGHTS[8:10]]
    assert "are together" in messages(rules(*hidden), without="no-file")["B03"]


def test_list_beside_a_hidden_one_is_not_all() -> None:
    name = "aws_ec2_managed_prefix_list"
    more: dict[str, Any] = {f"{name}__l": {"entry": [{"cidr": "203.0.113.0/24"}]}}
    for hidden, fails in ((HIDDEN, True), (refer(f"{name}.l"), False)):
        lists = both(refer(f"{name}.l"), hidden)
        judged = rules(**legacy(prefix_list_ids=lists), **more)
        change(judged, f"{OLD}.o", **WEB)
        assert ("B03" in messages(judged, without="no-file")) == fails
