"""Rules about RDS instances: identifiers, passwords, windows, versions, classes and networks."""

from __future__ import annotations

import re

from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends

from finbase.aws.keywords import KEYWORDS
from finbase.aws.windows import DAY, LEAST, daily, overlap, weekly
from finbase.sandbox.refusals import kms, policies
from finbase.sandbox.refusals.rds_state import named, numbers, settings
from finbase.sandbox.refusals.rule import API, COMBINATION, INSTANCES, VALUE, Request, rule

_IDENTIFIERS = """
    DBInstanceIdentifier DBParameterGroupName DBSnapshotIdentifier
    FinalDBSnapshotIdentifier NewDBInstanceIdentifier TargetDBInstanceIdentifier
    TargetDBSnapshotIdentifier
""".split()
_LONGEST_PASSWORDS = {"mariadb": 41, "mysql": 41}
_NAMED = (
    f"{INSTANCES} CopyDBSnapshot CreateDBParameterGroup CreateDBSnapshot DeleteDBInstance "
    "ModifyDBParameterGroup"
)
_NEW = "rds CreateDBInstance ModifyDBInstance"
_LONGEST_NAMES = {"mariadb": 64, "mysql": 64, "postgres": 63}
_NAMES = {
    "DBName": frozenset({"rdsadmin", "template0", "template1"}),
    "MasterUsername": frozenset({"admin", "public", "rdsadmin", "rds_superuser"}),
}
"""What RDS reserves besides, by member."""

_OTHER_VERSIONS = {"mariadb": range(10, 20), "mysql": range(5, 10)}
"""The major versions of other engines, and some that may follow."""


@rule(_NAMED, VALUE, f"{API}CreateDBInstance.html")
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


@rule(_NEW, VALUE, f"{API}CreateDBInstance.html")
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


@rule("rds CreateDBInstance", VALUE, f"{API}CreateDBInstance.html")
def invalid_name(request: Request) -> str | None:
    """Databases and master users have letters, digits and underscores, and start with a letter."""
    engine = request.params.get("Engine")
    for member in _NAMES:
        name, longest = request.params.get(member), _LONGEST_NAMES.get(engine or "")
        valid = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name or "")
        if name and longest and (not valid or len(name) > longest):
            return (
                f"{member} must start with a letter and contain only alphanumeric characters, "
                f"{longest} of them at most."
            )
    return None


@rule("rds CreateDBInstance", VALUE, "DataShades/ckan-aws-templates/issues/6")
def reserved_name(request: Request) -> str | None:
    """A database or master user has no name that PostgreSQL or RDS reserves."""
    for member, own in _NAMES.items():
        name = request.params.get(member) or ""
        if request.params.get("Engine") == "postgres" and (
            name.lower() in KEYWORDS | own or (member, name[:3]) == ("MasterUsername", "pg_")
        ):
            return f"{member} {name} cannot be used as it is a reserved word used by the engine"
    return None


@rule(f"{INSTANCES} PromoteReadReplica", VALUE, f"{API}CreateDBInstance.html")
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


@rule(_NEW, VALUE, "hashicorp/terraform-provider-aws/issues/49828")
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


@rule(INSTANCES, COMBINATION, "tryretool/terraform-retool-modules/issues/70")
def unknown_version(request: Request) -> str | None:
    """An instance has a version of its engine that RDS offers; those of PostgreSQL are listed."""
    engine, new = settings(request).get("Engine"), request.params.get("EngineVersion")
    if not new or engine not in _LONGEST_NAMES:
        return None
    major = numbers(new)[0]
    if engine != "postgres":
        valid = major in _OTHER_VERSIONS[engine]
    else:
        offered = request.catalogue.versions("postgres")
        valid = bool(re.fullmatch(r"\d+(\.\d+)?", new)) and str(major) in offered
    return None if valid else f"Cannot find version {new} for {engine}"


@rule(INSTANCES, VALUE, "ryanmurakami/trash-panda-buffet/issues/5")
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


@rule(INSTANCES, VALUE, f"{API}CreateDBInstance.html")
def unknown_group(request: Request) -> str | None:
    """The security groups of an instance exist."""
    for group in request.params.get("VpcSecurityGroupIds") or ():
        if request.of(ec2_backends).get_security_group_from_id(group) is None:
            return f"Invalid security group , groupId= {group}, groupName=."
    return None


@rule(INSTANCES, COMBINATION, "terraform-aws-modules/terraform-aws-rds/issues/451")
def other_network(request: Request) -> str | None:
    """The security groups of an instance are in the VPC of its subnets."""
    name = request.params.get("DBSubnetGroupName") or ""
    own = getattr(named(request), "db_subnet_group", None)
    subnets = request.of(rds_backends).subnet_groups.get(name) or own
    for name in request.params.get("VpcSecurityGroupIds") or ():
        group = request.of(ec2_backends).get_security_group_from_id(name)
        if subnets is not None and group is not None and group.vpc_id != subnets.vpc_id:
            return (
                "The DB instance and EC2 security group are in different VPCs. The DB instance is "
                f"in {subnets.vpc_id} and the EC2 security group is in {group.vpc_id}"
            )
    return None


@rule("rds ModifyDBInstance", COMBINATION, f"{API}ModifyDBInstance.html")
def interval_without_role(request: Request) -> str | None:
    """Enhanced Monitoring has a role."""
    instance = named(request)
    role = request.params.get("MonitoringRoleArn") or getattr(instance, "monitoring_role_arn", None)
    if not request.params.get("MonitoringInterval") or role:
        return None
    return (
        "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other "
        "than 0."
    )


@rule(
    "rds CreateDBInstance CreateDBInstanceReadReplica ModifyDBInstance",
    VALUE,
    "hashicorp/terraform/issues/5455",
)
def unusable_role(request: Request) -> str | None:
    """The role of Enhanced Monitoring exists, and the service can take it."""
    role = request.params.get("MonitoringRoleArn")
    if not role or policies.trusts(request, role, "monitoring.rds.amazonaws.com"):
        return None
    return (
        "IAM role ARN value is invalid or does not include the required permissions for: "
        "ENHANCED_MONITORING"
    )


@rule(
    "rds CreateDBInstance CreateDBInstanceReadReplica ModifyDBInstance",
    COMBINATION,
    "hashicorp/terraform-provider-aws/issues/3015",
)
def insights_off(request: Request) -> str | None:
    """Performance Insights is on where its retention or its key is set."""
    if request.params.get("EnablePerformanceInsights"):
        return None
    change = request.operation == "ModifyDBInstance"
    on = change and getattr(named(request), "performance_insights_enabled", False)
    # A request that ends Performance Insights may still have its settings.
    if change and request.params.get("EnablePerformanceInsights") is not None:
        return None
    for member in ("PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod"):
        if request.params.get(member) and not (on and member.endswith("Period")):
            return f"Can not set {member} without EnablePerformanceInsights"
    return None


@rule("rds ModifyDBInstance", COMBINATION, "hashicorp/terraform-provider-aws/issues/44046")
def other_insights_key(request: Request) -> str | None:
    """Performance Insights keeps its first key."""
    new, instance = request.params.get("PerformanceInsightsKMSKeyId"), named(request)
    if not new or instance is None or not instance.performance_insights_enabled:
        return None
    old = instance.performance_insights_kms_key_id or "alias/aws/rds"
    known = kms.find(request, old)
    if new == old or (known is not None and kms.find(request, new) is known):
        return None
    return "You can't change your Performance Insights KMS key."
