"""Correct moto's RDS where it differs from AWS and Terraform or a database would notice.

Each docstring says what AWS does, by the API Reference of Amazon RDS at the operation or data
type that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
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

from finbase.sandbox.postgres.databases import Databases
from finbase.sandbox.refusals.rds_state import family, is_major_upgrade
from finbase.sandbox.services.backends import replace_backend
from finbase.sandbox.services.rds_instance import (
    DBInstance,
    engine_versions,
    rename_in_replicas,
)

_INHERITED = """
    allocated_storage auto_minor_version_upgrade ca_certificate_identifier db_instance_class
    db_name db_parameter_group_name engine engine_version kms_key_id license_model
    master_username port preferred_backup_window preferred_maintenance_window storage_encrypted
    storage_type
""".split()
_AUTHORITIES = {
    "rds-ca-ecc384-g1": datetime(2121, 5, 20, tzinfo=UTC),
    "rds-ca-rsa2048-g1": datetime(2061, 5, 20, tzinfo=UTC),
    "rds-ca-rsa4096-g1": datetime(2121, 5, 20, tzinfo=UTC),
}
"""The certificate authorities, and when they end (User Guide, "Certificate authorities")."""
_FOUNDED = datetime(2021, 5, 20, tzinfo=UTC)


def install(databases: Databases) -> None:
    """Replace moto's backend; call this before the first request."""
    Backend.postgres = databases
    models.DBInstance = DBInstance  # type: ignore[assignment,misc]
    # ``refusals`` checks windows; moto refuses those that are adjacent.
    models.valid_preferred_maintenance_window = lambda *_: None  # type: ignore[attr-defined]
    replace_backend(models.rds_backends, Backend)
    RDSResponse.describe_certificates = _describe_certificates  # type: ignore[attr-defined]
    RDSResponse.describe_db_engine_versions = _describe_versions  # type: ignore[attr-defined]
    RDSResponse.describe_db_parameters = _describe_parameters  # type: ignore[method-assign]
    for name in (
        "modify_event_subscription",
        "add_source_identifier_to_subscription",
        "remove_source_identifier_from_subscription",
    ):
        setattr(RDSResponse, name, _on_subscription(name))


def maintain() -> list[str]:
    """Let the maintenance window of each instance pass; return those that are changed."""
    changed = []
    for account in models.rds_backends.values():
        for backend in account.values():
            for name, instance in tuple(backend.databases.items()):
                if cast(DBInstance, instance).pending_modified_values:
                    backend.modify_db_instance(name, {"apply_immediately": True})
                    changed.append(name)
    return changed


