"""Values that the examples of several rules share."""

from __future__ import annotations

from typing import Any, Final

from finbase.environment.rules.rule import Change

APP: Final = {"kind": "read-write", "schemas": ["app"]}
OWNER: Final = {"kind": "owner", "schemas": ["app"]}


def zones(*names: str, start: str = "10.20") -> dict[str, Any]:
    """Return zones with three subnets each, in the /16 range that starts with ``start``."""
    return {
        name: {
            "public_cidr": f"{start}.{index}.0/24",
            "private_cidr": f"{start}.{16 * (index + 1)}.0/20",
            "database_cidr": f"{start}.{8 + index}.0/24",
        }
        for index, name in enumerate(names)
    }


def network(start: str) -> Change:
    """Return a whole network in the /16 range that starts with ``start``."""
    two_zones = zones("eu-west-1a", "eu-west-1b", start=start)
    return {"network.cidr": f"{start}.0.0/16", "network.zones": two_zones}


def existing_zones(*names: str, same: int = 0) -> dict[str, Any]:
    """Return zones with three existing subnets each; the last ``same`` are the first one again."""
    tiers = [(zone, tier) for zone in names for tier in ("public", "private", "database")]
    ids = [f"subnet-0123456789abcde{number:02x}" for number in range(len(tiers))]
    ids[len(ids) - same :] = ids[:1] * same
    return {
        zone: {f"{t}_subnet_id": id_ for (z, t), id_ in zip(tiers, ids, strict=True) if z == zone}
        for zone in names
    }


def central_egress(*, public: bool = False) -> Change:
    """Return an existing network with a transit gateway to the internet, in two zones."""
    zones = existing_zones("eu-west-1a", "eu-west-1b")
    left = ("private_subnet_id", "database_subnet_id", *["public_subnet_id"] * public)
    return {
        "existing_network.zones": {z: {n: zones[z][n] for n in left} for z in zones},
        "existing_network.central_egress": {
            "transit_gateway_id": "tgw-0123456789abcdef0",
            "reason": "The platform team inspects all traffic to the internet",
        },
    }


def client(name: str = "office", **more: Any) -> dict[str, Any]:
    """Return clients of ``access`` with one entry, which has ``more`` as well."""
    return {
        name: {
            "to": ["database"],
            "description": "Office",
            "reason": "Operators look at the ledger",
            **more,
        }
    }


def peered(name: str = "office", **more: Any) -> dict[str, Any]:
    """Return routes of ``network`` with one entry, which has ``more`` as well."""
    return {
        name: {
            "tiers": ["database"],
            "destination_cidr": "10.80.0.0/16",
            "reason": "Operators look at the ledger",
            "transit_gateway_id": "tgw-0123456789abcdef0",
            **more,
        }
    }
