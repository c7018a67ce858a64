"""Rules about RDS: identifiers, windows, storage, versions, groups, monitoring and deletion.

Each function returns AWS's message if a request breaks its rule. ``table`` names the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends

from finbase.aws.windows import DAY, LEAST, daily, overlap, weekly
from finbase.sandbox.refusals import kms
from finbase.sandbox.refusals.rule import Request

_IDENTIFIERS = (
    "DBInstanceIdentifier",
    "DBParameterGroupName",
    "DBSnapshotIdentifier",
    "FinalDBSnapshotIdentifier",
    "NewDBInstanceIdentifier",
    "TargetDBInstanceIdentifier",
)
_LONGEST_PASSWORDS = {"mariadb": 41, "mysql": 41}
_RESERVED_USERS = frozenset({"admin", "postgres", "public", "rdsadmin", "rds_superuser"})
_FAMILIES = frozenset({"mariadb", "mysql", "postgres"})
_LOGS = frozenset({"iam-db-auth-error", "postgresql", "upgrade"})


def invalid_identifier(request: Request) -> str | None:
    """Identifiers have letters, digits and single hyphens, and start with a letter."""
    for name in _IDENTIFIERS:
        value = request.params.get(name)
        # Default groups, which can be used but not changed, have a dot in their names.
        used_group = name == "DBParameterGroupName" and "ParameterGroup" not in request.operation
        # Automated snapshots, which can be restored but not made, have a prefix with a colon.
        restored = name == "DBSnapshotIdentifier" and request.operation != "CreateDBSnapshot"
        if value is None or restored or (used_group and value.startswith("default.")):
            continue
        longest = 63 if name.endswith("InstanceIdentifier") else 255
        valid = re.fullmatch(r"[A-Za-z](?:-?[A-Za-z0-9])*", value) and len(value) <= longest
        if not valid:
            return (
                f"The parameter {name} is not a valid identifier. Identifiers must begin with a "
                "letter; must contain only ASCII letters, digits, and hyphens; and must not end "
                "with a hyphen or contain two consecutive hyphens."
            )
    return None


def invalid_password(request: Request) -> str | None:
    """A password has printable ASCII characters except four; the engine limits its length.

    The reference names three of the four; the message, which is from RDS, also a space.
    """
    password = request.params.get("MasterUserPassword")
    longest = _LONGEST_PASSWORDS.get(str(settings(request).get("Engine")), 128)
    if password is None or re.fullmatch(rf"[!#-.0-?A-~]{{8,{longest}}}", password):
        return None
    return (
        "The parameter MasterUserPassword is not a valid password. Only printable ASCII "
        f"characters besides '/', '@', '\"', ' ' may be used, from 8 to {longest} of them."
    )


def reserved_user(request: Request) -> str | None:
    """The master user has no name that the engine reserves."""
    user = request.params.get("MasterUsername")
    if request.params.get("Engine") != "postgres" or user is None:
        return None
    if user.lower() in _RESERVED_USERS:
        return f"MasterUsername {user} cannot be used as it is a reserved word used by the engine"
    return None


def invalid_window(request: Request) -> str | None:
    """A window has AWS's format, and lasts at least 30 minutes; maintenance at most a day."""
    backup = request.params.get("PreferredBackupWindow")
    if backup is not None:
        every_day = daily(backup)
        if every_day is None:
            return (
                f"Invalid backup window format: {backup}. Should be specified as a range "
                "hh24:mi-hh24:mi (24H Clock UTC). Example: 00:00-00:30"
            )
        if every_day.length < LEAST:
            return "The backup window must be at least 30 minutes."
    maintenance = request.params.get("PreferredMaintenanceWindow")
    if maintenance is not None:
        every_week = weekly(maintenance.lower())
        if every_week is None:
            return (
                f"Invalid maintenance window format: {maintenance}. Should be specified as a range "
                "ddd:hh24:mi-ddd:hh24:mi (24H Clock UTC). Example: Sun:23:45-Mon:00:15"
            )
        if every_week.length < LEAST:
            return "The maintenance window must be at least 30 minutes."
        if every_week.length > DAY:
            return "Maintenance window must be less than 24 hours."
    return None


