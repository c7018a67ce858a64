"""The local RDS does what AWS does, where moto by itself does not.

"API" is the API Reference of Amazon RDS, at the operation or data type that is named; "Guide" is
its User Guide; "observed" is what users of AWS report, and no page of it tells.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from finbase.sandbox.postgres.client import accepts, query
from finbase.sandbox.postgres.find import PostgresError
from finbase.sandbox.server import Sandbox, databases, maintain

FIRST, SECOND = "the-first-of-two", "the-second-of-two"


@pytest.fixture
def rds(client: Callable[..., Any]) -> Any:
    return client("rds")


@pytest.fixture
def make(rds: Any, name: str) -> Callable[..., dict[str, Any]]:
    """Make an instance without a database behind it, since MySQL has none here."""

    def make(**options: object) -> dict[str, Any]:
        given: dict[str, object] = {
            "DBInstanceIdentifier": name,
            "DBInstanceClass": "db.t4g.medium",
            "Engine": "mysql",
            "MasterUsername": "owner",
            "MasterUserPassword": FIRST,
            "AllocatedStorage": 20,
            "StorageType": "gp3",
        }
        return dict(rds.create_db_instance(**given | options)["DBInstance"])

    return make


@pytest.fixture(scope="module", autouse=True)
def primary(client: Callable[..., Any]) -> str:
    """The name of an instance with a database, which starts while the first tests run.

    API, DBInstance: DBInstanceStatus is ``creating`` first, and then Endpoint "might not be shown".
    Modifying it is refused: InvalidDBInstanceState.
    """
    rds, name = client("rds"), f"t{uuid.uuid4().hex[:12]}"
    made = rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        EngineVersion="17",
        MasterUsername="owner",
        MasterUserPassword=FIRST,
        DBName="ledger",
        AllocatedStorage=20,
        MultiAZ=True,
        BackupRetentionPeriod=7,
    )["DBInstance"]
    assert made["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in made
    with pytest.raises(rds.exceptions.InvalidDBInstanceStateFault):
        rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword=SECOND)
    return name


def described(rds: Any, name: str) -> dict[str, Any]:
    return dict(rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])


# What an instance is -------------------------------------------------------------------------


def test_describe_instance_has_settings(
    make: Callable[..., Any], rds: Any, name: str, key: str
) -> None:
    """API, DBInstance: PerformanceInsightsEnabled and its like; DbiResourceId is a "Region-unique,
    immutable identifier", and one of the filters of API, DescribeDBInstances."""
    given = {
        "EnablePerformanceInsights": True,
        "PerformanceInsightsKMSKeyId": key,
        "PerformanceInsightsRetentionPeriod": 93,
    }
    shown = {
        "PerformanceInsightsEnabled": True,
        "PerformanceInsightsKMSKeyId": key,
        "PerformanceInsightsRetentionPeriod": 93,
    }
    made = make(**given)
    read = described(rds, name)
    assert shown.items() <= read.items()
    other = make(DBInstanceIdentifier=f"{name}b")
    assert made["DbiResourceId"] == read["DbiResourceId"] != other["DbiResourceId"]
    (found,) = rds.describe_db_instances(
        Filters=[{"Name": "dbi-resource-id", "Values": [read["DbiResourceId"]]}]
    )["DBInstances"]
    assert found["DBInstanceIdentifier"] == name


def test_modify_enables_performance_insights(make: Callable[..., Any], rds: Any, name: str) -> None:
    """API, ModifyDBInstance: EnablePerformanceInsights."""
    assert make()["PerformanceInsightsEnabled"] is False
    rds.modify_db_instance(DBInstanceIdentifier=name, EnablePerformanceInsights=True)
    assert described(rds, name)["PerformanceInsightsEnabled"] is True


def test_create_uses_default_ca(make: Callable[..., Any]) -> None:
    """API, DescribeCertificates: there is a "system default CA for the Region". That it is
    rds-ca-rsa2048-g1 is observed."""
    assert make()["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"


@pytest.mark.parametrize(
    "password",
    ["short7!", "x" * 42, "with a space", "with/slash", "with@sign", 'a "quote"', "ütf-8é"],
)
def test_password_characters(make: Callable[..., Any], rds: Any, name: str, password: str) -> None:
    """API, CreateDBInstance, MasterUserPassword: "Can include any printable ASCII character except"
    a slash, a quote and an at sign; "RDS for MySQL - Must contain from 8 to 41 characters".
    Observed, in the message of the error: except a space as well."""
    with pytest.raises(ClientError, match="MasterUserPassword"):
        make(MasterUserPassword=password)
    make(MasterUserPassword=r"all!#$%&'()*+,-.:;<=>?[\]^_`{|}~")
    with pytest.raises(ClientError, match="MasterUserPassword"):
        rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword=password)


