"""Instances of the local RDS: what they tell, and what they are refused.

The source is the API Reference of Amazon RDS, at the operation or data type that is named.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from moto.rds import models
from moto.rds.exceptions import (
    DBSnapshotAlreadyExistsError,
    InvalidParameterCombination,
    InvalidParameterValue,
)
from moto.rds.utils import valid_preferred_maintenance_window

__all__ = ["DBInstance", "check_last_snapshot", "check_password", "follow", "window_problem"]

_MINOR_VERSIONS = {"14": "14.19", "15": "15.14", "16": "16.10", "17": "17.6", "18": "18.1"}
_DEFAULT_CA = "rds-ca-rsa2048-g1"
_THROUGHPUT_GROWS_AT = 400  # GiB, for Db2, MariaDB, MySQL and PostgreSQL
_LONGEST_PASSWORDS = {"mariadb": 41, "mysql": 41}


class DBInstance(models.DBInstance):
    """An instance with what DescribeDBInstances tells besides what moto keeps."""

    def __init__(self, backend: Any, **given: Any) -> None:
        """DBInstance, CACertificateIdentifier: the region's default is one that signs now."""
        given["engine_version"] = _full_version(given.get("engine_version"))
        super().__init__(backend, **{"ca_certificate_identifier": _DEFAULT_CA} | given)
        self.dbi_resource_id = _resource_id()
        self.performance_insights_enabled = bool(given.get("enable_performance_insights"))
        self.performance_insights_kms_key_id = given.get("performance_insights_kms_key_id")
        self.performance_insights_retention_period = given.get(
            "performance_insights_retention_period",
            7 if self.performance_insights_enabled else None,
        )
        self.apply_storage_baseline()

    @property
    def backed(self) -> bool:
        """Whether a database of its own is behind it."""
        return self.engine == "postgres" and not self.is_replica

    @property
    def endpoint(self) -> dict[str, Any] | None:  # type: ignore[override]
        """Endpoint: there is none until the instance has been created."""
        if self.status == "creating":
            return None
        zone = hashlib.sha256(self.region.encode()).hexdigest()[:13].upper()
        return super().endpoint | {"HostedZoneId": f"Z{zone}"}

    def apply_storage_baseline(self) -> None:
        """DBInstance, Iops: gp3 has a baseline (User Guide, "DB instance storage")."""
        if self.storage_type == "gp3":
            large = int(self.allocated_storage) >= _THROUGHPUT_GROWS_AT
            self.iops = self.iops or (12_000 if large else 3_000)  # type: ignore[assignment]
            self.storage_throughput = self.storage_throughput or (500 if large else 125)

    def save_automated_backup(self) -> None:
        """CreateDBInstance, BackupRetentionPeriod: 0 disables automated backups.

        Their names have the minute, and another instance of the name may have had its own in it.
        """
        if self.backup_retention_period:
            with suppress(DBSnapshotAlreadyExistsError):
                super().save_automated_backup()

    def update(self, **given: Any) -> None:  # type: ignore[override]
        """ModifyDBInstance: what it is given; the logs that are exported are a set."""
        if given.get("engine_version"):
            given["engine_version"] = _full_version(given["engine_version"])
        enabled = given.pop("enable_performance_insights", None)
        if enabled is not None:
            self.performance_insights_enabled = enabled
        logs = given.pop("cloudwatch_logs_export_configuration", None) or {}
        wanted = set(self.enabled_cloudwatch_logs_exports) | set(logs.get("EnableLogTypes", []))
        super().update(**given)
        self.enabled_cloudwatch_logs_exports = sorted(wanted - set(logs.get("DisableLogTypes", [])))
        self.apply_storage_baseline()


def check_password(password: str | None, engine: str) -> None:
    """CreateDBInstance, MasterUserPassword: printable ASCII characters, but for four.

    The reference names three, and RDS itself, in the message below, a space as well. There are at
    least 8 of them, and as many at most as the engine takes.
    """
    longest = _LONGEST_PASSWORDS.get(engine, 128)
    if password is not None and not re.fullmatch(rf"[!#-.0-?A-~]{{8,{longest}}}", password):
        raise InvalidParameterValue(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII "
            f"characters besides '/', '@', '\"', ' ' may be used, from 8 to {longest} of them."
        )


def check_last_snapshot(instance: DBInstance, name: str | None, skip: bool) -> None:
    """DeleteDBInstance: a last snapshot is made or skipped, and none is made of a replica."""
    if instance.is_replica and name:
        raise InvalidParameterCombination(
            "FinalDBSnapshotIdentifier cannot be specified when deleting a read replica"
        )
    if skip and name:
        raise InvalidParameterCombination(
            "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true"
        )
    if not skip and not name:
        raise InvalidParameterCombination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        )


def follow(instances: Iterable[models.DBInstance], old: str, new: str) -> None:
    """ModifyDBInstance, NewDBInstanceIdentifier: replicas and their source stay together."""
    for each in instances:
        each.replicas = [new if name == old else name for name in each.replicas]
        if each.source_db_instance_identifier == old:
            each.source_db_instance_identifier = new


def window_problem(maintenance: Any, backup: Any) -> str | None:
    """CreateDBInstance, PreferredBackupWindow: windows may not overlap; they may touch.

    Moto's own check takes the last minute of one and the first of the next for an overlap.
    """
    if backup:
        start, _, end = backup.partition("-")
        hours, minutes = (int(part) for part in end.split(":"))
        last = (hours * 60 + minutes - 1) % 1440
        backup = f"{start}-{last // 60:02}:{last % 60:02}"
    return valid_preferred_maintenance_window(maintenance, backup)


def _full_version(version: str | None) -> str | None:
    """DBInstance, EngineVersion: the version that runs, also where a major one was asked for."""
    return _MINOR_VERSIONS.get(version or "", version)


def _resource_id() -> str:
    """DBInstance, DbiResourceId: unique in the region, and the same whatever the name becomes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return "db-" + "".join(secrets.choice(alphabet) for _ in range(26))
