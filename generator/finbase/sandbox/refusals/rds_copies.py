"""Rules about replicas and restores of RDS instances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moto.rds.models import rds_backends

from finbase.sandbox.refusals.rds_state import named, original, source
from finbase.sandbox.refusals.rule import API, COMBINATION, VALUE, Request, rule


@rule(
    "rds RestoreDBInstanceToPointInTime",
    "PointInTimeRestoreNotEnabled",
    f"{API}RestoreDBInstanceToPointInTime.html",
)
def restore_without_backups(request: Request) -> str | None:
    """An instance is restored to a point in time from its automated backups."""
    copied = source(request)
    if copied is None or copied.backup_retention_period:
        return None
    return (
        "Point-in-time restore is not enabled for this DB instance: its backup retention period "
        "is 0."
    )


@rule("rds RestoreDBInstanceToPointInTime", VALUE, f"{API}RestoreDBInstanceToPointInTime.html")
def unrestorable_time(request: Request) -> str | None:
    """A restore's time is in the past, and in the time of the backups."""
    copied, asked = source(request), request.params.get("RestoreTime")
    if copied is None or asked is None:
        return None
    at = asked if isinstance(asked, datetime) else datetime.fromisoformat(str(asked))
    at, now = at if at.tzinfo else at.replace(tzinfo=UTC), datetime.now(UTC)
    if at > now:
        return f"The specified instance cannot be restored to a time later than {now:%FT%TZ}"
    kept = now - timedelta(days=copied.backup_retention_period)
    made = copied.created.replace(microsecond=0)
    first = max(kept, made if made.tzinfo else made.replace(tzinfo=UTC))
    if copied.backup_retention_period and at < first:
        return f"The specified instance cannot be restored to a time earlier than {first:%FT%TZ}"
    return None


@rule(
    "rds RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime",
    COMBINATION,
    f"{API}RestoreDBInstanceFromDBSnapshot.html",
)
def other_engine(request: Request) -> str | None:
    """A restored instance has the engine of its source; from MySQL, also MariaDB."""
    copied, new = original(request), request.params.get("Engine")
    if copied is None or not new or (copied.engine, new) == ("mysql", "mariadb"):
        return None
    if copied.engine.partition("-")[0] == new.partition("-")[0]:  # The rest is an edition.
        return None
    return (
        f"The engine name requested for your DB instance ({new}) doesn't match the engine name of "
        f"its source ({copied.engine})."
    )


@rule("rds PromoteReadReplica", "InvalidDBInstanceState", f"{API}PromoteReadReplica.html")
def not_a_replica(request: Request) -> str | None:
    """Only a replica is promoted."""
    instance = named(request)
    if instance is None or instance.is_replica:
        return None
    return f"DB instance {instance.db_instance_identifier} is not a read replica."


@rule("rds ModifyDBInstance", COMBINATION, "terraform-aws-modules/terraform-aws-rds/issues/526")
def password_of_replica(request: Request) -> str | None:
    """A replica of PostgreSQL has the password of its source."""
    instance = named(request)
    if instance is None or not request.params.get("MasterUserPassword"):
        return None
    if instance.engine != "postgres" or not instance.is_replica:
        return None
    return (
        "Cannot change master user password on an RDS postgres Read Replica because it uses "
        "physical replication and therefore cannot differ from its parent."
    )


@rule(
    "rds CreateDBInstanceReadReplica",
    "InvalidDBSubnetGroupFault",
    f"{API}CreateDBInstanceReadReplica.html",
)
def replicas_of_two_networks(request: Request) -> str | None:
    """The replicas of an instance are in one VPC."""
    copied, backend = source(request), request.of(rds_backends)
    group = backend.subnet_groups.get(request.params.get("DBSubnetGroupName") or "")
    for name in copied.replicas if copied is not None and group is not None else ():
        other = getattr(backend.databases.get(name), "db_subnet_group", None)
        if other is not None and other.vpc_id != group.vpc_id:
            return (
                f"The DBSubnetGroup {group.name} doesn't belong to the same VPC as that of an "
                f"existing read replica of the same source instance: {other.vpc_id}."
            )
    return None


@rule("rds CreateDBInstanceReadReplica", COMBINATION, f"{API}CreateDBInstanceReadReplica.html")
def encrypted_alone(request: Request) -> str | None:
    """A replica is encrypted if its source is."""
    copied = source(request)
    if copied is None or copied.storage_encrypted or not request.params.get("KmsKeyId"):
        return None
    return "You can't create an encrypted read replica from an unencrypted DB instance."


@rule(
    "rds CreateDBInstanceReadReplica", VALUE, "terraform-aws-modules/terraform-aws-rds/issues/532"
)
def managed_password(request: Request) -> str | None:
    """An instance whose password RDS manages has no replicas."""
    copied = source(request)
    if copied is None or not copied.manage_master_user_password:
        return None
    if copied.engine.startswith("sqlserver"):
        return None
    return (
        f"Creating read replicas for source instance with engine {copied.engine} where "
        "ManageMasterUserPassword is enabled is not supported."
    )
