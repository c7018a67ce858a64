"""What must be true after each step of a life."""

from __future__ import annotations

from finbase.errors import FinbaseError
from finbase.rehearsal.life.owner import Owner
from finbase.rehearsal.record import StepLog
from finbase.rehearsal.run import Run, kept_logs


class Promises:
    """The promises of a stack, and what they have seen: nothing of it may ever be gone.

    ``logs`` are the log groups that must outlive their resource.
    """

    def __init__(self, run: Run, owner: Owner) -> None:
        self._run, self._owner = run, owner
        self.logs: frozenset[str] = frozenset()
        self._snapshots: frozenset[str] = frozenset()

    def check(self, step: StepLog) -> None:
        """Check the secret, the data, the audit logs and the backups."""
        self._secret(step)
        self._data(step)
        self._kept_logs(step)
        self._backups(step)

    def _secret(self, step: StepLog) -> None:
        secrets = self._run.secrets
        secrets.collect()
        for secret in self._owner.connections():
            credentials = secrets.current(secret)
            if not secrets.opens(credentials, credentials.password):
                step.problems.append(f"{credentials.host} refuses the password of {secret}")

    def _data(self, step: StepLog) -> None:
        try:
            data = self._owner.data()
        except FinbaseError as error:
            data = error.message
        if data != "42":
            step.problems.append(f"the data of the life is not in the database: {data}")

    def _kept_logs(self, step: StepLog) -> None:
        self.logs |= kept_logs(self._run.stack.state())
        existing = {str(resource) for resource in self._run.inventory()}
        step.problems += [f"{log} is gone" for log in sorted(self.logs - existing)]

    def _backups(self, step: StepLog) -> None:
        snapshots = self._owner.snapshots()
        step.problems += [
            f"the snapshot {name} is gone" for name in sorted(self._snapshots - snapshots)
        ]
        self._snapshots |= snapshots
        if not self._snapshots or not self._owner.primary()["BackupRetentionPeriod"]:
            step.problems.append("the primary has no backups")
        step.notes.append(f"{len(self.logs)} audit logs, {len(snapshots)} backups")
