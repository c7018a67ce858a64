"""What a file is answered with, word for word and place by place: by each rule, and each note.

``fixtures/answers.txt`` holds the answers; ``FINBASE_UPDATE_GOLDEN=1`` writes it anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final

import pytest
import yaml

from finbase.contract.version import Version
from finbase.environment.load import load
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.examples import zones
from finbase.environment.rules.index import RULES, breaches
from finbase.environment.rules.rule import Change, Finding
from finbase.source.document import Document, Where, parse
from tests.support.commands import ROOT
from tests.support.sample import REGISTRY, SAMPLE, changed, write

ANSWERS = ROOT / "tests" / "fixtures" / "answers.txt"
LARGE: Final = {"instance_class": "db.r7g.large"}
ODD: Final = {"database": {"allocated_storage": 20}}
ZONE: Final = "network.zones.eu-west-1a"
LATE: Final = {
    "backup_window": "04:30-05:30",
    "maintenance_window": "tue:03:30-tue:04:30",
}

CASES: Final[dict[str, Change]] = {
    "zones that are none, and local ones": {
        "network.zones": zones("eu-west-1", "us-east-1-bos-1a", "eu-west-1B")
    },
    "no zone at all": {"network.zones": {}},
    "what is no range": {
        "network.cidr": "10.20.0.0/99",
        f"{ZONE}.public_cidr": "10.20.0.0/33",
        "access.internet_cidrs": ["203.0.113.0/24", "203.0.113.0/40"],
    },
    "addresses within ranges": {
        "network.cidr": "10.20.0.7/16",
        f"{ZONE}.private_cidr": "10.20.16.9/20",
        "access.internet_cidrs": ["203.0.113.0/24", "198.51.100.9/24"],
    },
    "subnets outside of the VPC, and one that is larger": {
        f"{ZONE}.public_cidr": "10.21.0.0/24",
        f"{ZONE}.database_cidr": "10.0.0.0/8",
    },
    "a subnet in two others": {
        f"{ZONE}.private_cidr": "10.20.0.0/19",
        f"{ZONE}.database_cidr": "10.20.16.0/24",
    },
    "subnets that are too small": {
        f"{ZONE}.private_cidr": "10.20.16.0/28",
        f"{ZONE}.database_cidr": "10.20.8.0/27",
        f"{ZONE}.public_cidr": "10.20.0.0/28",
    },
    "windows that are none": {
        "database.backup_window": "3 o'clock",
        "database.maintenance_window": "Monday",
        "replica.instances.reporting.maintenance_window": "04:00-05:00",
    },
    "windows that are too short": {
        "database.backup_window": "03:00-03:01",
        "database.maintenance_window": "mon:04:00-mon:04:29",
        "replica.instances.reporting.maintenance_window": "mon:05:00-mon:05:00",
    },
    "windows of a day and more": {
        "database.maintenance_window": "sun:05:00-mon:05:00",
        "replica.instances.reporting.maintenance_window": "mon:05:00-sun:05:00",
    },
    "a backup in the default maintenance": {"database.backup_window": "04:30-05:30"},
    "maintenance in the default backup": {"database.maintenance_window": "sat:03:30-sat:04:30"},
    "both windows given": {f"database.{name}": window for name, window in LATE.items()}
    | {"database.maintenance_window": "tue:05:00-tue:06:00"},
    "one replica of three is maintained with the primary": {
        "replica.instances": {
            "first": {**LARGE, "maintenance_window": "wed:02:00-wed:03:00"},
            "second": {**LARGE, "maintenance_window": "mon:04:30-mon:05:30"},
            "third": {**LARGE, "maintenance_window": "thu:02:00-thu:03:00"},
        }
    },
    "windows in business hours": {
        "database.backup_window": "16:00-17:00",
        "database.maintenance_window": "mon:12:00-mon:13:00",
        "replica.instances.reporting.maintenance_window": "tue:17:30-tue:18:30",
    },
    "default windows in business hours": {"region": "ap-southeast-2"},
    "iops and throughput for a small volume": {
        "database.allocated_storage": 399,
        "database.iops": 12000,
        "database.storage_throughput": 500,
    },
    "too little of both": {"database.iops": 11999, "database.storage_throughput": 499},
    "too much of both": {"database.iops": 64001, "database.storage_throughput": 4001},
    "throughput for more than the default IOPS": {"database.storage_throughput": 3002},
    "throughput for more than the IOPS that are given": {
        "database.iops": 15999,
        "database.storage_throughput": 4000,
    },
    "no room to grow": {"database.allocated_storage": 401, "database.max_allocated_storage": 441},
    "a name of thirty": {"project": "p" * 30},
    "regions that look like one, or like none": {"region": "eu-west-9"},
    "a region that is mistyped, and every zone in one that is known": {
        "region": "eu-wst-1",
        "network.zones": zones("eu-west-1a", "eu-west-1b"),
    },
    "a region that is mistyped, and zones in two": {
        "region": "eu-wst-1",
        "network.zones": zones("eu-west-1a", "eu-west-2b"),
    },
    "versions that nobody knows": {
        "database.engine_version": "99",
        "cache.major_engine_version": "99",
    },
    "a class of a size that its family lacks, and of no family": {
        "database.instance_class": "db.r7g.3xlarge",
        "replica.instances": {
            "first": {"instance_class": "db.r7g.large"},
            "second": {"instance_class": "db.zz9.enormous"},
            "third": {"instance_class": "db.r7h.large"},
        },
    },
    "parameters that nobody knows": {
        "database.parameters": {"work_mem": "65536", "work_memory": "1", "qqqqqq": "1"}
    },
    "endpoints that nobody knows": {
        "network.interface_endpoints": ["sqs", "sqss", "secretsmanager", "qqqqqqqqqq"]
    },
    "eight zones": {
        "network.zones": zones(*(f"eu-west-1{letter}" for letter in "abcdefgh")),
    },
    "burstable classes in production": {
        "database.instance_class": "db.t4g.large",
        "replica.instances": {
            "first": {"instance_class": "db.r7g.large"},
            "second": {"instance_class": "db.t4g.medium"},
        },
    },
}
MADE = {
    **{f"{rule.code}: {rule.title}": rule.refused for rule in RULES},
    **CASES,
}


def answer(change: Change, sample: Environment) -> Iterator[str]:
    """Each diagnostic of the sample with a change, with the rest of the line that it is at.

    Rules are asked although a schema may have refused the value: other versions of a module have
    other schemas.
    """
    text = yaml.dump(changed(change), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    document = parse("sample.yaml", text.encode())
    lines = text.splitlines()
    for one in breaches(replace(environment(change, sample), document=document)):
        kind = "note" if one.note else "refused"
        yield f"{one.code} {kind} {one.line}:{one.column} {lines[one.line - 1][one.column - 1 :]}"
        yield f"    {one.message}"
        if one.hint:
            yield f"    hint: {one.hint}"


def environment(change: Change, whole: Environment) -> Environment:
    """Give the sample with a change, unjudged."""
    data = changed(change)
    others = (name for name in data["modules"] if whole.module(name) is None)
    added = (ModuleUse(REGISTRY.current(name), (Instance("", {}),)) for name in others)
    return replace(
        whole,
        modules=tuple(
            ModuleUse(
                REGISTRY.get(use.name, Version.parse(str(section["version"]))),
                _instances(use, section),
            )
            for use in (*whole.modules, *added)
            if (section := data["modules"].get(use.name)) is not None
        ),
        name=data["environment"],
        project=data["project"],
        region=data["region"],
        tags=data["tags"],
        state=data["state"],
        provider=data.get("provider", ""),
    )


def _instances(use: ModuleUse, section: dict[str, Any]) -> tuple[Instance, ...]:
    given = section.get("instances", {})
    if use.contract.multiplicity != "many":
        given = {"": section, **given}
    return tuple(
        Instance(key, {n: v for n, v in inputs.items() if n not in ("version", "instances")})
        for key, inputs in given.items()
    )


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    root = tmp_path_factory.mktemp("project")
    return load(write(root, SAMPLE), REGISTRY, root)


def test_messages_match_approved_text(sample: Environment) -> None:
    parts = ("\n".join([f"# {title}", *answer(change, sample)]) for title, change in MADE.items())
    text = "\n\n".join(parts) + "\n"
    if os.environ.get("FINBASE_UPDATE_GOLDEN"):
        ANSWERS.write_text(text, encoding="utf-8")
    assert text == ANSWERS.read_text(encoding="utf-8")


def test_messages_cover_every_rule() -> None:
    text = ANSWERS.read_text(encoding="utf-8")
    for rule in RULES:
        (part,) = (p for p in text.split("\n\n") if p.startswith(f"# {rule.code}: "))
        kind = "note" if rule.note else "refused"
        assert f"\n{rule.code} {kind} " in part


# Those of further databases are about such instances themselves.
@pytest.mark.parametrize("title", [t for t in MADE if not t.startswith(("FB247", "FB248"))])
def test_rules_point_at_the_instance(title: str, sample: Environment) -> None:
    """No rule relies on it that there is one network, or one primary."""
    data = changed(MADE[title])
    single = environment(MADE[title], sample)
    single = replace(single, document=_document(data))
    modules = []
    for use in single.modules:
        if use.contract.multiplicity == "many":
            modules.append(use)
            continue
        (only,) = use.instances
        two = (Instance("odd", ODD.get(use.name, {})), Instance("even", only.inputs))
        contract = replace(use.contract, multiplicity="many")
        modules.append(replace(use, contract=contract, instances=two))
        section = {"odd": ODD.get(use.name, {}), "even": data["modules"][use.name]}
        data["modules"][use.name] = {"instances": section}
    several = replace(single, modules=tuple(modules), document=_document(data))
    moved = {use.name for use in single.modules if use.contract.multiplicity != "many"}
    for rule in RULES:
        # What is said of several others, such as of each primary, is said for each of them.
        found = dict.fromkeys(_sayings(f, frozenset()) for f in rule.find(several))
        without_odd = [saying for saying in found if saying[0][2:4] != ("instances", "odd")]
        assert without_odd == [_sayings(f, moved) for f in rule.find(single)], rule.code


def _document(data: dict[str, Any]) -> Document:
    return parse("sample.yaml", json.dumps(data).encode())


def _sayings(finding: Finding, moved: AbstractSet[str]) -> tuple[Where, str, str, bool]:
    """Return the finding for the second of many instances, without the line in its message."""
    where = finding.where
    if where[0] == "modules" and where[1] in moved:
        where = (*where[:2], "instances", "even", *where[2:])
    return where, re.sub(r", \d+:\d+\)$", ")", finding.message), finding.hint, finding.key


@pytest.mark.parametrize("value", [["work_memory"], "work_memory", 7, True, None])
@pytest.mark.parametrize(
    "way", ["database.parameters", "network.interface_endpoints", "access.internet_cidrs"]
)
def test_rules_skip_wrong_types(way: str, value: object, sample: Environment) -> None:
    if way != "database.parameters" and isinstance(value, list):
        value = {"work_memory": "1"}
    assert [d.code for d in breaches(environment({way: value}, sample))] == []


def test_roots_skip_wrong_region(sample: Environment) -> None:
    wrong = environment({"region": ""}, sample)
    assert [d.code for d in breaches(wrong)] == []