def overlapping_windows(request: Request) -> str | None:
    """The backup window and the maintenance window of an instance must not overlap.

    For a window that the request leaves out, the instance's own counts, or that of a replica's
    source. If there is none, RDS chooses one that does not overlap.
    """
    names = ("PreferredBackupWindow", "PreferredMaintenanceWindow")
    if not any(request.params.get(name) for name in names):
        return None
    backup, maintenance = (settings(request).get(name) for name in names)
    every_day, every_week = daily(backup or ""), weekly((maintenance or "").lower())
    if every_day and every_week and overlap(every_day, every_week):
        return "The backup window and maintenance window must not overlap."
    return None


def missing_upgrade_flag(request: Request) -> str | None:
    """A new major version needs the flag."""
    if _is_major_upgrade(request) and not request.params.get("AllowMajorVersionUpgrade"):
        return (
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major "
            "version."
        )
    return None


def downgrade(request: Request) -> str | None:
    """A version never goes down."""
    instance, new = _instance(request), request.params.get("EngineVersion")
    if instance is None or not new:
        return None
    old = str(instance.engine_version)
    # A major version alone, such as 17, is satisfied by each of its minor versions.
    if _numbers(new) < _numbers(old)[: len(_numbers(new))]:
        return f"Cannot upgrade {instance.engine} from {old} to {new}"
    return None


def unknown_version(request: Request) -> str | None:
    """An instance has a version of PostgreSQL that RDS offers."""
    after, new = settings(request), request.params.get("EngineVersion")
    if after.get("Engine") != "postgres" or not new:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", new) and str(_numbers(new)[0]) in request.catalogue.versions(
        "postgres"
    ):
        return None
    return f"Cannot find version {new} for postgres"


def unknown_class(request: Request) -> str | None:
    """An instance has a class that RDS offers for its engine."""
    name = request.params.get("DBInstanceClass")
    family, _, size = (name or "").rpartition(".")
    offered = request.catalogue.instance_classes()
    if settings(request).get("Engine") == "postgres":
        valid = size in offered.get(family, ())
    else:  # The list is that of PostgreSQL.
        valid = re.fullmatch(r"db\.[a-z0-9-]+\.[a-z0-9.]+", name or "") is not None
    return f"Invalid DB Instance class: {name}" if name and not valid else None


def unknown_group(request: Request) -> str | None:
    """The security groups of an instance exist."""
    for group in request.params.get("VpcSecurityGroupIds") or ():
        if _security_group(request, group) is None:
            return f"Invalid security group , groupId= {group}, groupName=."
    return None


def other_network(request: Request) -> str | None:
    """The security groups of an instance are in the VPC of its subnets."""
    instance = _instance(request)
    name = request.params.get("DBSubnetGroupName")
    subnets = _backend(request).subnet_groups.get(name or "") or getattr(
        instance, "db_subnet_group", None
    )
    for group in map(
        partial(_security_group, request), request.params.get("VpcSecurityGroupIds") or ()
    ):
        if subnets is not None and group is not None and group.vpc_id != subnets.vpc_id:
            return (
                "The DB instance and EC2 security group are in different VPCs. The DB instance is "
                f"in {subnets.vpc_id} and the EC2 security group is in {group.vpc_id}"
            )
    return None


def interval_without_role(request: Request) -> str | None:
    """Enhanced Monitoring has a role."""
    instance = _instance(request)
    role = request.params.get("MonitoringRoleArn") or getattr(instance, "monitoring_role_arn", None)
    if not request.params.get("MonitoringInterval") or role:
        return None
    return (
        "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other "
        "than 0."
    )


def restore_without_backups(request: Request) -> str | None:
    """An instance is restored to a point in time from its automated backups."""
    source = _find(request, request.params.get("SourceDBInstanceIdentifier"))
    if source is None or source.backup_retention_period:
        return None
    return (
        "Point-in-time restore is not enabled for this DB instance: its backup retention period "
        "is 0."
    )


