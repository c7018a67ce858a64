"""The checks of a rehearsal, and their results so far."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from finbase.errors import FinbaseError
from finbase.plan.model import managed_in_state
from finbase.plan.summary import ACTIONS, summarise
from finbase.rehearsal.inventory import Resource, inventory
from finbase.rehearsal.judged import Judge, without_sandbox
from finbase.rehearsal.model import Drift, Search
from finbase.rehearsal.record import Record, StepLog
from finbase.rehearsal.search import SHORTEST, search
from finbase.rehearsal.secrets import Secrets
from finbase.rehearsal.terraform import Stack
from finbase.sandbox import server

Observe = Callable[[str, Mapping[str, Any]], None]
"""Called with a step's name and the state: before each repeated plan, and after the destroy."""


class Run:
    """The checks of a rehearsal, and their results so far.

    ``stack`` is a copy of the folder ``rendered``; ``judge`` judges each of its plans.
    """

    def __init__(
        self,
        sandbox: server.Sandbox,
        region: str,
        stack: Stack,
        judge: Judge,
        rendered: Path,
        record: Record,
        observe: Observe | None,
    ) -> None:
        self.sandbox, self.region, self.stack = sandbox, region, stack
        self._judge, self._rendered = judge, rendered
        self.record, self._observe = record, observe
        self.secrets = Secrets(sandbox, region)
        self.drifts: list[Drift] = []
        self.retained: list[str] = []
        self.searched = Search()

    def list_account(self) -> frozenset[Resource]:
        """Return all resources that exist before the stack."""
        with self.record.step("list the account") as step:
            before = self.inventory()
            step.notes.append(f"{len(before)} resources exist")
        return before

    def plan(self, step: StepLog, name: str) -> tuple[bool, dict[str, Any]]:
        """Return whether a new plan has changes, and the plan; raises ``TerraformError``.

        Failed controls, and a plan that cannot be judged, are problems of the step.
        """
        changed, plan = self.stack.plan(name)
        try:
            step.problems += [f"the plan fails {control}" for control in self.failed(name)]
        except FinbaseError as error:
            step.problems.append(f"the plan cannot be judged: {error}")
        return changed, plan

    def failed(self, name: str) -> Sequence[str]:
        """Return the controls that a saved plan fails."""
        return self._judge(without_sandbox(self.stack.plan_json(name)), self._rendered)

    def search_for_passwords(self, scratch: Path) -> None:
        """Search the scratch folder for every password that has existed."""
        with self.record.step("search for passwords") as step:
            self.secrets.collect()
            self.searched, gaps = search(scratch, self.secrets.passwords)
            step.problems += [f"a password is in {match}" for match in self.searched.matches]
            step.problems += [f"not searched: {gap}" for gap in gaps.unread]
            step.notes.append(
                f"{self.searched.passwords} passwords, {self.searched.files} files, "
                f"{self.searched.bytes / 1e6:.0f} MB"
            )
            if gaps.short:
                step.notes.append(
                    f"did not search for {gaps.short} passwords: shorter than {SHORTEST} characters"
                )

    def compare_passwords(self) -> None:
        """Check that secret and instance agree, and that PostgreSQL accepts that password only."""
        with self.record.step("compare passwords") as step:
            self.secrets.collect()
            secrets = self.secrets.rotated(self.stack.state())
            if not secrets:
                step.problems.append("the stack has no secret with a rotation")
                return
            failures = self.secrets.failed_starts(secrets)
            step.problems += [f"the start of a rotation failed: {failure}" for failure in failures]
            self.secrets.collect()
            for secret in secrets:
                credentials = self.secrets.current(secret)
                who = f"{credentials.username} of {credentials.host}"
                master = self.secrets.is_master(credentials)
                if master and self.secrets.rds_password(credentials) != credentials.password:
                    step.problems.append(f"RDS and {secret} have different passwords")
                if not self.secrets.opens(credentials, credentials.password):
                    step.problems.append(f"{who} cannot log in with the password of {secret}")
                if self.secrets.opens(credentials, credentials.password[::-1]):
                    step.problems.append(f"{who} can log in with a wrong password")
                if not step.problems:
                    step.notes.append(f"{who} logs in with the password of its secret only")
            if not failures:
                step.notes.append("every rotation passed its test or its first run")

    def plan_again(self, step: StepLog, when: str) -> None:
        """Plan again, which must find no changes."""
        changed, plan = self.plan(step, f"plan-{when.replace(' ', '-')}")
        found = drifts(plan, when)
        self.drifts += found
        step.notes.append(f"{len(found)} changes" if changed else "No changes")
        step.problems += [
            f"the plan {when} would {drift.action} {drift.address}"
            + (f": {', '.join(drift.arguments)}" if drift.arguments else "")
            for drift in found
        ]
        self.show(when, plan.get("prior_state", {}))
        if changed and not found:
            step.problems.append(f"the plan {when} is not empty")

    def save_state(self, file: Path) -> None:
        """Save the state, compared with AWS once more and compressed."""
        with self.record.step("save the state") as step:
            state = self.stack.refreshed_state()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(gzip.compress(state, mtime=0))
            step.notes.append(f"{len(state)} bytes")

    def rotate(self, step: StepLog) -> None:
        """Rotate every secret of the stack with its function."""
        for secret in self.secrets.rotated(self.stack.state()):
            before, after = self.secrets.rotate(secret)
            self.secrets.passwords.add(after.password)
            if not self.secrets.opens(after, after.password):
                step.problems.append(f"{after.username} cannot log in with its new password")
            if self.secrets.is_master(after):
                outcome = "the old one is refused"
                if self.secrets.opens(before, before.password):
                    step.problems.append(f"{after.username} can log in with its old password")
            else:
                outcome = f"{before.username} keeps its own until the next rotation"
                if before.username == after.username:
                    step.problems.append(f"{secret} has the same login as before, {after.username}")
                if not self.secrets.opens(before, before.password):
                    step.problems.append(f"{before.username} cannot log in after the rotation")
            if not step.problems:
                step.notes.append(f"{after.username} logs in with its new password; {outcome}")

    def list_leftovers(self, before: frozenset[Resource], kept: frozenset[str]) -> None:
        """Check that state and account are empty but for ``kept`` and what AWS itself retains."""
        with self.record.step("list leftovers") as step:
            left = sorted(self.inventory() - before, key=str)
            retained = [resource for resource in left if resource.retained or str(resource) in kept]
            self.retained = [str(resource) for resource in retained]
            step.problems += [
                f"{resource} still exists" for resource in left if resource not in retained
            ]
            step.problems += [
                f"{resource} must outlive the stack, and does not exist"
                for resource in sorted(kept - set(self.retained))
            ]
            step.problems += [
                f"{resource['address']} is still in the state"
                for resource in managed_in_state(self.stack.state())
            ]
            remaining = f"{len(step.problems)} problems" if step.problems else "none"
            step.notes.append(f"{remaining}; {len(self.retained)} are retained")

    def show(self, when: str, state: Mapping[str, Any]) -> None:
        """Let the caller observe a state."""
        if self._observe is not None:
            self._observe(when, state)

    def inventory(self) -> frozenset[Resource]:
        """Return all resources of the account."""
        return inventory(self.sandbox, self.region)


