"""Instances of the local RDS: their attributes.

Docstrings name the operation or data type in the API Reference of Amazon RDS that describes the
behaviour.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from moto.rds import models
from moto.rds.exceptions import DBSnapshotAlreadyExistsError

from finbase.sandbox.refusals.rds_state import family, is_major_upgrade

_MINOR_VERSIONS = {"14": "14.19", "15": "15.14", "16": "16.10", "17": "17.6", "18": "18.1"}
_DEFAULT_CA = "rds-ca-rsa2048-g1"
_STORAGE = ("allocated_storage", "iops", "storage_throughput")
_VERSION = "engine_version"
_PENDING = {
    "allocated_storage": "AllocatedStorage",
    "iops": "Iops",
    "storage_throughput": "StorageThroughput",
    _VERSION: "EngineVersion",
}
_THROUGHPUT_GROWS_AT = 400  # GiB, for Db2, MariaDB, MySQL and PostgreSQL


class DBInstance(models.DBInstance):
    """An instance with the attributes of DescribeDBInstances that moto lacks."""

    def __init__(self, backend: Any, **settings: Any) -> None:
        """DBInstance, CACertificateIdentifier: use a current CA by default."""
        settings["engine_version"] = _full_version(settings.get("engine_version"))
        super().__init__(backend, **{"ca_certificate_identifier": _DEFAULT_CA} | settings)
        self.dbi_resource_id = _resource_id()
        self._waiting: dict[str, Any] = {}
        self.performance_insights_enabled = bool(settings.get("enable_performance_insights"))
        self.performance_insights_kms_key_id = settings.get("performance_insights_kms_key_id")
        self.performance_insights_retention_period = settings.get(
            "performance_insights_retention_period",
            7 if self.performance_insights_enabled else None,
        )
        self.apply_storage_baseline()

    @property
    def enhanced_monitoring_resource_arn(self) -> str | None:
        """DBInstance, EnhancedMonitoringResourceArn: the log stream that receives the metrics."""
        if not self.monitoring_interval:
            return None
        return (
            f"arn:{self.partition}:logs:{self.region}:{self.account_id}:log-group:RDSOSMetrics:"
            f"log-stream:{self.dbi_resource_id}"
        )

    def default_db_parameter_group_details(self) -> tuple[str, str]:
        """DBParameterGroup: return the family of the version, and its default group."""
        name = family(str(self.engine), self.engine_version)
        return name, f"default.{name}"

    def postpone(self, settings: dict[str, Any]) -> dict[str, Any]:
        """ModifyDBInstance, ApplyImmediately: return the settings that are changed at once.

        With ApplyImmediately these include what waits for the maintenance window. AllocatedStorage:
        storage grows by 10 % at least.
        """
        if size := settings.get("allocated_storage"):
            old = int(self.allocated_storage)
            settings["allocated_storage"] = max(size, -(-old * 11 // 10)) if size > old else size
        if settings.get("apply_immediately"):
            waiting, self._waiting = self._waiting, {}
            return waiting | settings
        names = [*_STORAGE]
        if is_major_upgrade(self, settings.get(_VERSION)):
            names += [_VERSION, "db_parameter_group_name"]
        now = {name: value for name, value in settings.items() if name not in names}
        for name in names:
            if settings.get(name) not in (None, getattr(self, name)):
                self._waiting[name] = settings[name]
        return now

    @property
    def pending_modified_values(self) -> dict[str, Any]:
        """DBInstance, PendingModifiedValues: what waits, but for the parameter group."""
        return {
            shown: _full_version(self._waiting[name]) if name == _VERSION else self._waiting[name]
            for name, shown in _PENDING.items()
            if name in self._waiting
        }

    @property
    def has_postgres(self) -> bool:
        """Whether the instance has a PostgreSQL of its own."""
        return self.engine == "postgres" and not self.is_replica

    @property
    def endpoint(self) -> dict[str, Any] | None:  # type: ignore[override]
        """Endpoint: None until the instance has been created."""
        if self.status == "creating":
            return None
        zone = hashlib.sha256(self.region.encode()).hexdigest()[:13].upper()
        return super().endpoint | {"HostedZoneId": f"Z{zone}"}

    def apply_storage_baseline(self) -> None:
        """DBInstance, Iops: set the baseline of gp3 (User Guide, "DB instance storage")."""
        if self.storage_type == "gp3":
            large = int(self.allocated_storage) >= _THROUGHPUT_GROWS_AT
            self.iops = self.iops or (12_000 if large else 3_000)  # type: ignore[assignment]
            self.storage_throughput = self.storage_throughput or (500 if large else 125)

    def save_automated_backup(self) -> None:
        """CreateDBInstance, BackupRetentionPeriod: save a backup unless the period is 0.

        moto names a backup by instance and minute, so one of a deleted instance may exist.
        """
        if self.backup_retention_period:
            with suppress(DBSnapshotAlreadyExistsError):
                super().save_automated_backup()

    def update(self, **settings: Any) -> None:  # type: ignore[override]
        """ModifyDBInstance: change the settings; add to and remove from the exported logs."""
        if settings.get("engine_version"):
            settings["engine_version"] = _full_version(settings["engine_version"])
        enabled = settings.pop("enable_performance_insights", None)
        if enabled is not None:
            self.performance_insights_enabled = enabled
        logs = settings.pop("cloudwatch_logs_export_configuration", None) or {}
        exports = set(self.enabled_cloudwatch_logs_exports) | set(logs.get("EnableLogTypes", []))
        super().update(**settings)
        exports -= set(logs.get("DisableLogTypes", []))
        self.enabled_cloudwatch_logs_exports = sorted(exports)
        self.apply_storage_baseline()


def engine_versions() -> list[dict[str, str]]:
    """DescribeDBEngineVersions: return the newest PostgreSQL of each major version.

    AWS also lists older minor versions, and other engines.
    """
    return [
        {
            "Engine": "postgres",
            "EngineVersion": version,
            "MajorEngineVersion": major,
            "DBParameterGroupFamily": family("postgres", version),
            "DBEngineDescription": "PostgreSQL",
            "DBEngineVersionDescription": f"PostgreSQL {version}-R1",
            "Status": "available",
        }
        for major, version in _MINOR_VERSIONS.items()
    ]


def rename_in_replicas(instances: Iterable[models.DBInstance], old: str, new: str) -> None:
    """ModifyDBInstance, NewDBInstanceIdentifier: rename an instance in replicas and sources."""
    for instance in instances:
        instance.replicas = [new if name == old else name for name in instance.replicas]
        if instance.source_db_instance_identifier == old:
            instance.source_db_instance_identifier = new


def _full_version(version: str | None) -> str | None:
    """DBInstance, EngineVersion: return the full version, also for a major version.

    >>> _full_version("17"), _full_version("16.4"), _full_version(None)
    ('17.6', '16.4', None)
    """
    return _MINOR_VERSIONS.get(version or "", version)


def _resource_id() -> str:
    """DBInstance, DbiResourceId: return a unique id, which stays the same after a rename."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return "db-" + "".join(secrets.choice(alphabet) for _ in range(26))