def test_password_length_by_engine(make: Callable[..., Any]) -> None:
    """API, CreateDBInstance, MasterUserPassword: "RDS for PostgreSQL - Must contain from 8 to 128
    characters"."""
    with pytest.raises(ClientError, match="MasterUserPassword"):
        make(Engine="postgres", MasterUserPassword="x" * 129)
    make(MasterUserPassword="x" * 41)


@pytest.mark.parametrize(
    ("given", "baseline"),
    [
        ({}, (3000, 125)),
        ({"AllocatedStorage": 400}, (12000, 500)),
        ({"AllocatedStorage": 400, "Iops": 20000, "StorageThroughput": 700}, (20000, 700)),
    ],
)
def test_create_gp3_baseline(
    make: Callable[..., Any], given: dict[str, int], baseline: tuple[int, int]
) -> None:
    """Guide, "Amazon RDS DB instance storage", gp3: 3,000 IOPS and 125 MiB/s; 12,000 and 500 from
    400 GiB on."""
    made = make(**given)
    assert (made["Iops"], made["StorageThroughput"]) == baseline


def test_create_refuses_overlapping_windows(make: Callable[..., Any], name: str) -> None:
    """API, CreateDBInstance, PreferredBackupWindow: "Must not conflict with the preferred
    maintenance window". That one does not that begins when the other ends is inferred."""
    make(PreferredBackupWindow="03:00-04:00", PreferredMaintenanceWindow="mon:04:00-mon:05:00")
    with pytest.raises(ClientError, match="must not overlap"):
        make(
            DBInstanceIdentifier=f"{name}b",
            PreferredBackupWindow="03:00-04:01",
            PreferredMaintenanceWindow="mon:04:00-mon:05:00",
        )


@pytest.mark.parametrize("days", [0, 7])
def test_create_makes_backup_if_retained(
    make: Callable[..., Any], rds: Any, name: str, days: int
) -> None:
    """API, CreateDBInstance, BackupRetentionPeriod: "Setting this parameter to 0 disables automated
    backups". Here another instance of the same name may be backed up in the same minute."""
    for _ in range(2):
        make(BackupRetentionPeriod=days)
        backups = rds.describe_db_snapshots(DBInstanceIdentifier=name, SnapshotType="automated")
        assert len(backups["DBSnapshots"]) == bool(days)
        rds.delete_db_instance(
            DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False
        )


def test_storage_waits_for_window(
    make: Callable[..., Any], rds: Any, name: str, sandbox: Sandbox
) -> None:
    """Guide, "Settings for DB instances": a change of the storage "occurs during the next
    maintenance window", unless at once; that of its maximum "occurs immediately"."""
    make(AllocatedStorage=100)

    def state() -> tuple[int, int, int, dict[str, int]]:
        read = described(rds, name)
        sizes = read["AllocatedStorage"], read["MaxAllocatedStorage"], read["Iops"]
        return *sizes, read["PendingModifiedValues"]

    rds.modify_db_instance(
        DBInstanceIdentifier=name, AllocatedStorage=450, MaxAllocatedStorage=900, Iops=12000
    )
    assert state() == (100, 900, 3000, {"AllocatedStorage": 450, "Iops": 12000})
    assert name in maintain(sandbox)
    assert state() == (450, 900, 12000, {})
    assert name not in maintain(sandbox)


def test_modify_exported_logs(make: Callable[..., Any], rds: Any, name: str) -> None:
    """API, ModifyDBInstance, CloudwatchLogsExportConfiguration; that it says twice what is exported
    already is inferred to be no error."""
    make(EnableCloudwatchLogsExports=["error", "general"])
    rds.modify_db_instance(
        DBInstanceIdentifier=name,
        CloudwatchLogsExportConfiguration={
            "EnableLogTypes": ["error", "slowquery"],
            "DisableLogTypes": ["general"],
        },
    )
    assert described(rds, name)["EnabledCloudwatchLogsExports"] == ["error", "slowquery"]


