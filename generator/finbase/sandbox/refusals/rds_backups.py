"""Rules about backups, logs, keys and deletion of RDS instances."""

from __future__ import annotations

from moto.rds.models import rds_backends

from finbase.sandbox.refusals import kms
from finbase.sandbox.refusals.rds_state import named, settings, source
from finbase.sandbox.refusals.rule import API, COMBINATION, COPIES, INSTANCES, VALUE, Request, rule

_LOGS = frozenset({"iam-db-auth-error", "postgresql", "upgrade"})


@rule("rds CreateDBInstance ModifyDBInstance", VALUE, f"{API}ModifyDBInstance.html")
def invalid_retention(request: Request) -> str | None:
    """Backups are kept for 0 to 35 days; not for 0 if the instance has replicas."""
    days = request.params.get("BackupRetentionPeriod")
    if days is None:
        return None
    if not 0 <= days <= 35:
        return f"Invalid backup retention period: {days}. Must be between 0 and 35."
    instance = named(request)
    if days == 0 and instance is not None and instance.replicas:
        return "Automated backups cannot be disabled: the DB instance is a source to read replicas."
    return None


@rule(
    "rds CreateDBInstanceReadReplica",
    "InvalidDBInstanceState",
    f"{API}CreateDBInstanceReadReplica.html",
)
def source_without_backups(request: Request) -> str | None:
    """A replica's source has automated backups."""
    copied = source(request)
    if copied is None or copied.backup_retention_period:
        return None
    return (
        "Automated backups are not enabled for this database instance. To enable automated "
        "backups, use ModifyDBInstance to set the backup retention period to a non-zero value."
    )


@rule(INSTANCES, COMBINATION, f"{API}CreateDBInstance.html")
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


@rule("rds CreateDBInstance", COMBINATION, "floci-io/floci/pull/2617")
def key_without_encryption(request: Request) -> str | None:
    """A key is named only for storage that is encrypted."""
    if request.params.get("KmsKeyId") and not request.params.get("StorageEncrypted"):
        return "You must enable StorageEncrypted when you specify KmsKeyId"
    return None


@rule(f"rds CreateDBInstance {COPIES}", "KMSKeyNotAccessibleFault", f"{API}CreateDBInstance.html")
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


@rule("rds DeleteDBInstance", COMBINATION, f"{API}DeleteDBInstance.html")
def protected(request: Request) -> str | None:
    """A protected instance is not deleted."""
    instance = named(request)
    if instance is not None and instance.deletion_protection:
        return (
            "Cannot delete protected DB Instance, please disable deletion protection and try again."
        )
    return None


@rule("rds DeleteDBInstance", COMBINATION, f"{API}DeleteDBInstance.html")
def final_snapshot(request: Request) -> str | None:
    """A final snapshot is either named or skipped; a replica has none."""
    instance = named(request)
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


@rule(
    "rds DeleteDBInstance CreateDBSnapshot",
    "DBSnapshotAlreadyExists",
    "cloud-custodian/cloud-custodian/issues/309",
)
def snapshot_exists(request: Request) -> str | None:
    """A snapshot has a name of its own."""
    names = ("FinalDBSnapshotIdentifier", "DBSnapshotIdentifier")
    for name in filter(None, (request.params.get(key) for key in names)):
        if name in request.of(rds_backends).database_snapshots:
            return (
                f"Cannot create the snapshot because a snapshot with the identifier {name} "
                "already exists."
            )
    return None
