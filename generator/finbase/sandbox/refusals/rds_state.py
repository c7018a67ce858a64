"""What the local RDS has, and what an instance has after a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.models import rds_backends

from finbase.sandbox.refusals.rule import Request


def settings(request: Request) -> Mapping[str, Any]:
    """Return the settings that an instance has after the request, by AWS's names."""
    base = named(request) if request.operation == "ModifyDBInstance" else original(request)
    return _describe(base) | {k: v for k, v in request.params.items() if v is not None}


def current(request: Request) -> Mapping[str, Any]:
    """Return the settings of the instance that the request names; empty if there is none."""
    return _describe(named(request))


def named(request: Request) -> Any:
    """Return the instance that the request names, or None."""
    return _find(request, "DBInstanceIdentifier")


def source(request: Request) -> Any:
    """Return the instance that the request copies, or None."""
    return _find(request, "SourceDBInstanceIdentifier")


def original(request: Request) -> Any:
    """Return the instance that the request copies, also from a snapshot, or None."""
    if request.operation != "RestoreDBInstanceFromDBSnapshot":
        return source(request)
    name = request.params.get("DBSnapshotIdentifier")
    snapshot = request.of(rds_backends).database_snapshots.get(name)
    return snapshot.database if snapshot is not None else None


def is_major_upgrade(instance: Any, version: str | None) -> bool:
    """Return whether a version has a higher major number than the one that an instance runs."""
    if not version:
        return False
    return _major(instance.engine, version) > _major(instance.engine, str(instance.engine_version))


def family(engine: str, version: str) -> str:
    """Return the family of parameter groups of an engine's version.

    >>> family("postgres", "17.6"), family("mysql", "8.4.3")
    ('postgres17', 'mysql8.4')
    """
    return engine + ".".join(map(str, _major(engine, version)))


def numbers(version: str) -> list[int]:
    """Return the numbers of a version.

    >>> numbers("17.6") > numbers("17"), numbers("8.0.mysql_aurora.3")
    (True, [8, 0, 3])
    """
    return [int(part) for part in version.split(".") if part.isdigit()] or [0]


def _describe(instance: Any) -> dict[str, Any]:
    if instance is None:
        return {}
    return {
        "AllocatedStorage": int(instance.allocated_storage),
        "DBParameterGroupName": instance.db_parameter_group_name,
        "Engine": instance.engine,
        "EngineVersion": instance.engine_version,
        "KmsKeyId": instance.kms_key_id,
        "PreferredBackupWindow": instance.preferred_backup_window,
        "PreferredMaintenanceWindow": instance.preferred_maintenance_window,
        "StorageType": instance.storage_type,
    }


def _major(engine: str, version: str) -> list[int]:
    """Return the numbers of a major version: one for PostgreSQL, two for MySQL and MariaDB."""
    return numbers(version)[: 1 if engine == "postgres" else 2]


def _find(request: Request, parameter: str) -> Any:
    name = (request.params.get(parameter) or "").rpartition(":")[2]
    databases = request.of(rds_backends).databases
    return databases.get(name) or databases.get(name.lower())
