"""Moto's RDS, mended where it differs from the service and Terraform or a database would notice.

Each method says what AWS does. The source is the API Reference of Amazon RDS, at the operation
or data type that is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from moto.core.responses import ActionResult
from moto.rds import models
from moto.rds.exceptions import (
    DBInstanceAlreadyExists,
    DBParameterGroupNotFoundError,
    DBSubnetGroupNotFoundError,
    InvalidDBInstanceStateFault,
    RDSClientError,
    SubscriptionNotFoundError,
)
from moto.rds.responses import RDSResponse

from finbase.sandbox.backends import replace_backend
from finbase.sandbox.databases import Databases
from finbase.sandbox.rds_instance import (
    DBInstance,
    check_last_snapshot,
    check_password,
    follow,
    window_problem,
)

__all__ = ["Backend", "install"]

_INHERITED = (
    "allocated_storage",
    "auto_minor_version_upgrade",
    "ca_certificate_identifier",
    "db_instance_class",
    "db_name",
    "db_parameter_group_name",
    "engine",
    "engine_version",
    "kms_key_id",
    "license_model",
    "master_username",
    "port",
    "preferred_backup_window",
    "preferred_maintenance_window",
    "storage_encrypted",
    "storage_type",
)


def install(databases: Databases) -> None:
    """Put the mended backend in the place of moto's; call it before the first request."""
    Backend.behind = databases
    models.DBInstance = DBInstance  # type: ignore[assignment,misc]
    models.valid_preferred_maintenance_window = window_problem  # type: ignore[assignment,attr-defined]
    replace_backend(models.rds_backends, Backend)
    RDSResponse.describe_db_parameters = _describe_parameters  # type: ignore[method-assign]
    RDSResponse.modify_event_subscription = _modify_subscription  # type: ignore[attr-defined]