def drifts(plan: Mapping[str, Any], name: str) -> tuple[Drift, ...]:
    """Return all changes of resources and outputs in the plan with that name.

    >>> drifts({"output_changes": {"host": {"actions": ["update"]}}}, "after the apply")
    (Drift(plan='after the apply', address='output.host', action='change', arguments=()),)
    """
    outputs = {
        output: ACTIONS.get(tuple(change["actions"]))
        for output, change in plan.get("output_changes", {}).items()
    }
    return (
        *(Drift(name, s.address, s.action, s.arguments) for s in summarise(plan).steps),
        *(Drift(name, f"output.{output}", action) for output, action in outputs.items() if action),
    )


def kept_logs(state: Mapping[str, Any]) -> frozenset[str]:
    """Return the log groups that a destroy only removes from the state.

    >>> group = {"mode": "managed", "type": "aws_cloudwatch_log_group"}
    >>> groups = [group | {"values": {"name": n, "skip_destroy": n == "a"}} for n in "ab"]
    >>> sorted(kept_logs({"values": {"root_module": {"resources": groups}}}))
    ['aws_cloudwatch_log_group a']
    """
    return frozenset(
        f"{resource['type']} {resource['values']['name']}"
        for resource in managed_in_state(state)
        if resource["type"] == "aws_cloudwatch_log_group" and resource["values"]["skip_destroy"]
    )