# Replicas ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "grown"), [(105, 110), (110, 110), (125, 125), (100, 100)])
def test_storage_grows_by_a_tenth(
    make: Callable[..., Any], rds: Any, name: str, size: int, grown: int
) -> None:
    """API, ModifyDBInstance, AllocatedStorage: "Values that are not at least 10% greater than the
    existing value are rounded up so that they are 10% greater than the current value"."""
    make(AllocatedStorage=100)
    rds.modify_db_instance(DBInstanceIdentifier=name, AllocatedStorage=size, ApplyImmediately=True)
    assert described(rds, name)["AllocatedStorage"] == grown


def test_replica_inherits_from_source(
    make: Callable[..., Any], rds: Any, name: str, key: str
) -> None:
    """API, CreateDBInstanceReadReplica: "RDS creates read replicas with backups disabled. All other
    attributes … are inherited from the source DB instance or cluster, except as specified". That
    log exports, Performance Insights and tags are not, each a parameter of its own, is inferred."""
    source = make(
        BackupRetentionPeriod=7,
        EnableCloudwatchLogsExports=["error"],
        EnablePerformanceInsights=True,
        StorageEncrypted=True,
        KmsKeyId=key,
        Tags=[{"Key": "a", "Value": "b"}],
    )
    replica = f"{name}-r"
    rds.create_db_instance_read_replica(
        DBInstanceIdentifier=replica,
        SourceDBInstanceIdentifier=name,
        DBInstanceClass="db.r7g.large",
    )
    read = described(rds, replica)
    assert read["ReadReplicaSourceDBInstanceIdentifier"] == name
    assert described(rds, name)["ReadReplicaDBInstanceIdentifiers"] == [replica]
    for field in ("Engine", "EngineVersion", "KmsKeyId", "StorageEncrypted", "MasterUsername"):
        assert read[field] == source[field]
    assert read["DbiResourceId"] != source["DbiResourceId"]
    assert read["DBInstanceClass"] == "db.r7g.large"
    assert read["BackupRetentionPeriod"] == 0
    assert read["PerformanceInsightsEnabled"] is False
    assert not read.get("EnabledCloudwatchLogsExports")
    assert not read["TagList"]
    rds.modify_db_instance(
        DBInstanceIdentifier=replica,
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["general"]},
    )
    assert described(rds, name)["EnabledCloudwatchLogsExports"] == ["error"]
    rds.delete_db_instance(DBInstanceIdentifier=replica, SkipFinalSnapshot=True)
    assert not described(rds, name).get("ReadReplicaDBInstanceIdentifiers")


def test_replica_requires_backups(make: Callable[..., Any], rds: Any, name: str) -> None:
    """API, CreateDBInstanceReadReplica: the source "must have backup retention enabled". The
    error's name is inferred."""
    make(BackupRetentionPeriod=0)
    with pytest.raises(rds.exceptions.InvalidDBInstanceStateFault, match="backups"):
        rds.create_db_instance_read_replica(
            DBInstanceIdentifier=f"{name}-r", SourceDBInstanceIdentifier=name
        )


# Deleting ------------------------------------------------------------------------------------


def test_delete_refuses_protected_instance(make: Callable[..., Any], rds: Any, name: str) -> None:
    """API, CreateDBInstance, DeletionProtection: "The database can't be deleted when deletion
    protection is enabled"."""
    make(DeletionProtection=True)
    with pytest.raises(ClientError, match="disable deletion protection"):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_delete_requires_snapshot_choice(make: Callable[..., Any], rds: Any, name: str) -> None:
    """API, DeleteDBInstance, SkipFinalSnapshot: "If you don't enable this parameter, you must
    specify the FinalDBSnapshotIdentifier parameter"; FinalDBSnapshotIdentifier: "If you enable this
    parameter and also enable SkipFinalShapshot, the command results in an error"."""
    make()
    for options in ({}, {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": f"{name}-last"}):
        with pytest.raises(ClientError, match="InvalidParameterCombination"):
            rds.delete_db_instance(DBInstanceIdentifier=name, **options)
    rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=f"{name}-last")
    (last,) = rds.describe_db_snapshots(DBSnapshotIdentifier=f"{name}-last")["DBSnapshots"]
    assert last["DBInstanceIdentifier"] == name


def test_delete_refuses_groups_in_use(
    make: Callable[..., Any], rds: Any, name: str, subnets: list[str]
) -> None:
    """API, DeleteDBParameterGroup: "can't be associated with any DB instances".
    API, DeleteDBSubnetGroup: "must not be associated with any DB instances"."""
    rds.create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="-", SubnetIds=subnets
    )
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="mysql8.0", Description="-"
    )
    make(DBSubnetGroupName=name, DBParameterGroupName=name)
    with pytest.raises(rds.exceptions.InvalidDBParameterGroupStateFault):
        rds.delete_db_parameter_group(DBParameterGroupName=name)
    with pytest.raises(rds.exceptions.InvalidDBSubnetGroupStateFault):
        rds.delete_db_subnet_group(DBSubnetGroupName=name)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.delete_db_parameter_group(DBParameterGroupName=name)
    rds.delete_db_subnet_group(DBSubnetGroupName=name)


