"""One valid environment of this project's modules, and changes of it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from finbase.contract.registry import Registry
from finbase.environment.rules.examples import existing_zones, zones
from finbase.environment.rules.rule import Change
from finbase.environment.schema import TOP_VALUES

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = Registry(ROOT)
NEWEST = {name: str(REGISTRY.current(name).version) for name in REGISTRY.names}
_TOP = ("environment", *TOP_VALUES)

SAMPLE: dict[str, Any] = {
    "environment": "production",
    "project": "ledger",
    "region": "eu-west-1",
    "account_id": "111122223333",
    "tags": {
        "owner": "payments-platform",
        "data_classification": "restricted",
        "cost_centre": "CC-4711",
    },
    "state": {"bucket": "ledger-production-state", "kms_key_id": "alias/terraform-state"},
    "modules": {
        "kms": {"version": NEWEST["kms"]},
        "network": {
            "version": NEWEST["network"],
            "cidr": "10.20.0.0/16",
            "zones": zones("eu-west-1a", "eu-west-1b"),
        },
        "database": {
            "version": NEWEST["database"],
            "engine_version": "17",
            "instance_class": "db.r7g.large",
            "database_name": "ledger",
            "username": "ledger_owner",
            "allocated_storage": 400,
            "max_allocated_storage": 1000,
        },
        "replica": {
            "version": NEWEST["replica"],
            "instances": {"reporting": {"instance_class": "db.r7g.large"}},
        },
        "secret": {"version": NEWEST["secret"]},
        "roles": {
            "version": NEWEST["roles"],
            "roles": {
                "app": {
                    "kind": "owner",
                    "schemas": ["app"],
                    "readers": ["arn:aws:iam::111122223333:role/app"],
                }
            },
        },
        "cache": {"version": NEWEST["cache"]},
        "access": {"version": NEWEST["access"]},
        "monitoring": {
            "version": NEWEST["monitoring"],
            "email_addresses": ["oncall@ledger.example"],
        },
    },
}

EXISTING_NETWORK: dict[str, Any] = {
    "version": NEWEST["existing_network"],
    "vpc_id": "vpc-0123456789abcdef0",
    "cidr": "10.20.0.0/16",
    "zones": existing_zones("eu-west-1a", "eu-west-1b"),
    "endpoints_security_group_id": "sg-0123456789abcdef0",
}
"""What stands in the place of ``network`` in the sample, if a change is about it."""


def changed(change: Change, of: dict[str, Any] | None = None) -> dict[str, Any]:
    """The sample with other values; its zones follow another region, its readers an account."""
    result: dict[str, Any] = copy.deepcopy(SAMPLE if of is None else of)
    if any(way.startswith("existing_network") for way in change):
        del result["modules"]["network"]
        result["modules"]["existing_network"] = copy.deepcopy(EXISTING_NETWORK)
    for way, value in change.items():
        _put(result, _steps(way), value)
    if change.keys() == {"region"}:
        places = result["modules"]["network"]["zones"]
        moved = {f"{change['region']}{zone[-1]}": ranges for zone, ranges in places.items()}
        result["modules"]["network"]["zones"] = moved
    if change.keys() == {"account_id"} and (roles := result["modules"].get("roles")):
        for role in roles["roles"].values():
            role["readers"] = [f"arn:aws:iam::{change['account_id']}:role/app"]
    return result


def write(root: Path, environment: dict[str, Any], name: str | None = None) -> Path:
    """The environment as a file of the project at ``root``, called as it calls itself."""
    path = root / "environments" / f"{name or environment['environment']}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(environment, ensure_ascii=False), encoding="utf-8")
    return path


def _steps(way: str) -> list[str]:
    """The keys on a way: a key that holds a dot is always the last one."""
    most = 5 if ".instances." in way else 4 if ".zones." in way else 2
    steps = way.split(".", most - 1)
    return steps if steps[0] in _TOP else ["modules", *steps]


def _put(tree: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        tree = tree.setdefault(step, {})
    tree[steps[-1]] = value
    if steps == ["modules", "cache"] and value is None:  # The environment leaves the module out.
        del tree["cache"]