class Backend(models.RDSBackend):
    """The operations on instances, their groups and event subscriptions."""

    __module__ = models.__name__  # moto finds the URLs of a service by its backend's module
    postgres: Databases  # Set by ``install``.

    def create_db_instance(self, db_kwargs: Any) -> models.DBInstance:
        """Create an instance that is ``creating`` until its database accepts connections."""
        group = db_kwargs.get("db_subnet_group_name")
        if group and group not in self.subnet_groups:
            raise DBSubnetGroupNotFoundError(group)
        instance = cast(DBInstance, super().create_db_instance(db_kwargs))
        password = db_kwargs.get("master_user_password")
        if not instance.has_postgres or not password:
            return instance
        instance.status = "creating"

        def ready(started: bool) -> None:
            instance.status = "available" if started else "failed"

        self.postgres.start(
            instance.address,
            identifier=instance.db_instance_identifier,
            port=int(instance.port or 0),
            username=str(instance.master_username),
            database=instance.db_name or "postgres",
            password=password,
            ready=ready,
            contents=db_kwargs.get("contents"),
        )
        return instance

    def create_db_instance_read_replica(self, db_kwargs: Any) -> models.DBInstance:
        """Create a replica, which inherits settings that the request does not name.

        It does not inherit backups, Performance Insights, log exports and tags.
        """
        source = cast(DBInstance, self.find_db_from_id(db_kwargs["source_db_instance_identifier"]))
        inherited = {name: getattr(source, name) for name in _INHERITED}
        if source.option_group_supplied:
            inherited["option_group_name"] = source.option_group_name
        group = getattr(source, "db_subnet_group", None)  # moto sets it only if the request does.
        inherited["db_subnet_group_name"] = group.name if group else None
        settings = inherited | {"backup_retention_period": 0} | dict(db_kwargs.items())
        replica = cast(DBInstance, super().create_db_instance(settings))
        replica.set_as_replica()
        source.add_replica(replica)
        return replica

    def modify_db_instance(self, db_instance_identifier: str, db_kwargs: Any) -> models.DBInstance:
        """Change an ``available`` instance; pass a new name or password on to its database.

        AWS waits for the maintenance window if ApplyImmediately is false. Here only the storage,
        and a major upgrade with its parameter group wait, until ``maintain`` or such a request.
        """
        db_kwargs = dict(db_kwargs.items())
        instance = cast(DBInstance, self.describe_db_instances(db_instance_identifier)[0])
        if instance.status != "available":
            raise InvalidDBInstanceStateFault(
                f"Database instance is not in available state: {db_instance_identifier}"
            )
        password = db_kwargs.get("master_user_password")
        old, host = instance.db_instance_identifier, instance.address
        if new := db_kwargs.get("new_db_instance_identifier"):
            db_kwargs["new_db_instance_identifier"] = new = new.lower()
            if new in self.databases and new != old:
                raise DBInstanceAlreadyExists
        db_kwargs = instance.postpone(db_kwargs)
        upgraded = is_major_upgrade(instance, db_kwargs.get("engine_version"))
        # moto does not find default groups here.
        group = db_kwargs.get("db_parameter_group_name") or ""
        if group.startswith("default."):
            instance.db_parameter_group_name = db_kwargs.pop("db_parameter_group_name")
        changed = super().modify_db_instance(db_instance_identifier, db_kwargs)
        if upgraded:
            self._upgrade_replicas(instance)
        if new:
            rename_in_replicas(self.databases.values(), old, new)
        if instance.has_postgres:
            if new:
                self.postgres.rename(host, instance.address, new)
            if password:
                self.postgres.set_password(instance.address, password)
        return changed

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> models.DBInstance:
        """Delete an instance and its database."""
        instance = cast(DBInstance, self.describe_db_instances(db_instance_identifier)[0])
        deleted = super().delete_db_instance(
            db_instance_identifier,
            final_db_snapshot_identifier,
            skip_final_snapshot,
            delete_automated_backups,
        )
        if instance.has_postgres:
            self.postgres.stop(instance.address)
        return deleted

    def create_db_snapshot(
        self, db_instance_identifier: str, *args: Any, **kwargs: Any
    ) -> models.DBSnapshot:
        """Create a snapshot, which includes the data and the master user's password.

        RestoreDBInstanceFromDBSnapshot: a restored instance is in one zone and not protected.
        """
        snapshot = super().create_db_snapshot(db_instance_identifier, *args, **kwargs)
        copy: Any = snapshot.database  # moto restores an instance from the copy's attributes.
        copy.contents = self._contents(copy)
        copy.multi_az = copy.deletion_protection = False
        return snapshot

    def restore_db_instance_to_point_in_time(
        self, source_db_identifier: str, target_db_identifier: str, overrides: Any
    ) -> models.DBInstance:
        """Restore an instance; any requested time counts as the latest restorable time."""
        source = cast(DBInstance, self.describe_db_instances(source_db_identifier)[0])
        settings = dict(overrides.items()) | {"contents": self._contents(source)}
        del settings["source_db_instance_identifier"]  # moto would make the instance a replica.
        return super().restore_db_instance_to_point_in_time(
            source_db_identifier, target_db_identifier, settings
        )

    def modify_db_subnet_group(
        self, subnet_name: str, description: str, subnets: list[Any]
    ) -> models.DBSubnetGroup:
        """Change the group and keep it, which moto forgets."""
        group = super().modify_db_subnet_group(subnet_name, description, subnets)
        self.subnet_groups[group.name] = group
        return group

    def modify_event_subscription(self, settings: Mapping[str, Any]) -> models.EventSubscription:
        """Change the settings that the request names."""
        subscription = self._subscription(settings)
        for key in ("sns_topic_arn", "source_type", "event_categories", "enabled"):
            if settings.get(key) is not None:
                setattr(subscription, key, settings[key])
        return subscription

    def add_source_identifier_to_subscription(
        self, settings: Mapping[str, Any]
    ) -> models.EventSubscription:
        """Add a source, which must exist if it is an instance."""
        subscription, source = self._subscription(settings), settings["source_identifier"]
        if subscription.source_type == "db-instance" and source not in self.databases:
            raise RDSClientError("SourceNotFound", f"Source not found: {source}")
        subscription.source_ids = sorted({*subscription.source_ids, source})
        return subscription

    def remove_source_identifier_from_subscription(
        self, settings: Mapping[str, Any]
    ) -> models.EventSubscription:
        """Remove a source, which need not exist any more."""
        subscription, source = self._subscription(settings), settings["source_identifier"]
        if source not in subscription.source_ids:
            raise RDSClientError("SourceNotFound", f"Source not found: {source}")
        subscription.source_ids = [each for each in subscription.source_ids if each != source]
        return subscription

    def _subscription(self, settings: Mapping[str, Any]) -> models.EventSubscription:
        name = settings["subscription_name"]
        if name not in self.event_subscriptions:
            raise SubscriptionNotFoundError(name)
        return self.event_subscriptions[name]

    def _upgrade_replicas(self, source: DBInstance) -> None:
        """User Guide, "Upgrading PostgreSQL": replicas of the region are upgraded with the source.

        That a replica then has the default parameter group is inferred: its own is of the old
        family.
        """
        group = f"default.{family(str(source.engine), source.engine_version)}"
        for name in source.replicas:
            replica = self.databases[name]
            replica.engine_version, replica.db_parameter_group_name = source.engine_version, group

    def _contents(self, instance: DBInstance) -> str | None:
        return self.postgres.contents(instance.address) if instance.has_postgres else None