def test_subnet_group_gets_subnets(rds: Any, name: str, subnets: list[str]) -> None:
    """API, ModifyDBSubnetGroup: "Modifies an existing DB subnet group"."""
    rds.create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="-", SubnetIds=subnets[:2]
    )
    rds.modify_db_subnet_group(DBSubnetGroupName=name, SubnetIds=subnets)
    [group] = rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"]
    assert {subnet["SubnetIdentifier"] for subnet in group["Subnets"]} == set(subnets)
    assert group["DBSubnetGroupDescription"] == "-"
    rds.delete_db_subnet_group(DBSubnetGroupName=name)


# Parameters and subscriptions ----------------------------------------------------------------


def test_describe_parameters_by_source(rds: Any, name: str) -> None:
    """API, DescribeDBParameters, Source: user, system or engine-default; that the first is what was
    set is inferred. API, Parameter, ApplyMethod."""
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres17", Description="-"
    )
    given = {"ParameterName": "log_statement", "ParameterValue": "ddl", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=[given])
    (read,) = rds.describe_db_parameters(DBParameterGroupName=name, Source="user")["Parameters"]
    assert (given | {"Source": "user"}).items() <= read.items()
    system = rds.describe_db_parameters(DBParameterGroupName=name, Source="system")
    assert system["Parameters"] == []


@pytest.fixture
def topic(client: Callable[..., Any]) -> str:
    return str(client("sns").create_topic(Name="a")["TopicArn"])


def test_modify_subscription_keeps_rest(rds: Any, name: str, topic: str) -> None:
    """API, ModifyEventSubscription: every parameter but the name is optional."""
    rds.create_event_subscription(
        SubscriptionName=name,
        SnsTopicArn=topic,
        SourceType="db-instance",
        EventCategories=["failure"],
        Enabled=True,
    )
    rds.modify_event_subscription(SubscriptionName=name, EventCategories=["backup"])
    (read,) = rds.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"]
    assert read["EventCategoriesList"] == ["backup"]
    assert read["SnsTopicArn"] == topic
    with pytest.raises(rds.exceptions.SubscriptionNotFoundFault):
        rds.modify_event_subscription(SubscriptionName=f"{name}x", Enabled=False)


def test_sources_of_a_subscription(rds: Any, name: str, topic: str) -> None:
    """API, AddSourceIdentifierToSubscription and RemoveSourceIdentifierFromSubscription, and their
    errors. That a source can be removed whose instance is gone is inferred."""
    for instance in (name, f"{name}-2"):
        rds.create_db_instance(
            DBInstanceIdentifier=instance,
            DBInstanceClass="db.t4g.micro",
            Engine="mysql",
            ManageMasterUserPassword=True,
        )
    rds.create_event_subscription(
        SubscriptionName=name, SnsTopicArn=topic, SourceType="db-instance", SourceIds=[name]
    )
    source = {"SubscriptionName": name, "SourceIdentifier": f"{name}-2"}
    for _ in range(2):
        added = rds.add_source_identifier_to_subscription(**source)["EventSubscription"]
        assert added["SourceIdsList"] == [name, f"{name}-2"]
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-2", SkipFinalSnapshot=True)
    with pytest.raises(rds.exceptions.SourceNotFoundFault):
        rds.add_source_identifier_to_subscription(
            SubscriptionName=name, SourceIdentifier=f"{name}-3"
        )
    rds.remove_source_identifier_from_subscription(**source)
    (read,) = rds.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"]
    assert read["SourceIdsList"] == [name]
    with pytest.raises(rds.exceptions.SourceNotFoundFault):
        rds.remove_source_identifier_from_subscription(**source)
    with pytest.raises(rds.exceptions.SubscriptionNotFoundFault):
        rds.add_source_identifier_to_subscription(
            SubscriptionName=f"{name}x", SourceIdentifier=name
        )


