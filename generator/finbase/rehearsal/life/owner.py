"""What the owner of a stack does by hand during its life, with calls of AWS and Terraform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from finbase.errors import FinbaseError
from finbase.plan.model import managed_in_state
from finbase.project.terraform_files import STATE_FILE
from finbase.rehearsal.life.edits import RENAMED, REPLICA, SNAPSHOT
from finbase.rehearsal.life.older_state import older, versions
from finbase.rehearsal.run import Run
from finbase.sandbox.client import client

PRIMARY = "module.database.aws_db_instance.primary"
GUARD = "terraform_data.keep_database"
"""Terraform would have to replace it with the primary, and refuses that."""
_CONNECTION = "/database/connection"
"""In the name of the master user's secret."""
ByHand: TypeAlias = Callable[["Owner"], None]


class Owner:
    """The owner of one stack."""

    def __init__(self, run: Run, name: str) -> None:
        self._run, self.name = run, name
        self.rds = client("rds", run.sandbox, run.region)
        self._state = run.stack.folder / STATE_FILE
        self._before = b""

    def write_data(self) -> None:
        """Write the data that must be there for the rest of the life."""
        self._query("CREATE TABLE life AS SELECT 42 AS amount")

    def lose_data(self) -> None:
        """Delete the data by mistake."""
        self._query("DROP TABLE life")

    def data(self) -> str:
        """Read the data with the connection secret."""
        return self._query("SELECT amount FROM life")

    def take_snapshot(self) -> None:
        """Take a snapshot of the primary."""
        self.rds.create_db_snapshot(DBInstanceIdentifier=self.name, DBSnapshotIdentifier=SNAPSHOT)

    def set_primary_aside(self) -> None:
        """Rename the primary, and let Terraform forget it and its guard."""
        self.rds.modify_db_instance(
            DBInstanceIdentifier=self.name,
            NewDBInstanceIdentifier=f"{self.name}-{RENAMED}",
            ApplyImmediately=True,
        )
        known = {resource["address"] for resource in managed_in_state(self._run.stack.state())}
        for address in (PRIMARY, GUARD):
            if address in known:
                self._run.stack.forget(address)

    def replace_replicas(self) -> None:
        """Let the next apply replace every replica: each follows the instance set aside.

        The provider cannot change the source of a replica.
        """
        for resource in managed_in_state(self._run.stack.state()):
            if resource["values"].get("replicate_source_db"):
                self._unprotect(resource["values"]["identifier"])
                self._run.stack.taint(resource["address"])

    def delete_old_primary(self) -> None:
        """Delete the instance that was set aside; its automatic backups stay."""
        old = f"{self.name}-{RENAMED}"
        self._unprotect(old)
        self.rds.delete_db_instance(
            DBInstanceIdentifier=old, SkipFinalSnapshot=True, DeleteAutomatedBackups=False
        )

    def take_older_state(self) -> None:
        """Continue with a state as older schemas of the provider have it."""
        self._before = self._state.read_bytes()
        self._state.write_bytes(older(self._before))

    def find_newer_state(self) -> None:
        """Raise ``FinbaseError`` if the last apply did not bring the newer schemas back."""
        now, wanted = versions(self._state.read_bytes()), versions(self._before)
        if now != wanted:
            raise FinbaseError(f"the state has the schemas {now}; expected: {wanted}")

    def unprotect_replica(self) -> None:
        """Lift the protection of the replica that is removed."""
        self._unprotect(f"{self.name}-{REPLICA}")

    def rotate(self) -> None:
        """Rotate every secret; raises ``FinbaseError`` if that fails."""
        for secret in self.connections():
            _, after = self._run.secrets.rotate(secret)
            self._run.secrets.passwords.add(after.password)

    def delete_secrets(self) -> None:
        """Delete at once the secrets that wait for their deletion, and so reserve their names."""
        secrets = client("secretsmanager", self._run.sandbox, self._run.region)
        pages = secrets.get_paginator("list_secrets").paginate(IncludePlannedDeletion=True)
        for secret in [secret for page in pages for secret in page["SecretList"]]:
            if secret.get("DeletedDate"):
                secrets.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)

    def connections(self) -> list[str]:
        """Return the ARNs of the secrets of the master user and of roles."""
        return self._run.secrets.rotated(self._run.stack.state())

    def primary(self) -> dict[str, Any]:
        """Describe the primary."""
        described = self.rds.describe_db_instances(DBInstanceIdentifier=self.name)
        return dict(described["DBInstances"][0])

    def snapshots(self) -> frozenset[str]:
        """Return the names of the primary's snapshots, automatic ones included."""
        pages = self.rds.get_paginator("describe_db_snapshots").paginate()
        return frozenset(
            snapshot["DBSnapshotIdentifier"]
            for page in pages
            for snapshot in page["DBSnapshots"]
            if snapshot["DBInstanceIdentifier"] == self.name
        )

    def _unprotect(self, instance: str) -> None:
        self.rds.modify_db_instance(
            DBInstanceIdentifier=instance, DeletionProtection=False, ApplyImmediately=True
        )

    def _query(self, sql: str) -> str:
        [secret] = (arn for arn in self.connections() if _CONNECTION in arn)
        return self._run.secrets.query(self._run.secrets.current(secret), sql)