def upgrade_keeps_group(request: Request) -> str | None:
    """A major upgrade of an instance with its own parameter group names another group."""
    if not _is_major_upgrade(request) or request.params.get("DBParameterGroupName"):
        return None
    group = settings(request).get("DBParameterGroupName")
    if group is None or group.startswith("default."):
        return None
    return (
        f"The current DB parameter group {group} is custom. You must explicitly specify a new DB "
        "parameter group, either default or custom, for the engine version upgrade."
    )


def other_family(request: Request) -> str | None:
    """A parameter group is of the family of the instance's engine version."""
    name = request.params.get("DBParameterGroupName")
    after = settings(request)
    if not name or after.get("Engine") not in _FAMILIES or not after.get("EngineVersion"):
        return None
    group = _backend(request).db_parameter_groups.get(name)
    default = name.removeprefix("default.") if name.startswith("default.") else None
    actual = group.family if group is not None else default
    needed = family(after["Engine"], after["EngineVersion"])
    if actual in (None, needed):
        return None
    return (
        f"The parameter group {name} with DBParameterGroupFamily {actual} can't be used for this "
        f"instance. Use a parameter group with DBParameterGroupFamily {needed}."
    )


def group_in_use(request: Request) -> str | None:
    """A parameter group that an instance uses is not deleted."""
    name = request.params.get("DBParameterGroupName")
    if any(_group(instance) == name for instance in _instances(request)):
        return (
            f"One or more database instances are still members of this parameter group {name}, so "
            "the group cannot be deleted"
        )
    return None


def subnets_in_use(request: Request) -> str | None:
    """A subnet group that an instance uses is not deleted."""
    name = request.params.get("DBSubnetGroupName")
    for instance in _instances(request):
        if getattr(getattr(instance, "db_subnet_group", None), "name", None) == name:
            return (
                f"Cannot delete the subnet group '{name}' because at least one database instance: "
                f"{instance.db_instance_identifier} is still using it."
            )
    return None


def invalid_retention(request: Request) -> str | None:
    """Backups are kept for 0 to 35 days; not for 0 if the instance has replicas."""
    days = request.params.get("BackupRetentionPeriod")
    if days is None:
        return None
    if not 0 <= days <= 35:
        return f"Invalid backup retention period: {days}. Must be between 0 and 35."
    instance = _instance(request)
    if days == 0 and instance is not None and instance.replicas:
        return "Automated backups cannot be disabled: the DB instance is a source to read replicas."
    return None


def source_without_backups(request: Request) -> str | None:
    """A replica's source has automated backups."""
    source = _find(request, request.params.get("SourceDBInstanceIdentifier"))
    if source is None or source.backup_retention_period:
        return None
    return (
        "Automated backups are not enabled for this database instance. To enable automated "
        "backups, use ModifyDBInstance to set the backup retention period to a non-zero value."
    )


def unknown_log(request: Request) -> str | None:
    """PostgreSQL exports three kinds of logs."""
    after = settings(request)
    if after.get("Engine") != "postgres":
        return None
    change = request.params.get("CloudwatchLogsExportConfiguration") or {}
    logs = request.params.get("EnableCloudwatchLogsExports") or change.get("EnableLogTypes") or ()
    if unknown := sorted(set(logs) - _LOGS):
        return (
            f"You cannot use the log types '{', '.join(unknown)}' with engine version "
            f"{after['Engine']} {after.get('EngineVersion')}. For supported log types, see the "
            "documentation."
        )
    return None


def key_without_encryption(request: Request) -> str | None:
    """A key is named only for storage that is encrypted."""
    if request.params.get("KmsKeyId") and not request.params.get("StorageEncrypted"):
        return "You must enable StorageEncrypted when you specify KmsKeyId"
    return None


def unusable_key(request: Request) -> str | None:
    """The key of storage, Performance Insights or a restored snapshot is enabled."""
    keys = [request.params.get(name) for name in ("KmsKeyId", "PerformanceInsightsKMSKeyId")]
    for key in filter(None, [*keys, settings(request).get("KmsKeyId")]):
        if state := kms.unusable_state(request, key):
            return (
                f"The specified KMS key [{key}] does not exist, is not enabled or you do not have "
                f"permissions to access it. Its state is {state}."
            )
    return None