# An instance and its database ----------------------------------------------------------------


def ready(rds: Any, name: str) -> str:
    """Wait for an instance, and give its host name."""
    end = time.monotonic() + 60
    while (instance := described(rds, name))["DBInstanceStatus"] == "creating":
        assert time.monotonic() < end
        time.sleep(0.02)
    assert instance["DBInstanceStatus"] == "available"
    return str(instance["Endpoint"]["Address"])


def accepted(host: str, behind: dict[str, Any], *more: str) -> set[str]:
    return {
        password
        for password in (FIRST, SECOND, *more)
        if accepts(
            host,
            behind["port"],
            Path(behind["root_certificate"]),
            username=behind["username"],
            password=password,
            database=behind["database"],
        )
    }


def test_modify_password_reaches_database(rds: Any, sandbox: Sandbox, primary: str) -> None:
    """API, DBInstance: Endpoint. API, ModifyDBInstance, MasterUserPassword: "asynchronously
    applied as soon as possible"."""
    host = ready(rds, primary)
    assert described(rds, primary)["Endpoint"]["Port"] == 5432
    assert host.startswith(f"{primary}.")
    assert host.endswith(".eu-west-1.rds.amazonaws.com")

    behind = databases(sandbox)[host]
    known = (behind["identifier"], behind["username"], behind["database"])
    assert known == (primary, "owner", "ledger")
    for password in (SECOND, FIRST):
        rds.modify_db_instance(DBInstanceIdentifier=primary, MasterUserPassword=password)
        assert databases(sandbox)[host]["password"] == password
        assert accepted(host, behind) == {password}


def test_restore_to_a_point_in_time(rds: Any, sandbox: Sandbox, primary: str) -> None:
    """API, RestoreDBInstanceToPointInTime: "Restores a DB instance to an arbitrary point in time";
    the source stays. Here any time is the latest restorable one."""
    host, restored = ready(rds, primary), f"{primary}-p"
    behind = databases(sandbox)[host]
    [password] = accepted(host, behind)
    run(behind, host, password, "CREATE TABLE point AS SELECT 7 AS amount")
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=primary,
        TargetDBInstanceIdentifier=restored,
        UseLatestRestorableTime=True,
    )
    new_host = ready(rds, restored)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in described(rds, restored)
    behind = databases(sandbox)[new_host]
    assert run(behind, new_host, password, "SELECT amount FROM point") == "7"
    rds.delete_db_instance(DBInstanceIdentifier=restored, SkipFinalSnapshot=True)
    run(databases(sandbox)[host], host, password, "DROP TABLE point")


