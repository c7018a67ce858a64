"""What no schema says: each rule with what it refuses and what it lets pass."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from ipaddress import IPv4Network
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finbase import codes
from finbase.aws import windows
from finbase.contract.registry import Registry
from finbase.environment import rules
from finbase.environment.load import load, read
from finbase.environment.model import Environment, Instance
from finbase.environment.rules import network
from finbase.environment.rules.index import RULES, TITLES, breaches
from finbase.environment.rules.rule import Finding, Rule
from finbase.environment.rules.rule import note as note_of
from finbase.environment.rules.rule import rule as rule_of
from finbase.environment.schema import TOP
from finbase.errors import Diagnostic, InputError
from finbase.source.document import Document, parse
from tests.support.commands import ROOT

SOURCES = (
    "https://docs.aws.amazon.com/",
    "https://developer.hashicorp.com/terraform/",
    "https://github.com/hashicorp/terraform/issues/",
)
SMALL = ROOT / "tests" / "fixtures" / "small"
REGISTRY = Registry(SMALL)
GOOD = load(SMALL / "environments" / "production.yaml", REGISTRY, SMALL)


def change(module: str, **inputs: object) -> Environment:
    """The good environment with other inputs of one module."""
    modules = []
    for use in GOOD.modules:
        changed = [replace(one, inputs={**one.inputs, **inputs}) for one in use.instances]
        modules.append(replace(use, instances=tuple(changed)) if use.name == module else use)
    return replace(GOOD, modules=tuple(modules))


def broken(environment: Environment) -> list[str]:
    return [diagnostic.code for diagnostic in breaches(environment) if not diagnostic.note]


def noted(environment: Environment) -> list[str]:
    return [diagnostic.code for diagnostic in breaches(environment) if diagnostic.note]


def zones(**ranges: str) -> dict[str, dict[str, str]]:
    return {
        "eu-west-1a": {
            "public_cidr": "10.20.0.0/24",
            "private_cidr": "10.20.16.0/20",
            "database_cidr": "10.20.8.0/24",
            **ranges,
        },
        "eu-west-1b": {"public_cidr": "10.20.1.0/24"},
    }


def test_rules_are_complete() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.fullmatch("FB3[0-9][0-9]" if rule.note else "FB2[0-9][0-9]", rule.code)
        assert rule.title
        assert rule.why.endswith(".")
        assert rule.source.startswith(SOURCES)
        assert rule.demand.endswith(".")
        assert rule.accepted.keys() == rule.refused.keys()
        assert TITLES[rule.code] == rule.title
    assert [rule.code for rule in RULES] == sorted(rule.code for rule in RULES)


def test_rules_of_every_module_are_checked() -> None:
    modules = [
        import_module(f"{rules.__name__}.{module.name}") for module in iter_modules(rules.__path__)
    ]
    found = {value.code for m in modules for value in vars(m).values() if isinstance(value, Rule)}
    assert found == {rule.code for rule in RULES}


def test_rule_decorators() -> None:
    def find(_: Environment) -> Iterator[Finding]:
        """Nothing is too much."""
        for number in itertools.count():
            yield Finding(("region",), f"breach {number}", "mend it")

    rest: dict[str, Any] = {
        "why": "Because.",
        "source": "https://example.com/",
        "accepted": {"region": "a"},
        "refused": {"region": "b"},
    }
    made = rule_of("FB299", "too much", "network.cidr", "network.zones", **rest)(find)
    assert made == Rule(
        code="FB299",
        title="too much",
        inputs=("network.cidr", "network.zones"),
        **rest,
        yaml_only="",
        note=False,
        find=find,
    )
    assert made.demand == "Nothing is too much."
    assert replace(made, find=functools.partial(find)).demand != made.demand
    only = rule_of("FB299", "much", "region", **rest, yaml_only="for now")(find)
    assert only.yaml_only == "for now"
    told = note_of("FB399", "much", "network.cidr", **rest)(find)
    assert told == replace(
        made,
        code="FB399",
        title="much",
        inputs=("network.cidr",),
        yaml_only="a note rejects nothing",
        note=True,
    )
    # As many as anybody reads; of breaches, one more than are shown, so that this can be said.
    assert len(list(made(GOOD))) == 101
    assert len(list(told(GOOD))) == 10
    place = GOOD.document.position(("region",))
    assert next(made(GOOD)) == Diagnostic(
        GOOD.document.path, *place, "FB299", "breach 0", "mend it", note=False
    )
    assert next(told(GOOD)).note is True


def test_rule_demand_without_docstring() -> None:
    assert replace(RULES[0], find=lambda _: iter(())).demand == ""


def test_codes_are_unique() -> None:
    named = [value for name, value in vars(codes).items() if name.isupper() and name != "TITLES"]
    assert len(named) == len(set(named))
    assert set(named) == set(codes.TITLES)
    assert len(set(TITLES.values())) == len(TITLES)


def test_rules_accept_sample() -> None:
    assert broken(GOOD) == []


@pytest.mark.parametrize(
    ("region", "zone", "fits"),
    [
        ("eu-west-1", "eu-west-1c", True),
        ("us-gov-west-1", "us-gov-west-1a", True),
        ("eu-west-1", "eu-west-2a", False),
        ("eu-west-1", "eu-west-1", False),
        ("eu-west-1", "eu-west-1ab", False),
        ("eu-west-1", "eu-west-1A", False),
        ("us-east-1", "us-east-1-bos-1a", False),
        ("us-east-1", "us-east-1-wl1-bos-wlz-1", False),
        ("", "anything", True),
    ],
)
def test_zone_in_region(region: str, zone: str, fits: bool) -> None:
    environment = replace(change("network", zones={zone: {}, f"{region}b": {}}), region=region)
    assert broken(environment) == ([] if fits else ["FB201"])


def test_two_zones() -> None:
    assert broken(change("network", zones={"eu-west-1a": {}})) == ["FB202"]
    assert broken(change("network", zones={})) == ["FB202"]


@pytest.mark.parametrize(
    ("tier", "text", "expected"),
    [
        ("private_cidr", "10.20.255.0/24", []),
        ("private_cidr", "10.20.16.1/20", ["FB203"]),
        ("private_cidr", "10.20.16.0", ["FB203"]),
        ("private_cidr", "10.20.16.0/33", ["FB203"]),
        ("private_cidr", "10.20.16.0/255.255.240.0", ["FB203"]),
        ("private_cidr", "010.20.16.0/20", ["FB203"]),
        ("private_cidr", "fd00::/64", ["FB203"]),
        ("private_cidr", "10.21.0.0/24", ["FB204"]),
        ("private_cidr", "10.0.0.0/8", ["FB204", "FB205", "FB205", "FB205"]),
        ("private_cidr", "10.20.0.0/16", ["FB205", "FB205", "FB205"]),
        ("private_cidr", "10.20.1.128/25", ["FB205"]),
        ("private_cidr", "10.20.0.0/24", ["FB205"]),
    ],
)
def test_cidr_ranges(tier: str, text: str, expected: list[str]) -> None:
    assert broken(change("network", zones=zones(**{tier: text}))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.20.0.1/16", ["FB203"]),
        ("10.20.0.0/99", ["FB203"]),
        ("172.16.0.0/16", []),
        ("172.17.128.0/20", ["FB206"]),
        ("172.16.0.0/12", ["FB206"]),
    ],
)
def test_vpc_range(text: str, expected: list[str]) -> None:
    assert broken(change("network", cidr=text, zones={"eu-west-1a": {}, "eu-west-1b": {}})) == (
        expected
    )


networks = st.builds(
    lambda address, size: IPv4Network((address >> (32 - size) << (32 - size), size)),
    st.integers(10 << 24, (10 << 24) + 255),
    st.integers(24, 32),
)


@settings(deadline=None)
@given(st.lists(networks, max_size=9))
def test_subnets_apart_equals_pairwise(ranges: list[IPv4Network]) -> None:
    given = {
        f"eu-west-1{chr(97 + i)}": {"public_cidr": str(network)} for i, network in enumerate(ranges)
    }
    found = [d.message for d in network.subnets_apart(change("network", zones=given))]
    pairs = {
        index for index, one in enumerate(ranges) for other in ranges[:index] if one.overlaps(other)
    }
    # One finding for every range that could be taken out to solve it.
    assert bool(found) == bool(pairs)
    assert len(found) == sum(
        any(
            n != i and (other.supernet_of(one) and (other != one or n < i))
            for n, other in enumerate(ranges)
        )
        for i, one in enumerate(ranges)
    )


@settings(deadline=None)
@given(st.lists(networks, max_size=9))
def test_suggested_ranges_are_free(ranges: list[IPv4Network]) -> None:
    zones = {
        f"eu-west-1{chr(97 + i)}": {"public_cidr": str(network)} for i, network in enumerate(ranges)
    }
    environment = change("network", zones=zones, cidr="10.0.0.0/20")
    hints = [d.hint or "" for d in network.subnets_apart(environment)]
    free = [IPv4Network(hint.partition(", such as ")[2]) for hint in hints]
    for one, other in itertools.combinations([*dict.fromkeys(ranges), *free], 2):
        assert (one in ranges and other in ranges) or not one.overlaps(other)
    assert all(each.subnet_of(IPv4Network("10.0.0.0/20")) for each in free)


def test_full_vpc_has_no_range_to_suggest() -> None:
    zones = {zone: {"public_cidr": "10.0.0.0/24"} for zone in ("eu-west-1a", "eu-west-1b")}
    environment = change("network", zones=zones, cidr="10.0.0.0/24")
    (finding,) = network.subnets_apart(environment)
    assert finding.hint == "use a range that no other subnet uses"


@pytest.mark.parametrize(
    ("version", "hint"),
    [("9", '"17"; the lowest that is accepted is "14"'), ("99x", '"17"'), ("17.2", '"17"')],
)
def test_too_low_number_in_text_names_the_lowest(version: str, hint: str, project: Path) -> None:
    path = project / "environments" / "development.yaml"
    text = path.read_text().replace('engine_version: "17"', f'engine_version: "{version}"')
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        load(path, Registry(project), project)
    assert [d.hint for d in refused.value.diagnostics] == [f"for example {hint}"]


def test_windows_parse() -> None:
    assert windows.daily("23:30-00:15") == windows.Window(1410, 45, windows.DAY)
    assert windows.weekly("sun:23:30-mon:00:15") == windows.Window(6 * 1440 + 1410, 45, 10080)
    for text in ("3:00-04:00", "24:00-01:00", "03:60-04:00", "03:00-04:00 ", "٠٣:00-04:00"):
        assert windows.daily(text) is None
    for text in ("Mon:04:00-mon:05:00", "monday:04:00-monday:05:00", "04:00-05:00"):
        assert windows.weekly(text) is None


minutes = st.integers(0, 1439)


@settings(deadline=None)
@given(minutes, st.integers(1, 1439), st.integers(0, 6), minutes, st.integers(1, 10079))
def test_overlap_equals_minutes(
    start: int, lasting: int, day: int, begin: int, length: int
) -> None:
    one = windows.Window(start, lasting, 1440)
    other = windows.Window(day * 1440 + begin, length, 10080)
    first = {(d * 1440 + one.start + m) % 10080 for d in range(7) for m in range(one.length)}
    second = {(other.start + m) % 10080 for m in range(other.length)}
    assert windows.overlap(one, other) == windows.overlap(other, one) == bool(first & second)


@pytest.mark.parametrize(
    ("backup", "maintenance", "expected"),
    [
        ("03:00-04:00", "mon:04:00-mon:05:00", []),
        ("05:00-05:30", "mon:04:00-mon:05:00", []),
        ("03:00-04:01", "mon:04:00-mon:05:00", ["FB223", "FB232"]),
        ("04:59-05:30", "mon:04:00-mon:05:00", ["FB223", "FB232"]),
        ("23:45-00:30", "sun:00:00-sun:01:00", ["FB223"]),
        ("23:45-00:30", "sun:23:00-mon:00:00", ["FB223"]),
        ("00:00-01:00", "sun:23:00-mon:00:00", []),
        ("03:00-03:29", "mon:04:00-mon:05:00", ["FB221"]),
        ("03:00-03:00", "mon:04:00-mon:05:00", ["FB221"]),
        ("03:00", "mon:04:00-mon:05:00", ["FB221"]),
        ("03:00-04:00", "mon:05:00-mon:05:10", ["FB222"]),
        ("03:00-04:00", "sun:05:00-mon:05:00", ["FB222"]),
        ("03:00-04:00", "mon:05:00-sun:05:00", ["FB222"]),
        ("03:00-04:00", "Monday:04:00-Monday:05:00", ["FB222"]),
        ("04:30-04:45", "mon:04:00-mon:05:00", ["FB221"]),
        (None, "mon:03:30-mon:04:00", []),
    ],
)
def test_primary_windows(backup: str | None, maintenance: str, expected: list[str]) -> None:
    environment = change("database", backup_window=backup, maintenance_window=maintenance)
    assert broken(environment) == expected


def test_default_window_overlaps() -> None:
    assert broken(change("database", backup_window="04:30-05:30")) == ["FB223", "FB232"]
    assert broken(change("replica", maintenance_window="sun:03:30-sun:04:30")) == ["FB232"]
    assert broken(change("replica", maintenance_window="sun:04:00-sun:05:00")) == []
    assert broken(change("database", maintenance_window="sat:03:30-sat:04:30")) == ["FB223"]
    assert broken(change("replica", maintenance_window="mon:04:59-mon:06:00")) == ["FB224"]
    assert broken(change("database", maintenance_window="tue:04:30-tue:05:30")) == ["FB224"]
    assert broken(change("replica", maintenance_window="mon:05:00-mon:05:29")) == ["FB222"]


@pytest.mark.parametrize(
    ("region", "backup", "maintenance", "expected"),
    [
        ("eu-west-1", "05:00-06:00", "mon:04:00-mon:05:00", []),
        ("eu-west-1", "05:01-06:01", "mon:04:00-mon:05:00", ["FB229"]),
        ("eu-west-1", "17:59-18:59", "mon:04:00-mon:05:00", ["FB229"]),
        ("eu-west-1", "18:00-19:00", "mon:04:00-mon:05:00", []),
        ("eu-west-1", "03:00-04:00", "fri:17:30-fri:18:30", ["FB229"]),
        ("eu-west-1", "03:00-04:00", "sat:12:00-sat:13:00", []),
        ("eu-west-1", "03:00-04:00", "sun:23:00-mon:02:00", []),
        # Of Monday to Friday east of UTC, which begins on Sunday evening there.
        ("ap-northeast-1", "10:00-11:00", "sun:22:00-sun:22:30", []),
        ("ap-northeast-1", "10:00-11:00", "sun:22:45-sun:23:15", ["FB229"]),
        ("ap-northeast-1", "10:00-11:00", "fri:23:30-sat:00:30", []),
        ("ap-northeast-1", "22:45-23:15", "sat:10:00-sat:11:00", ["FB229"]),
        # And west of it, where Friday ends on Saturday.
        ("us-west-2", "03:00-04:00", "sat:01:30-sat:02:30", ["FB229"]),
        ("us-west-2", "03:00-04:00", "mon:01:00-mon:02:00", []),
        # Nobody knows the hours there.
        ("eu-west-9", "12:00-13:00", "mon:14:00-mon:15:00", []),
    ],
)
def test_business_hours(region: str, backup: str, maintenance: str, expected: list[str]) -> None:
    given = change("database", backup_window=backup, maintenance_window=maintenance)
    only = replace(
        given, region=region, modules=tuple(u for u in given.modules if u.name == "database")
    )
    assert broken(only) == expected


@settings(deadline=None)
@example(18 * 60, 60)
@example(18 * 60 - 1, 60)
@given(minutes, st.integers(1, 1439))
def test_business_days(start: int, length: int) -> None:
    text = "-".join(f"{m % 1440 // 60:02}:{m % 60:02}" for m in (start, start + length))
    busy = {(w.start + m) % 10080 for w in windows.business(text) for m in range(w.length)}
    first = -1 if start >= 18 * 60 else 0
    assert busy == {
        ((first + day) * 1440 + start + m) % 10080 for day in range(5) for m in range(length)
    }


@pytest.mark.parametrize(
    ("tier", "text", "expected"),
    [
        ("private_cidr", "10.20.16.0/26", []),
        ("private_cidr", "10.20.16.0/27", ["FB207"]),
        ("database_cidr", "10.20.8.0/26", []),
        ("database_cidr", "10.20.8.0/27", ["FB207"]),
        ("public_cidr", "10.20.0.0/28", []),
    ],
)
def test_room_in_subnet(tier: str, text: str, expected: list[str]) -> None:
    assert broken(change("network", zones=zones(**{tier: text}))) == expected


@pytest.mark.parametrize(("count", "expected"), [(0, []), (15, []), (16, ["FB228"])])
def test_replicas(count: int, expected: list[str]) -> None:
    (use,) = (use for use in GOOD.modules if use.name == "replica")
    instances = tuple(Instance(f"r{n}", {}) for n in range(count))
    more = tuple(replace(u, instances=instances) if u is use else u for u in GOOD.modules)
    assert broken(replace(GOOD, modules=more)) == expected


@pytest.mark.parametrize(
    ("project", "expected"), [("sg", ["FB242"]), ("sg-a", ["FB242"]), ("sga", []), ("a-sg", [])]
)
def test_group_name(project: str, expected: list[str]) -> None:
    assert broken(replace(GOOD, project=project)) == expected


def test_notes_are_not_errors() -> None:
    assert noted(GOOD) == []
    assert noted(replace(GOOD, region="xx-none-1")) == ["FB301"]


@pytest.mark.parametrize(
    ("size", "iops", "throughput", "expected"),
    [
        (399, None, None, []),
        (399, 3000, None, ["FB225"]),
        (20, 12000, 500, ["FB225", "FB225"]),
        (400, None, None, []),
        (400, 12000, 500, []),
        (400, 64000, 4000, []),
        (400, 11999, None, ["FB226"]),
        (400, 64001, None, ["FB226"]),
        (400, None, 499, ["FB226"]),
        (400, 64000, 4001, ["FB226"]),
        (400, None, 3000, []),
        (400, None, 3001, ["FB226"]),
        (400, 15999, 4000, ["FB226"]),
        (400, 16000, 4000, []),
        (None, 3000, 9, []),
        (400, 12000, 4001, ["FB226"]),
        (400, 11999, 4000, ["FB226"]),
    ],
)
def test_storage(
    size: int | None, iops: int | None, throughput: int | None, expected: list[str]
) -> None:
    for kind, answers in ((None, expected), ("gp3", expected), ("io2", [])):
        other = change(
            "database",
            allocated_storage=size,
            iops=iops,
            storage_throughput=throughput,
            max_allocated_storage=None,
            storage_type=kind,
        )
        assert broken(other) == answers


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [
        (400, 440, []),
        (400, 439, ["FB227"]),
        (401, 442, []),
        (401, 441, ["FB227"]),
        (100, 0, []),
        (100, None, []),
    ],
)
def test_room_to_grow(size: int, most: int | None, expected: list[str]) -> None:
    environment = change("database", allocated_storage=size, max_allocated_storage=most)
    assert broken(environment) == expected


@pytest.mark.parametrize(("length", "expected"), [(29, []), (30, ["FB241"])])
def test_stack_name(length: int, expected: list[str]) -> None:
    assert broken(replace(GOOD, project="p" * length)) == expected


def test_rules_skip_missing_inputs() -> None:
    bare = tuple(
        replace(
            use,
            contract=replace(use.contract, inputs=()),
            instances=tuple(Instance(one.key, {}) for one in use.instances),
        )
        for use in GOOD.modules
    )
    assert broken(replace(GOOD, modules=bare)) == []
    assert broken(replace(GOOD, modules=())) == []


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["10.20.0.0/16", "10.20.9.1/24", "03:00-04:00", "mon:04:00-mon:05:00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["eu-west-1a", "eu-west-1b", "public_cidr", "private_cidr"]), inner
        )
    ),
    max_leaves=8,
)
names = [
    *("cidr", "zones", "allocated_storage", "max_allocated_storage", "iops"),
    *("storage_throughput", "storage_type", "backup_window", "maintenance_window"),
]


@settings(deadline=None)
@given(
    st.sampled_from([use.name for use in GOOD.modules]),
    st.dictionaries(st.sampled_from(names), anything),
)
def test_rules_never_raise(module: str, inputs: dict[str, object]) -> None:
    for diagnostic in breaches(change(module, **inputs)):
        assert diagnostic.line >= 1


def test_rules_skip_reported_values(tmp_path: Path) -> None:
    text = (SMALL / "environments" / "production.yaml").read_text()
    file = tmp_path / "environments" / "production.yaml"
    file.parent.mkdir()
    # The window that is no text must not be judged as the default one, which would overlap.
    file.write_text(
        text.replace(
            "    username",
            "    backup_window: 7\n    maintenance_window: mon:03:00-mon:04:00\n    username",
        )
    )
    with pytest.raises(InputError) as caught:
        load(file, REGISTRY, tmp_path)
    assert [d.code for d in caught.value.diagnostics] == [codes.WRONG_TYPE]


def test_rules_name_existing_inputs() -> None:
    registry = Registry(ROOT)
    there = {*TOP.inputs, "replica.instances"}
    for module in registry.names:
        contract = registry.current(module)
        there |= {f"{module}.{given.name}" for given in contract.inputs}
        there |= {f"{module}.instances"} if contract.repeats else set()
    for rule in RULES:
        assert rule.inputs
        assert set(rule.inputs) <= there


def test_diagnostic_position() -> None:
    document: Document = parse("x.yaml", b"modules:\n  network:\n    zones: {}\n")
    (found,) = network.two_zones(replace(change("network", zones={}), document=document))
    assert (found.path, found.line, found.column) == ("x.yaml", 3, 5)


@pytest.mark.parametrize(
    "name",
    [
        *("data__classification", "project_", "owner_", "managed_by_", "name_", "managedby"),
        *("costcentre", "Cost_Centre", "datac_lassification", "enviro_nment"),
    ],
)
def test_tag_keys_refuses_equal_keys(name: str) -> None:
    environment = replace(GOOD, tags={**GOOD.tags, name: "zzz"})
    (finding,) = RULES_BY_CODE["FB243"].find(environment)
    assert finding.where == ("tags", name)
    assert finding.key


def test_tag_keys_names_each_pair_of_own_tags_once() -> None:
    environment = replace(GOOD, tags={**GOOD.tags, "team_lead": "a", "teamlead": "b", "team": "c"})
    (finding,) = RULES_BY_CODE["FB243"].find(environment)
    assert finding.where == ("tags", "teamlead")
    assert "`team_lead` has TeamLead" in finding.message


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("s3", "remove s3"),
        ("dynamodb", "remove dynamodb"),
        ("com.amazonaws.eu-west-1.s3", "remove com.amazonaws.eu-west-1.s3"),
        ("com.amazonaws.eu-west-1.kms", "write kms"),
        ("com.amazonaws.us-east-1.ecr.api", "write ecr.api"),
        ("eu-west-1.kms", "write kms"),
        ("cn.com.amazonaws.cn-north-1.sts", "write sts"),
        ("eu-central-1.kms", "write kms"),
        ("amazonaws.eu-west-1.kms", "write kms"),
        ("kms.", "write kms"),
        ("s3.eu-west-1", "write the service alone, such as secretsmanager"),
        ("aws.api.eu-west-1.bedrock", "write bedrock"),
        ("com.amazonaws.s3-global.accesspoint", "write the service alone, such as secretsmanager"),
        (
            "com.amazonaws.vpce.eu-west-1.vpce-svc-0123",
            "write the service alone, such as secretsmanager",
        ),
    ],
)
def test_no_gateway_service_refuses_names(name: str, hint: str) -> None:
    environment = change("network", interface_endpoints=["secretsmanager", name])
    (finding,) = RULES_BY_CODE["FB208"].find(environment)
    assert finding.where[-1] == 1
    assert finding.hint == hint


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("xn--ledger", "xn--"),
        ("sthree-configurator", "sthree-"),
        ("ledger-s3alias", "-s3alias"),
        ("ledger--x-s3", "--x-s3"),
        ("ledger--table-s3", "--table-s3"),
        ("a..b", ".."),
        ("192.168.5.4", "192.168.5.4"),
    ],
)
def test_bucket_names_refuses_reserved_names(name: str, part: str) -> None:
    environment = change("network", readable_buckets=[name])
    (finding,) = RULES_BY_CODE["FB209"].find(replace(environment, state={"bucket": "ledger"}))
    assert f"`{part}`" in finding.message
    (finding,) = RULES_BY_CODE["FB209"].find(replace(GOOD, state={"bucket": name}))
    assert finding.where == ("state", "bucket")


def test_endpoint_policy_counts_the_partition_and_accounts() -> None:
    names = [f"{'b' * 50}-{n:03}" for n in range(270)]
    environment = change("network", readable_buckets=names)
    assert not [*RULES_BY_CODE["FB210"].find(environment)]
    assert [*RULES_BY_CODE["FB210"].find(replace(environment, region="us-gov-west-1"))]
    accounts = [f"{n:012}" for n in range(60)]
    environment = change("network", readable_buckets=names, reachable_account_ids=accounts)
    assert [*RULES_BY_CODE["FB210"].find(environment)]


def test_bucket_names_accepts_names() -> None:
    environment = change(
        "network", readable_buckets=["a.b", "a-.b", "al2023-repos-x", "my-s3-demo", "1.2"]
    )
    assert not [*RULES_BY_CODE["FB209"].find(environment)]


@pytest.mark.parametrize("name", ["ecr.api", "s3-outposts", "awsconnector", "com", "kms"])
def test_no_gateway_service_accepts_names(name: str) -> None:
    environment = change("network", interface_endpoints=["secretsmanager", name])
    assert not [*RULES_BY_CODE["FB208"].find(environment)]


RULES_BY_CODE = {rule.code: rule for rule in RULES}


@pytest.mark.parametrize(
    ("origin", "code"),
    [
        ({"snapshot": "ledger-1"}, ""),
        ({"instance": "ledger-old"}, ""),
        ({"instance": "ledger-old", "time": "2024-02-29T23:59:59Z"}, ""),
        ({"instance": "ledger-old", "time": "2026-02-29T23:59:59Z"}, "does not exist"),
        ({"instance": "ledger-old", "snapshot": "ledger-1"}, "both a snapshot and an instance"),
        ({}, "neither a snapshot nor an instance"),
        ({"time": "2026-11-25T03:00:00Z"}, "neither a snapshot nor an instance"),
        ({"snapshot": "ledger-1", "time": "2026-11-25T03:00:00Z"}, "a snapshot has its own"),
        ({"instance": "ledger-production"}, "the new instance is named ledger-production"),
    ],
)
def test_restore_names_one_origin(origin: dict[str, str], code: str) -> None:
    found = [d for d in breaches(change("database", restore_from=origin)) if not d.note]
    assert {d.code for d in found} == ({"FB234"} if code else set())
    assert any(code in d.message for d in found) is bool(code)


@pytest.mark.parametrize(
    "origin",
    ["snapshot: Not_a_name", "instance: Not_a_name", 'instance: A_b, time: "2026-11-25T03:00:00Z"'],
)
def test_restore_reports_a_wrong_format_once(origin: str) -> None:
    text = (ROOT / "environments" / "staging.yaml").read_text()
    user = "    username: ledger_owner\n"
    text = text.replace(user, f"{user}    restore_from: {{{origin}}}\n")
    with pytest.raises(InputError) as raised:
        read("environments/staging.yaml", text.encode(), Registry(ROOT), ROOT)
    assert [d.code for d in raised.value.diagnostics] == [codes.FORM]