def protected(request: Request) -> str | None:
    """A protected instance is not deleted."""
    instance = _instance(request)
    if instance is not None and instance.deletion_protection:
        return (
            "Cannot delete protected DB Instance, please disable deletion protection and try again."
        )
    return None


def final_snapshot(request: Request) -> str | None:
    """A final snapshot is either named or skipped; a replica has none."""
    instance = _instance(request)
    if instance is None:
        return None
    name, skip = (
        request.params.get(key) for key in ("FinalDBSnapshotIdentifier", "SkipFinalSnapshot")
    )
    if instance.is_replica and name:
        return "FinalDBSnapshotIdentifier cannot be specified when deleting a read replica"
    if skip and name:
        return "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true"
    if not skip and not name:
        return "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
    return None


def snapshot_exists(request: Request) -> str | None:
    """A snapshot has a name of its own."""
    names = ("FinalDBSnapshotIdentifier", "DBSnapshotIdentifier")
    for name in filter(None, (request.params.get(key) for key in names)):
        if name in _backend(request).database_snapshots:
            return (
                f"Cannot create the snapshot because a snapshot with the identifier {name} "
                "already exists."
            )
    return None


def settings(request: Request) -> Mapping[str, Any]:
    """Return the settings that an instance has after the request, by AWS's names."""
    base: Any = None
    match request.operation:
        case "ModifyDBInstance":
            base = _instance(request)
        case "CreateDBInstanceReadReplica":
            base = _find(request, request.params.get("SourceDBInstanceIdentifier"))
        case "RestoreDBInstanceToPointInTime":
            base = _find(request, request.params.get("SourceDBInstanceIdentifier"))
        case "RestoreDBInstanceFromDBSnapshot":
            name = request.params.get("DBSnapshotIdentifier")
            snapshot = _backend(request).database_snapshots.get(name)
            base = snapshot.database if snapshot is not None else None
    return _describe(base) | {k: v for k, v in request.params.items() if v is not None}


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


def current(request: Request) -> Mapping[str, Any]:
    """Return the settings of the instance that the request names; empty if there is none."""
    return _describe(_instance(request))


def _describe(instance: Any) -> dict[str, Any]:
    if instance is None:
        return {}
    return {
        "AllocatedStorage": int(instance.allocated_storage),
        "DBParameterGroupName": _group(instance),
        "Engine": instance.engine,
        "EngineVersion": instance.engine_version,
        "KmsKeyId": instance.kms_key_id,
        "PreferredBackupWindow": instance.preferred_backup_window,
        "PreferredMaintenanceWindow": instance.preferred_maintenance_window,
        "StorageType": instance.storage_type,
    }


def _is_major_upgrade(request: Request) -> bool:
    instance, new = _instance(request), request.params.get("EngineVersion")
    return instance is not None and is_major_upgrade(instance, new)


def _major(engine: str, version: str) -> list[int]:
    """Return the numbers of a major version: one for PostgreSQL, two for MySQL and MariaDB."""
    return _numbers(version)[: 1 if engine == "postgres" else 2]


def _numbers(version: str) -> list[int]:
    """Return the numbers of a version.

    >>> _numbers("17.6") > _numbers("17"), _numbers("8.0.mysql_aurora.3")
    (True, [8, 0, 3])
    """
    return [int(part) for part in version.split(".") if part.isdigit()] or [0]


def _group(instance: Any) -> str | None:
    name: str | None = instance.db_parameter_group_name
    return name


def _instance(request: Request) -> Any:
    """Return the instance that the request names, or None."""
    return _find(request, request.params.get("DBInstanceIdentifier"))


def _find(request: Request, identifier: str | None) -> Any:
    name = (identifier or "").rpartition(":")[2]
    databases = _backend(request).databases
    return databases.get(name) or databases.get(name.lower())


def _instances(request: Request) -> Iterable[Any]:
    return tuple(_backend(request).databases.values())


def _security_group(request: Request, group: str) -> Any:
    backend: Any = ec2_backends[request.account][request.region]
    return backend.get_security_group_from_id(group)


def _backend(request: Request) -> Any:
    return rds_backends[request.account][request.region]