def test_restore_after_rename(rds: Any, sandbox: Sandbox, primary: str) -> None:
    """API, RestoreDBInstanceFromDBSnapshot: "rename your original DB instance before you call";
    the new one gets the old name. Guide, "Renaming a DB instance": the endpoint changes, the old
    name is gone at once, replicas stay, and a name that is taken is refused. The password is what
    it was in the database at the time of the snapshot, whoever had set it."""
    host = ready(rds, primary)
    rotated, renamed, replica = "set-by-a-rotation", f"{primary}-old", f"{primary}-r"
    before = described(rds, primary)
    set_by_its_owner(host, databases(sandbox)[host], FIRST, rotated)
    made = databases(sandbox)[host]
    run(made, host, rotated, "CREATE TABLE entry AS SELECT 42 AS amount")
    rds.create_db_snapshot(DBInstanceIdentifier=primary, DBSnapshotIdentifier=f"{primary}-s")
    run(made, host, rotated, "DELETE FROM entry")
    set_by_its_owner(host, databases(sandbox)[host], rotated, FIRST)
    rds.create_db_instance_read_replica(
        DBInstanceIdentifier=replica, SourceDBInstanceIdentifier=primary
    )
    with pytest.raises(rds.exceptions.DBInstanceAlreadyExistsFault):
        rds.modify_db_instance(DBInstanceIdentifier=primary, NewDBInstanceIdentifier=replica)

    rds.modify_db_instance(
        DBInstanceIdentifier=primary, NewDBInstanceIdentifier=renamed, ApplyImmediately=True
    )
    with pytest.raises(rds.exceptions.DBInstanceNotFoundFault):
        described(rds, primary)
    old = described(rds, renamed)
    assert old["DbiResourceId"] == before["DbiResourceId"]
    assert old["ReadReplicaDBInstanceIdentifiers"] == [replica]
    copy = described(rds, replica)
    assert copy["ReadReplicaSourceDBInstanceIdentifier"] == renamed
    assert copy["DBInstanceClass"] == before["DBInstanceClass"]
    new_host = old["Endpoint"]["Address"]
    assert new_host == host.replace(primary, renamed)
    assert host not in databases(sandbox)
    behind = databases(sandbox)[new_host]
    assert behind["identifier"] == renamed
    assert accepted(new_host, behind) == {FIRST}
    with pytest.raises(PostgresError, match="certificate"):
        accepted(host, behind)

    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=primary, DBSnapshotIdentifier=f"{primary}-s"
    )
    assert ready(rds, primary) == host
    restored = described(rds, primary)
    assert restored["DbiResourceId"] != before["DbiResourceId"]
    assert (before["MultiAZ"], restored["MultiAZ"]) == (True, False)
    behind = databases(sandbox)[host]
    assert accepted(host, behind, rotated) == {rotated}
    assert run(behind, host, rotated, "SELECT amount FROM entry") == "42"
    rds.modify_db_instance(DBInstanceIdentifier=primary, MasterUserPassword=SECOND)
    assert accepted(host, behind, rotated) == {SECOND}
    rds.modify_db_instance(DBInstanceIdentifier=renamed, MasterUserPassword=FIRST)
    assert accepted(new_host, databases(sandbox)[new_host]) == {FIRST}

    for name in (replica, renamed):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.delete_db_instance(DBInstanceIdentifier=primary, SkipFinalSnapshot=True)
    assert not {host, new_host} & set(databases(sandbox))
    assert not list(sandbox.log.parent.glob(f"database-{primary}*"))
    with pytest.raises(PostgresError):
        accepted(host, behind)


def set_by_its_owner(host: str, behind: dict[str, Any], password: str, new: str) -> None:
    """Change the master user's password in the database, as a rotation does."""
    run(behind, host, password, f"ALTER ROLE {behind['username']} PASSWORD '{new}'")


def run(behind: dict[str, Any], host: str, password: str, sql: str) -> str:
    """Run SQL as the master user."""
    return query(
        sql,
        host,
        behind["port"],
        Path(behind["root_certificate"]),
        username=behind["username"],
        password=password,
        database=behind["database"],
    )


@pytest.mark.parametrize("interval", [0, 15])
def test_monitored_instance_has_a_log_stream(
    make: Callable[..., dict[str, Any]], monitoring_role: str, interval: int
) -> None:
    """API, DBInstance, EnhancedMonitoringResourceArn: the log stream that receives the metrics."""
    monitored = {"MonitoringInterval": interval, "MonitoringRoleArn": monitoring_role}
    made = make(**monitored if interval else {})
    stream = f":log-group:RDSOSMetrics:log-stream:{made['DbiResourceId']}"
    assert made.get("EnhancedMonitoringResourceArn", "").endswith(stream) == bool(interval)


def test_certificates_end_late(rds: Any, make: Callable[..., dict[str, Any]]) -> None:
    """API, DescribeCertificates; Guide, "Certificate authorities": that of an instance ends in
    2061."""
    used = make()["CACertificateIdentifier"]
    (one,) = rds.describe_certificates(CertificateIdentifier=used)["Certificates"]
    assert one["CertificateIdentifier"] == used
    assert one["ValidTill"].year == 2061
    assert len(rds.describe_certificates()["Certificates"]) == 3
    with pytest.raises(ClientError, match="CertificateNotFound"):
        rds.describe_certificates(CertificateIdentifier="rds-ca-1999")


def test_engine_versions_have_that_of_an_instance(rds: Any, name: str) -> None:
    """API, DescribeDBEngineVersions: Engine and EngineVersion choose."""
    instance = rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        EngineVersion="17",
        AllocatedStorage=20,
        ManageMasterUserPassword=True,
    )["DBInstance"]
    asked = {"Engine": "postgres", "EngineVersion": instance["EngineVersion"]}
    (version,) = rds.describe_db_engine_versions(**asked)["DBEngineVersions"]
    assert version["DBParameterGroupFamily"] == "postgres17"
    assert len(rds.describe_db_engine_versions()["DBEngineVersions"]) > 1
    assert rds.describe_db_engine_versions(Engine="mysql")["DBEngineVersions"] == []