class Backend(models.RDSBackend):
    """The operations of instances, their groups and the subscriptions to their events."""

    __module__ = models.__name__  # moto looks for the URLs of the service beside it
    behind: Databases  # given by ``install``

    def create_db_instance(self, db_kwargs: Any) -> models.DBInstance:
        """The instance is ``creating`` until its database takes connections."""
        if group := db_kwargs.get("db_subnet_group_name"):
            self._subnet_group(group)
        check_password(db_kwargs.get("master_user_password"), str(db_kwargs.get("engine")))
        instance = cast(DBInstance, super().create_db_instance(db_kwargs))
        password = db_kwargs.get("master_user_password")
        if not instance.backed or not password:
            return instance
        instance.status = "creating"

        def ready(well: bool) -> None:
            instance.status = "available" if well else "failed"

        self.behind.start(
            instance.address,
            identifier=instance.db_instance_identifier,
            port=int(instance.port or 0),
            username=str(instance.master_username),
            database=instance.db_name or "postgres",
            password=password,
            ready=ready,
            role=db_kwargs.get("master_role"),
        )
        return instance

    def create_db_instance_read_replica(self, db_kwargs: Any) -> models.DBInstance:
        """A replica is an instance of its own: what it is not given, it has from its source.

        It has neither backups nor Performance Insights, log exports or tags unless it is given
        them, and its source has to have backups.
        """
        source = cast(DBInstance, self.find_db_from_id(db_kwargs["source_db_instance_identifier"]))
        if not source.backup_retention_period:
            raise InvalidDBInstanceStateFault(
                "Automated backups are not enabled for this database instance. To enable "
                "automated backups, use ModifyDBInstance to set the backup retention period to "
                "a non-zero value."
            )
        kept = {name: getattr(source, name) for name in _INHERITED}
        if source.option_group_supplied:
            kept["option_group_name"] = source.option_group_name
        kept["db_subnet_group_name"] = _group(source, "db_subnet_group")
        given = kept | {"backup_retention_period": 0} | dict(db_kwargs.items())
        replica = cast(DBInstance, super().create_db_instance(given))
        replica.set_as_replica()
        source.add_replica(replica)
        return replica

    def modify_db_instance(self, db_instance_identifier: str, db_kwargs: Any) -> models.DBInstance:
        """Only what is ``available`` changes; a new name and a new password reach the database.

        AWS keeps other changes for the maintenance window where ApplyImmediately is false. Here
        every change is at once.
        """
        db_kwargs = dict(db_kwargs.items())
        instance = cast(DBInstance, self.describe_db_instances(db_instance_identifier)[0])
        if instance.status != "available":
            raise InvalidDBInstanceStateFault(
                f"Database instance is not in available state: {db_instance_identifier}"
            )
        password = db_kwargs.get("master_user_password")
        check_password(password, str(instance.engine))
        old, host = instance.db_instance_identifier, instance.address
        if new := db_kwargs.get("new_db_instance_identifier"):
            db_kwargs["new_db_instance_identifier"] = new = new.lower()
            if new in self.databases and new != old:
                raise DBInstanceAlreadyExists
        changed = super().modify_db_instance(db_instance_identifier, db_kwargs)
        if new:
            follow(self.databases.values(), old, new)
        if instance.backed:
            if new:
                self.behind.rename(host, instance.address, new)
            if password:
                self.behind.set_password(instance.address, password)
        return changed

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> models.DBInstance:
        """A last snapshot is made or skipped, but never neither, and never of a replica."""
        instance = cast(DBInstance, self.describe_db_instances(db_instance_identifier)[0])
        if not instance.deletion_protection:
            check_last_snapshot(instance, final_db_snapshot_identifier, bool(skip_final_snapshot))
        deleted = super().delete_db_instance(
            db_instance_identifier,
            final_db_snapshot_identifier,
            skip_final_snapshot,
            delete_automated_backups,
        )
        if instance.backed:
            self.behind.stop(instance.address)
        return deleted

    def create_db_snapshot(
        self, db_instance_identifier: str, *given: Any, **named: Any
    ) -> models.DBSnapshot:
        """A snapshot has the master user's password, with all else that is in the database.

        RestoreDBInstanceFromDBSnapshot: what is made of it has one zone, and no protection.
        """
        snapshot = super().create_db_snapshot(db_instance_identifier, *given, **named)
        kept: Any = snapshot.database  # What is restored is made of its attributes.
        kept.master_role = self._role(kept)
        kept.multi_az = kept.deletion_protection = False
        return snapshot

    def restore_db_instance_to_point_in_time(
        self, source_db_identifier: str, target_db_identifier: str, overrides: Any
    ) -> models.DBInstance:
        """The point in time is always the latest one."""
        source = cast(DBInstance, self.describe_db_instances(source_db_identifier)[0])
        given = dict(overrides.items()) | {"master_role": self._role(source)}
        return super().restore_db_instance_to_point_in_time(
            source_db_identifier, target_db_identifier, given
        )

    def delete_db_parameter_group(self, db_parameter_group_name: str) -> models.DBParameterGroup:
        """A group that an instance uses stays."""
        self._must_be_unused("db_parameter_group_name", db_parameter_group_name, "DBParameterGroup")
        return super().delete_db_parameter_group(db_parameter_group_name)

    def delete_subnet_group(self, subnet_name: str) -> models.DBSubnetGroup:
        """A group that an instance uses stays."""
        self._must_be_unused("db_subnet_group", subnet_name, "DBSubnetGroup")
        return super().delete_subnet_group(subnet_name)

    def modify_event_subscription(self, given: Mapping[str, Any]) -> models.EventSubscription:
        """What is given replaces what was; what is not given stays."""
        name = given["subscription_name"]
        if name not in self.event_subscriptions:
            raise SubscriptionNotFoundError(name)
        subscription = self.event_subscriptions[name]
        for key in ("sns_topic_arn", "source_type", "event_categories", "enabled"):
            if given.get(key) is not None:
                setattr(subscription, key, given[key])
        return subscription

    def _subnet_group(self, name: str) -> models.DBSubnetGroup:
        if name not in self.subnet_groups:
            raise DBSubnetGroupNotFoundError(name)
        return self.subnet_groups[name]

    def _role(self, instance: DBInstance) -> str | None:
        return self.behind.role(instance.address) if instance.backed else None

    def _must_be_unused(self, attribute: str, name: str, kind: str) -> None:
        users = [i for i, each in self.databases.items() if _group(each, attribute) == name]
        if users:
            raise RDSClientError(
                f"Invalid{kind}State{'Fault' if kind == 'DBSubnetGroup' else ''}",
                f"One or more database instances are still members of this group {name}, so it "
                f"cannot be deleted: {', '.join(users)}",
            )


def _group(instance: models.DBInstance, attribute: str) -> str | None:
    """Give the name of the group that an instance is in."""
    group: Any = getattr(instance, attribute, None)  # Moto sets some only where they are given.
    name: str | None = getattr(group, "name", group)
    return name


def _describe_parameters(self: RDSResponse) -> ActionResult:
    """DescribeDBParameters: each with its source; those that were set have the source ``user``.

    AWS also lists the hundreds that were not, with the sources ``engine-default`` and ``system``.
    """
    name = self.params.get("DBParameterGroupName")
    groups = self.backend.describe_db_parameter_groups({"db_parameter_group_name": name})
    if not groups:
        raise DBParameterGroupNotFoundError(name)
    shown = [
        {"ApplyType": "dynamic", "IsModifiable": True, "Source": "user"} | parameter
        for parameter in groups[0].parameters.values()
    ]
    if self.params.get("Source", "user") != "user":
        shown = []
    return ActionResult({"Parameters": shown})


def _modify_subscription(self: RDSResponse) -> ActionResult:
    backend = cast(Backend, self.backend)
    return ActionResult({"EventSubscription": backend.modify_event_subscription(self.params)})
