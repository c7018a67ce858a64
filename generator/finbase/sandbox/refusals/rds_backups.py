"""Rules about backups, logs, keys and deletion of RDS instances."""

from __future__ import annotations

from moto.rds.models import rds_backends

from finbase.sandbox.refusals import kms
from finbase.sandbox.refusals.rds_state import named, original, settings, source
from finbase.sandbox.refusals.rule import API, COMBINATION, INSTANCES, VALUE, Request, rule

_KEYS = ("KmsKeyId", "MasterUserSecretKmsKeyId", "PerformanceInsightsKMSKeyId")
_OF_MYSQL = frozenset({"audit", "error", "general", "iam-db-auth-error", "slowquery"})
_LOGS = {
    "mariadb": _OF_MYSQL,
    "mysql": _OF_MYSQL,
    "postgres": frozenset({"iam-db-auth-error", "postgresql", "upgrade"}),
}


@rule(f"{INSTANCES} PromoteReadReplica", VALUE, f"{API}ModifyDBInstance.html")
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
    """An engine exports the kinds of logs that it has."""
    after = settings(request)
    known = _LOGS.get(after.get("Engine", ""))
    if known is None:
        return None
    change = request.params.get("CloudwatchLogsExportConfiguration") or {}
    logs = request.params.get("EnableCloudwatchLogsExports") or change.get("EnableLogTypes") or ()
    if unknown := sorted(set(logs) - known):
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


@rule(INSTANCES, "KMSKeyNotAccessibleFault", f"{API}CreateDBInstance.html")
def unusable_key(request: Request) -> str | None:
    """The key of storage, a password or Performance Insights exists and is enabled."""
    for key in filter(None, map(request.params.get, _KEYS)):
        if state := kms.unusable_state(request, key):
            return _unusable(key, state)
    inherited = getattr(original(request), "kms_key_id", None)
    key = kms.find(request, inherited or "")  # None also for AWS's own.
    unusable = key is not None and key.key_state != "Enabled"
    return _unusable(key.arn, key.key_state) if unusable else None


def _unusable(key: str, state: str) -> str:
    return (
        f"The specified KMS key [{key}] does not exist, is not enabled or you do not have "
        f"permissions to access it. Its state is {state}."
    )


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
