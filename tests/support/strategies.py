"""Valid environments, drawn from the contracts of the project."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import jsonschema_rs
from hypothesis import strategies as st

from finbase.aws import windows
from finbase.aws.catalogue import AwsCatalogue
from finbase.contract.contract import Contract
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.source.syntax import INVISIBLE

ROOT = Path(__file__).resolve().parents[2]
KNOWN = AwsCatalogue()
REGISTRY = Registry(ROOT)

# The first versions that pass the controls of the baseline: older releases lack what it requires,
# such as explicit log levels, or logs that outlive the stack. They render, but fail a check.
PASSING = {
    "cache": Version.parse("1.2.0"),
    "database": Version.parse("3.0.0"),
    "monitoring": Version.parse("2.0.1"),
    "network": Version.parse("2.0.0"),
    "replica": Version.parse("2.0.0"),
    "secret": Version.parse("2.1.0"),
}

Draw = Callable[[st.SearchStrategy[Any]], Any]

# All that a file may hold in quotes, with everything that means something to Jinja, HCL or YAML.
free_text = st.lists(
    st.sampled_from([*"${}%\"'\\#:|>&*!<\n\t -", "${", "%{", "{{", "}}", "$${", "${{ "])
    | st.characters(codec="utf-8", categories=["L", "N", "P", "S"]).filter(
        lambda character: not INVISIBLE.match(character)  # Fillers are letters.
    ),
    min_size=1,
    max_size=40,
).map(lambda parts: "".join(parts)[:255])

tag_text = st.text("abcXYZ019 _.:/=+@-", min_size=1, max_size=40).filter(
    lambda text: not text.startswith(("aws:", "rds:"))
)


def covered_regions() -> list[str]:
    """The regions whose business hours are known and whose databases can be verified."""
    folder = REGISTRY.templates / "secret" / "rotation" / "ca"
    return sorted({path.stem for path in folder.glob("*.pem")} & {*KNOWN.regions()})


def _clock(minute: int) -> str:
    return f"{minute % 1440 // 60:02}:{minute % 60:02}"


def _weekly(minute: int, length: int) -> str:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    ends = (minute % windows.WEEK, (minute + length) % windows.WEEK)
    return "-".join(f"{days[end // 1440]}:{_clock(end)}" for end in ends)


@st.composite
def schedules(draw: Draw, region: str, replicas: int) -> tuple[str, str, list[str]]:
    """A backup window, a maintenance window and one for each replica, all at night."""
    hours = windows.daily(KNOWN.business_hours(region) or "00:00-00:00")
    assert hours
    evening, night = hours.start + hours.length, 1440 - hours.length
    backup = draw(st.integers(30, 120))
    wait = draw(st.integers(0, night - backup - 30))
    lasting = draw(st.integers(30, night - backup - wait))
    first, *others = draw(st.permutations(range(7)))
    after = evening + backup  # A replica takes the backup window of its primary.
    own = [
        _weekly(draw(st.sampled_from(others)) * 1440 + after + draw(st.integers(0, 30)), minutes)
        for minutes in draw(
            st.lists(st.integers(30, night - backup - 30), min_size=replicas, max_size=replicas)
        )
    ]
    return (
        f"{_clock(evening)}-{_clock(evening + backup)}",
        _weekly(first * 1440 + evening + backup + wait, lasting),
        own,
    )


@st.composite
def networks(draw: Draw, region: str) -> dict[str, Any]:
    """A VPC, and ranges for two to four zones, as large and as near to each other as they come."""
    size = draw(st.integers(16, 22))
    space = draw(
        st.sampled_from(["10.0.0.0/8", "172.18.0.0/15", "192.168.0.0/16", "100.64.0.0/10"])
    )
    start = int(IPv4Network(space).network_address)
    steps = max(1 << size - IPv4Network(space).prefixlen, 1)
    vpc = IPv4Network((start + (draw(st.integers(0, steps - 1)) << 32 - size), size))
    letters = draw(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=4, unique=True))
    wanted = sorted(
        (draw(st.integers(size + 4, least)), zone, tier)
        for zone in letters
        for tier, least in (("public_cidr", 28), ("private_cidr", 26), ("database_cidr", 26))
    )
    zones: dict[str, dict[str, str]] = {f"{region}{letter}": {} for letter in letters}
    at = int(vpc.network_address)
    for bits, letter, tier in wanted:
        zones[f"{region}{letter}"][tier] = str(IPv4Network((at, bits)))
        at += 1 << 32 - bits
    return {"cidr": str(vpc), "zones": zones}


@st.composite
def volumes(draw: Draw) -> dict[str, int]:
    size = draw(st.integers(20, 2000) | st.sampled_from([20, 399, 400, 59578]))
    least = -(-11 * size // 10)
    volume = {
        "allocated_storage": size,
        "max_allocated_storage": draw(st.integers(least, 65536) | st.just(least)),
    }
    if size >= 400 and draw(st.booleans()):
        volume["iops"] = draw(st.integers(12000, 64000))
    if size >= 400 and draw(st.booleans()):
        most = min(volume.get("iops", 12000) // 4, 4000)
        volume["storage_throughput"] = draw(st.integers(500, most))
    return volume


def settable() -> dict[str, st.SearchStrategy[str]]:
    """Return values for each parameter that an environment may set in every version."""
    declared = {i.name: i for i in REGISTRY.current("database").inputs}["parameters"]
    names = jsonschema_rs.Draft202012Validator(declared.schema["propertyNames"])
    known = KNOWN.parameters().items()
    usable = [(n, words) for n, words in known if names.is_valid(n) and "since" not in words]
    return {name: _values(*words) for name, words in usable}


def _values(kind: str, *limits: str) -> st.SearchStrategy[str]:
    if kind == "bool":
        return st.sampled_from(["0", "1", "on", "off"])
    if kind == "enum":
        return st.sampled_from([word for word in limits if word != "static"])
    least, most = math.ceil(float(limits[0])), int(float(limits[1]))
    return st.integers(least, min(most, 10**9)).map(str)


@cache
def special() -> Mapping[str, st.SearchStrategy[Any]]:
    """Strategies of inputs for which their schema says less than AWS does."""
    classes = [f"{f}.{size}" for f, sizes in KNOWN.instance_classes().items() for size in sizes]
    addresses = st.integers(1 << 24, (224 << 24) - 1)
    database = {i.name: i.schema for i in REGISTRY.current("database").inputs}
    origins = {
        name: from_schema(schema) for name, schema in database["restore_from"]["properties"].items()
    }
    # The end of a month may not exist.
    times = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map("{:%FT%TZ}".format)
    return {
        "restore_from": st.fixed_dictionaries({"snapshot": origins["snapshot"]})
        | st.fixed_dictionaries({"instance": origins["instance"]}, optional={"time": times}),
        "database_name": from_schema(database["database_name"]).filter(
            lambda name: not name.startswith("_")  # RDS refuses it, and so does FB246.
        ),
        "instance_class": st.sampled_from(classes),
        "engine_version": st.sampled_from(KNOWN.versions("postgres")),
        "major_engine_version": st.sampled_from(KNOWN.versions("valkey")),
        "parameters": st.lists(
            st.sampled_from(list(settable().items())).flatmap(
                lambda item: st.tuples(st.just(item[0]), item[1])
            ),
            max_size=3,
        ).map(dict),
        "data_storage_maximum_gb": st.integers(1, 4_999) | st.just(4_999),
        "ecpu_per_second_maximum": st.integers(1_000, 14_999_999) | st.just(14_999_999),
        "description": free_text.map(lambda text: f"Sessions {text}"),
        "interface_endpoints": st.sets(st.sampled_from(KNOWN.endpoints()), max_size=6).map(
            lambda names: sorted({*names, "secretsmanager"})
        ),
        "readable_buckets": st.sets(
            st.from_regex(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", fullmatch=True).filter(
                lambda name: ".." not in name  # S3 refuses it, and so does FB209.
            )
        ).map(sorted),
        "internet_cidrs": st.lists(
            st.builds(
                lambda address, bits: str(IPv4Network((address, bits), strict=False)),
                addresses,
                st.integers(8, 32),
            ),
            max_size=3,
            unique=True,
        ),
        # Only targets and groups that every network and every choice of modules allow.
        "clients": st.dictionaries(
            st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,9})?", fullmatch=True),
            st.fixed_dictionaries(
                {
                    "to": st.just(["database"]),
                    "description": st.from_regex(r"[A-Za-z][A-Za-z ;&]{2,20}", fullmatch=True),
                    "reason": st.from_regex(r"[A-Za-z][A-Za-z =@]{2,20}", fullmatch=True),
                },
                optional={"security_group_id": st.from_regex(r"sg-[0-9a-f]{17}", fullmatch=True)},
            ),
            max_size=3,
        ),
        # Ranges outside of every network that is drawn.
        "routes": st.dictionaries(
            st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,9})?", fullmatch=True),
            st.fixed_dictionaries(
                {
                    "tiers": st.sampled_from([["private"], ["database"], ["private", "database"]]),
                    "reason": st.from_regex(r"[A-Za-z][A-Za-z =@]{2,20}", fullmatch=True),
                    "transit_gateway_id": st.from_regex(r"tgw-[0-9a-f]{17}", fullmatch=True),
                }
            ),
            max_size=3,
        ).map(
            lambda routes: {
                name: route | {"destination_cidr": f"172.24.{number}.0/24"}
                for number, (name, route) in enumerate(routes.items())
            }
        ),
        "email_addresses": st.lists(
            st.from_regex(r"[a-z]{1,9}(\.[a-z${}'+]{1,9})?@[a-z]{1,9}\.[a-z]{2,3}", fullmatch=True),
            max_size=3,
            unique=True,
        ),
    }


def from_schema(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a schema, so far as the contracts need it."""
    return _from_schema(json.dumps(schema))