def _describe_certificates(self: RDSResponse) -> ActionResult:
    """DescribeCertificates: return the certificate authorities, or the one that is asked for."""
    name = self.params.get("CertificateIdentifier")
    if name and name not in _AUTHORITIES:
        raise RDSClientError("CertificateNotFound", f"Certificate not found: {name}")
    certificates = [
        {
            "CertificateIdentifier": each,
            "CertificateArn": f"arn:{self.partition}:rds:{self.region}::cert:{each}",
            "CertificateType": "CA",
            "ValidFrom": _FOUNDED,
            "ValidTill": end,
            "CustomerOverride": False,
        }
        for each, end in _AUTHORITIES.items()
        if name in (None, each)
    ]
    return ActionResult({"Certificates": certificates})


def _describe_versions(self: RDSResponse) -> ActionResult:
    asked = {key: self.params.get(key) for key in ("Engine", "EngineVersion")}
    return ActionResult(
        {
            "DBEngineVersions": [
                each
                for each in engine_versions()
                if all(value in (None, each[key]) for key, value in asked.items())
            ]
        }
    )


def _describe_parameters(self: RDSResponse) -> ActionResult:
    """DescribeDBParameters: return the parameters that were set, with the source ``user``.

    AWS also lists hundreds of others, with the sources ``engine-default`` and ``system``.
    """
    name = self.params.get("DBParameterGroupName")
    groups = self.backend.describe_db_parameter_groups({"db_parameter_group_name": name})
    if not groups:
        raise DBParameterGroupNotFoundError(name)
    parameters = [
        {"ApplyType": "dynamic", "IsModifiable": True, "Source": "user"} | parameter
        for parameter in groups[0].parameters.values()
    ]
    if self.params.get("Source", "user") != "user":
        parameters = []
    return ActionResult({"Parameters": parameters})


def _on_subscription(operation: str) -> Callable[[RDSResponse], ActionResult]:
    def answer(self: RDSResponse) -> ActionResult:
        return ActionResult({"EventSubscription": getattr(self.backend, operation)(self.params)})

    return answer
