"""Rules about the storage of RDS instances: sizes, IOPS, throughput and their ratios."""

from __future__ import annotations

from finbase.sandbox.refusals.rds_state import current, settings
from finbase.sandbox.refusals.rule import API, COMBINATION, INSTANCES, Request, rule

_STRIPED_AT = {"db2-ae": 400, "db2-se": 400, "mariadb": 400, "mysql": 400, "postgres": 400}
"""GiB from which gp3 has more than its baseline, by engine; the table has no other engine."""

_SIZES = {"gp2": (20, 65_536), "gp3": (20, 65_536), "io1": (100, 65_536), "io2": (100, 65_536)}
_IOPS = (12_000, 64_000)
_THROUGHPUT = (500, 4_000)
_THROUGHPUT_PER_IOPS = 0.25


@rule(INSTANCES, COMBINATION, f"{API}CreateDBInstance.html")
def invalid_size(request: Request) -> str | None:
    """The type of storage limits its size."""
    after = settings(request)
    size, kind, engine = (
        request.params.get("AllocatedStorage"),
        after.get("StorageType"),
        after.get("Engine"),
    )
    if size is None or engine not in _STRIPED_AT:
        return None
    lowest, highest = _SIZES.get(kind or "gp2", (5, 3_072))
    if lowest <= size <= highest:
        return None
    return f"Invalid storage size for engine name {engine} and storage type {kind}: {size}"


@rule("rds ModifyDBInstance", COMBINATION, "AmazonRDS/latest/UserGuide/CHAP_Storage.html")
def shrinking(request: Request) -> str | None:
    """Storage never gets smaller."""
    new, old = request.params.get("AllocatedStorage"), current(request).get("AllocatedStorage")
    if new is None or old is None or new >= old:
        return None
    after = settings(request)
    return (
        f"Invalid storage size for engine name {after['Engine']} and storage type "
        f"{after['StorageType']}: {new}"
    )


@rule(INSTANCES, COMBINATION, "ministryofjustice/cloud-platform-environments/pull/24422")
def low_maximum(request: Request) -> str | None:
    """The maximum of autoscaling is more than the storage; in a change, the same turns it off."""
    maximum, size = (
        request.params.get("MaxAllocatedStorage"),
        settings(request).get("AllocatedStorage"),
    )
    if maximum is None or size is None:
        return None
    if maximum == size and request.operation == "ModifyDBInstance":
        return None
    if maximum <= size:
        return "Max storage size must be greater than storage size"
    if maximum * 10 < size * 11:
        return "The maximum allocated storage must be increased by at least 10 percent."
    return None


@rule(INSTANCES, COMBINATION, "hashicorp/terraform-provider-aws/pull/28243")
def iops_below_threshold(request: Request) -> str | None:
    """Small gp3 storage has its baseline only."""
    after = settings(request)
    size, engine = after.get("AllocatedStorage"), str(after.get("Engine"))
    named = any(request.params.get(name) for name in ("Iops", "StorageThroughput"))
    threshold = _STRIPED_AT.get(engine)
    if not named or after.get("StorageType") != "gp3" or threshold is None or size is None:
        return None
    if size >= threshold:
        return None
    return (
        f"You can't specify IOPS or storage throughput for engine {engine} and a storage size less "
        f"than {threshold}."
    )


@rule(INSTANCES, COMBINATION, "AmazonRDS/latest/UserGuide/CHAP_Storage.html")
def iops_out_of_range(request: Request) -> str | None:
    """gp3 has a range of IOPS; gp2 and magnetic storage have none to choose."""
    after = settings(request)
    iops, kind, engine = request.params.get("Iops"), after.get("StorageType"), after.get("Engine")
    if iops is None or engine not in _STRIPED_AT or kind in (None, "io1", "io2"):
        return None
    if kind == "gp3" and _IOPS[0] <= iops <= _IOPS[1]:
        return None
    return f"Invalid iops value for engine name {engine} and storage type {kind}: {iops}"


@rule(INSTANCES, COMBINATION, "AmazonRDS/latest/UserGuide/CHAP_Storage.html")
def throughput_out_of_range(request: Request) -> str | None:
    """gp3 has a range of throughput; no other type has throughput to choose."""
    after = settings(request)
    throughput, kind = request.params.get("StorageThroughput"), after.get("StorageType")
    if throughput is None or after.get("Engine") not in _STRIPED_AT:
        return None
    if kind == "gp3" and _THROUGHPUT[0] <= throughput <= _THROUGHPUT[1]:
        return None
    return (
        f"Invalid storage throughput value for engine name {after['Engine']} and storage type "
        f"{kind}: {throughput}"
    )


@rule(INSTANCES, COMBINATION, "AmazonRDS/latest/UserGuide/CHAP_Storage.html")
def throughput_ratio(request: Request) -> str | None:
    """gp3 has at most a quarter of a MiB/s for each of its IOPS."""
    throughput = request.params.get("StorageThroughput")
    iops = request.params.get("Iops") or _IOPS[0]
    if not throughput or throughput <= iops * _THROUGHPUT_PER_IOPS:
        return None
    after = settings(request)
    return (
        f"Invalid storage throughput to iops ratio for engine name {after.get('Engine')} and "
        f"storage type {after.get('StorageType')}: {throughput / iops:.4f}"
    )


@rule(INSTANCES, COMBINATION, f"{API}CreateDBInstance.html")
def iops_ratio(request: Request) -> str | None:
    """io1 and io2 have between half and 50 times as many IOPS as GiB."""
    after, iops = settings(request), request.params.get("Iops")
    size = after.get("AllocatedStorage")
    if not iops or not size or after.get("StorageType") not in ("io1", "io2"):
        return None
    if 0.5 <= iops / size <= 50:
        return None
    return (
        f"Invalid iops to storage (GB) ratio for engine name {after.get('Engine')} and storage "
        f"type {after['StorageType']}: {iops / size:.4f}"
    )


@rule("rds ModifyDBInstance", COMBINATION, "hashicorp/terraform-provider-aws/issues/33512")
def size_without_iops(request: Request) -> str | None:
    """Size and IOPS of storage with IOPS are changed together."""
    before = current(request)
    threshold = _STRIPED_AT.get(str(before.get("Engine")))
    if threshold is None or before.get("StorageType") not in ("gp3", "io1", "io2"):
        return None
    if before["StorageType"] == "gp3" and before["AllocatedStorage"] < threshold:
        return None
    if (request.params.get("AllocatedStorage") is None) == (request.params.get("Iops") is None):
        return None
    return (
        "You must specify both the storage size and iops when modifying the storage size or iops "
        "on a DB instance that has iops."
    )