@cache
def _from_schema(text: str) -> st.SearchStrategy[Any]:
    schema: dict[str, Any] = json.loads(text)
    kept = {key: value for key, value in schema.items() if key not in ("default", "description")}
    validator = jsonschema_rs.Draft202012Validator(kept)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([from_schema({"type": schema["type"], **b}) for b in schema["anyOf"]])
    match schema["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            step = schema.get("multipleOf", 1)
            low, high = schema["minimum"], schema.get("maximum", schema["minimum"] + 9)
            ends = st.sampled_from([low, high])
            return ends | st.integers(low // step, high // step).map(lambda n: n * step)
        case "string":
            return st.from_regex(schema["pattern"], fullmatch=True).filter(validator.is_valid)
        case "array":
            wanted = [part["contains"]["const"] for part in schema.get("allOf", ())]
            most = schema.get("maxItems")
            items = st.sets(from_schema(schema["items"]), max_size=most)
            return items.map(lambda s: sorted({*s, *wanted}))
    raise AssertionError(f"no strategy for {schema}")


@st.composite
def inputs(draw: Draw, contract: Contract, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of one instance: those that are fixed, all that must be, and some others."""
    strategies = special()
    drawn: dict[str, Any] = {}
    for declared in contract.inputs:
        if declared.name in fixed:
            drawn[declared.name] = fixed[declared.name]
        elif declared.name not in ("iops", "storage_throughput") and (
            declared.required or draw(st.integers(0, 2)) == 0
        ):
            drawn[declared.name] = draw(
                strategies[declared.name]
                if declared.name in strategies
                else from_schema(declared.schema)
            )
    _end_upgrade(drawn)
    if contract.name == "monitoring":
        _cross(contract, drawn)
    return drawn


def _cross(contract: Contract, drawn: dict[str, Any]) -> None:
    """Limit thresholds to values that the metrics of every instance class can cross."""
    limits = {
        "connections_threshold": (1, 20),
        "load_threshold": (1, 20),
        "freeable_memory_threshold_mib": (64, 512),
        "swap_threshold_mib": (1, 512),
        "cpu_threshold_percent": (1, 99),
        "latency_threshold_milliseconds": (1, 1000),
    }
    for declared in contract.inputs:
        if declared.name in limits:
            least, most = limits[declared.name]
            value = drawn.get(declared.name, declared.default) or 1
            drawn[declared.name] = min(max(value, least), most)


def _end_upgrade(drawn: dict[str, Any]) -> None:
    """Remove the inputs of a major upgrade that lack the input which they require."""
    previous = drawn.get("previous_engine_version")
    if previous is None or int(previous) >= int(drawn["engine_version"]):
        drawn.pop("previous_engine_version", None)
        drawn.pop("allow_major_version_upgrade", None)
    if not drawn.get("allow_major_version_upgrade"):
        drawn.pop("apply_immediately", None)


@st.composite
def pinned(draw: Draw, passing: bool) -> dict[str, Contract]:
    """A version of each module, such that each has the outputs that the others take."""
    contracts = {}
    for name in REGISTRY.names:
        versions = REGISTRY.versions(name)
        if passing and name in PASSING:
            versions = tuple(version for version in versions if version >= PASSING[name])
        contracts[name] = REGISTRY.get(name, draw(st.sampled_from(versions)))
    while gap := _gap(contracts):
        taker, source = gap
        # Almost any old version lacks an output that a newer one takes: discarding is too slow.
        raised = taker if contracts[source].version == REGISTRY.versions(source)[-1] else source
        contracts[raised] = REGISTRY.get(raised, REGISTRY.versions(raised)[-1])
    return contracts


def _gap(contracts: Mapping[str, Contract]) -> tuple[str, str] | None:
    """A module that takes an output which another lacks at its version, and that other one."""
    outputs = {f"{c.name}.{output.name}" for c in contracts.values() for output in c.outputs}
    for contract in contracts.values():
        for wire in contract.wiring:
            if wire.module in contracts and wire.source not in outputs:
                return contract.name, wire.module
    return None


@st.composite
def roles(draw: Draw, account: str) -> dict[str, Any]:
    """Roles of a schema: its owner and others, few connections each, and a reader of each secret.

    More connections than an instance allows, and a secret without readers, would be notes.
    """
    schema = draw(st.sampled_from(["app", "public", "ledger_2"]))
    reader = {"readers": [f"arn:aws:iam::{account}:role/app"]}
    kinds = draw(st.lists(st.sampled_from(["read-write", "read-only"]), max_size=2))
    return {
        f"role_{letter}": {"kind": kind, "schemas": [schema], "connection_limit": 1, **reader}
        | ({"iam_login": True} if draw(st.booleans()) else {})
        for letter, kind in zip("abc", ["owner", *kinds], strict=False)
    }


@st.composite
def environments(draw: Draw, name: str = "drawn", passing: bool = False) -> dict[str, Any]:
    """A whole environment file, as a value; JSON is how to write it.

    If ``passing``, only versions that pass every control are drawn, for tests that judge plans.
    """
    region = draw(st.sampled_from(covered_regions()))
    names = draw(
        st.lists(
            st.from_regex(r"[a-z][a-z0-9]{0,7}(-[a-z0-9]{1,5}){0,2}", fullmatch=True).filter(
                lambda key: key != "primary"  # FB245 refuses it.
            ),
            max_size=5,
            unique=True,
        )
    )
    backup, maintenance, own = draw(schedules(region, len(names)))
    class_ = draw(st.sampled_from(["public", "internal", "confidential", "restricted"]))
    strict = class_ in ("confidential", "restricted")
    protected = {"deletion_protection": True} if strict else {}
    fixed = {
        "network": draw(networks(region)),
        "database": {
            **draw(volumes()),
            **protected,
            **({"multi_az": True, "skip_final_snapshot": False} if strict else {}),
            "backup_window": backup,
            "maintenance_window": maintenance,
        },
        "cache": {"daily_snapshot_time": backup.partition("-")[0]},
        "kms": {"deletion_window_in_days": 30} if strict else {},
    }
    modules: dict[str, Any] = {}
    contracts = draw(pinned(passing))
    account = draw(st.from_regex("[0-9]{12}", fullmatch=True))
    for module in draw(st.permutations(REGISTRY.names)):
        contract = contracts[module]
        if contract.in_place_of:  # The drawn network is the other one.
            continue
        section: dict[str, Any] = {"version": str(contract.version)}
        if module == "roles":
            if not passing and draw(st.booleans()):
                continue
            section["roles"] = draw(roles(account))
            if passing and any(i.name == "pipeline_readers" for i in contract.inputs):
                section["pipeline_readers"] = [f"arn:aws:iam::{account}:role/plan"]
        elif contract.multiplicity != "many":
            section |= draw(inputs(contract, fixed.get(module, {})))
        elif names:
            section["instances"] = {
                key: draw(inputs(contract, {"maintenance_window": window, **protected}))
                for key, window in zip(names, own, strict=True)
            }
        else:
            continue
        section.pop("readers", None)  # They must be of the account.
        if passing and module == "secret":
            section["readers"] = [f"arn:aws:iam::{account}:role/plan"]
        if strict and section.get("recovery_window_in_days") == 0:
            del section["recovery_window_in_days"]
        if strict and section.get("keep_logs") is False:
            del section["keep_logs"]
        if section.get("rotation_period_in_days", 0) > 365:
            del section["rotation_period_in_days"]
        modules[module] = section
    project = st.from_regex(r"[a-z][a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,1}", fullmatch=True)
    return {
        "environment": name,
        "project": draw(project.filter(lambda text: not f"{text}-".startswith("sg-"))),
        "region": region,
        "account_id": account,
        "tags": {
            "owner": draw(tag_text),
            "data_classification": class_,
            "cost_centre": draw(tag_text),
            # AWS takes 50 tags; the file, 40 with the three above.
            **draw(
                st.dictionaries(
                    st.from_regex("t_[a-z0-9]{0,9}", fullmatch=True), tag_text, max_size=37
                )
            ),
        },
        "state": {
            "bucket": draw(st.from_regex("[a-z0-9][a-z0-9-]{1,30}[a-z0-9]", fullmatch=True)),
            "kms_key_id": draw(st.from_regex("alias/[a-zA-Z0-9/_-]{1,30}", fullmatch=True)),
        },
        "modules": modules,
    }
