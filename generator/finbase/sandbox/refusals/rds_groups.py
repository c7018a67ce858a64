"""Rules about new versions of RDS instances, and about their parameter groups."""

from __future__ import annotations

from moto.rds.models import rds_backends

from finbase.sandbox.refusals.rds_state import family, is_major_upgrade, named, numbers, settings
from finbase.sandbox.refusals.rule import API, COMBINATION, INSTANCES, Request, rule

_CHANGE = "rds ModifyDBInstance"
_FAMILIES = frozenset({"mariadb", "mysql", "postgres"})


@rule(_CHANGE, COMBINATION, "hashicorp/terraform/issues/22462")
def downgrade(request: Request) -> str | None:
    """A version never goes down."""
    instance, new = named(request), request.params.get("EngineVersion")
    if instance is None or not new:
        return None
    old = str(instance.engine_version)
    # A major version alone, such as 17, is satisfied by each of its minor versions.
    if numbers(new) < numbers(old)[: len(numbers(new))]:
        return f"Cannot upgrade {instance.engine} from {old} to {new}"
    return None


@rule(_CHANGE, COMBINATION, "hashicorp/terraform/issues/8468")
def missing_upgrade_flag(request: Request) -> str | None:
    """A new major version needs the flag."""
    if _is_upgrade(request) and not request.params.get("AllowMajorVersionUpgrade"):
        return (
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major "
            "version."
        )
    return None


@rule(_CHANGE, COMBINATION, f"{API}ModifyDBInstance.html")
def upgrade_keeps_group(request: Request) -> str | None:
    """A major upgrade of an instance with its own parameter group names another group."""
    if not _is_upgrade(request) or request.params.get("DBParameterGroupName"):
        return None
    group = settings(request).get("DBParameterGroupName")
    if group is None or group.startswith("default."):
        return None
    return (
        f"The current DB parameter group {group} is custom. You must explicitly specify a new DB "
        "parameter group, either default or custom, for the engine version upgrade."
    )


@rule(INSTANCES, COMBINATION, "mattermost/mattermost-load-test-ng/pull/707")
def other_family(request: Request) -> str | None:
    """A parameter group is of the family of the instance's engine version."""
    name = request.params.get("DBParameterGroupName")
    after = settings(request)
    if not name or after.get("Engine") not in _FAMILIES or not after.get("EngineVersion"):
        return None
    group = request.of(rds_backends).db_parameter_groups.get(name)
    default = name.removeprefix("default.") if name.startswith("default.") else None
    actual = group.family if group is not None else default
    needed = family(after["Engine"], after["EngineVersion"])
    if actual in (None, needed):
        return None
    return (
        f"The parameter group {name} with DBParameterGroupFamily {actual} can't be used for this "
        f"instance. Use a parameter group with DBParameterGroupFamily {needed}."
    )


@rule(
    "rds DeleteDBParameterGroup",
    "InvalidDBParameterGroupState",
    "hashicorp/terraform-provider-aws/issues/6448",
)
def group_in_use(request: Request) -> str | None:
    """A parameter group that an instance uses is not deleted."""
    name = request.params.get("DBParameterGroupName")
    instances = request.of(rds_backends).databases.values()
    if any(instance.db_parameter_group_name == name for instance in instances):
        return (
            f"One or more database instances are still members of this parameter group {name}, so "
            "the group cannot be deleted"
        )
    return None


@rule(_CHANGE, "OptionGroupNotFoundFault", f"{API}ModifyDBInstance.html")
def unknown_options(request: Request) -> str | None:
    """The option group of an instance exists."""
    name = request.params.get("OptionGroupName") or "default:"
    if name.startswith("default:") or name in request.of(rds_backends).option_groups:
        return None
    return f"Specified OptionGroupName: {name} not found."


def _is_upgrade(request: Request) -> bool:
    instance = named(request)
    return instance is not None and is_major_upgrade(instance, request.params.get("EngineVersion"))
