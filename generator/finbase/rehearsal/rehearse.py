"""Rehearse the life of a stack on a local AWS: apply, rotate, plan again, destroy.

Everything happens in a scratch folder, with real Terraform, the real provider, the stack's own
function and a real PostgreSQL. Only AWS is a local one.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from finbase.plan.model import managed_in_state
from finbase.rehearsal.drift import drifts
from finbase.rehearsal.inventory import Resource, inventory
from finbase.rehearsal.judged import Judge, JudgedPlans
from finbase.rehearsal.lifecycle import Lifecycle
from finbase.rehearsal.model import Drift, Rehearsal, Search, Step
from finbase.rehearsal.record import EndError, Record
from finbase.rehearsal.scratch import ignore_signals_on_exit
from finbase.rehearsal.search import SHORTEST, search
from finbase.rehearsal.secrets import Secrets
from finbase.rehearsal.terraform import RehearsalWorkspace, Stack
from finbase.sandbox import server
from finbase.sandbox.postgres.find import find_postgres
from finbase.system.progress import Watch
from finbase.terraform.program import Terraform

Observe = Callable[[str, Mapping[str, Any]], None]
"""Called with a step's name and the state: before each repeated plan, and after the destroy."""

_ROTATIONS = 2


@dataclass(frozen=True)
class Cuts:
    """When to kill Terraform: fractions of all resources, from 0 to 1, in ascending order."""

    apply: Sequence[float] = ()
    destroy: Sequence[float] = ()


def rehearse(
    root: Path,
    environment: str,
    *,
    account_id: str,
    region: str,
    scratch: Path,
    terraform: Terraform,
    progress: Watch,
    judge: Judge,
    cuts: Cuts = Cuts(),
    trace: bool = False,
    observe: Observe | None = None,
    state_file: Path | None = None,
) -> Rehearsal:
    """Rehearse the rendered stack of one environment.

    ``scratch`` is an empty folder from ``scratch_folder``. ``judge`` judges each plan. With
    ``trace`` Terraform and its provider write a full log to ``scratch``. ``state_file`` receives
    the state of the applied stack, compressed. Problems of the stack are in the result; raises
    ``FinbaseError`` if the rehearsal cannot start.
    """
    find_postgres()
    aws, work = scratch / "aws", scratch / "work"
    aws.mkdir()
    work.mkdir()
    report_step = partial(progress, environment)
    report_step("initialise")
    start = time.monotonic()
    with (
        server.running(aws, account_id=account_id, region=region) as sandbox,
        RehearsalWorkspace(terraform, work) as workspace,
        ignore_signals_on_exit(),
    ):
        stack = workspace.copy(
            root / "environments" / environment,
            project=root,
            overrides=server.overrides(sandbox),
            variables={"TF_LOG": "trace", "TF_LOG_PATH": str(work / "trace.log")} if trace else {},
        )
        record = Record(sandbox.log, report_step)
        record.steps.append(Step("initialise", time.monotonic() - start, 0))
        plans = JudgedPlans(stack, judge)
        lifecycle = Lifecycle(stack, plans, record, sandbox, region, report_step)
        run = _Run(sandbox, region, stack, plans, record, observe)
        with suppress(EndError):
            run.live(lifecycle, cuts, state_file)
        with suppress(EndError):
            run.search_for_passwords(scratch)
    return Rehearsal(
        environment, tuple(record.steps), tuple(run.drifts), tuple(run.retained), run.searched
    )


class _Run:
    """The checks of a rehearsal, and their results so far."""

    def __init__(
        self,
        sandbox: server.Sandbox,
        region: str,
        stack: Stack,
        plans: JudgedPlans,
        record: Record,
        observe: Observe | None,
    ) -> None:
        self._sandbox, self._region, self._stack = sandbox, region, stack
        self._plans, self._record, self._observe = plans, record, observe
        self._secrets = Secrets(sandbox, region)
        self.drifts: list[Drift] = []
        self.retained: list[str] = []
        self.searched = Search()

    def live(self, lifecycle: Lifecycle, cuts: Cuts, state_file: Path | None) -> None:
        """Run all steps but the last; raises ``EndError`` if a failure makes the rest pointless."""
        with self._record.step("list the account") as step:
            before = self._inventory()
            step.notes.append(f"{len(before)} resources exist")
        lifecycle.apply(cuts.apply, before)
        self._compare_passwords()
        self._plan_again("after the apply")
        if state_file:
            self._save_state(state_file)
        for number in range(1, _ROTATIONS + 1):
            self._rotate(number)
        self._plan_again("after the rotations")
        lifecycle.lift_protection()
        kept = _kept(self._stack.state())
        lifecycle.destroy(cuts.destroy)
        self._show("destroy", self._stack.state())
        self._list_leftovers(before, kept)

    def search_for_passwords(self, scratch: Path) -> None:
        """Search the scratch folder for every password that has existed."""
        with self._record.step("search for passwords") as step:
            self._secrets.collect()
            self.searched, gaps = search(scratch, self._secrets.passwords)
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

    def _compare_passwords(self) -> None:
        """Check that secret and instance agree, and that PostgreSQL accepts that password only."""
        with self._record.step("compare passwords") as step:
            self._secrets.collect()
            secrets = self._secrets.rotated(self._stack.state())
            if not secrets:
                step.problems.append("the stack has no secret with a rotation")
                return
            for secret in secrets:
                credentials = self._secrets.current(secret)
                if self._secrets.rds_password(credentials) != credentials.password:
                    step.problems.append(f"RDS and {secret} have different passwords")
                if not self._secrets.opens(credentials, credentials.password):
                    step.problems.append(f"{credentials.host} refuses the password of {secret}")
                if self._secrets.opens(credentials, credentials.password[::-1]):
                    step.problems.append(f"{credentials.host} accepts a wrong password")
                if not step.problems:
                    step.notes.append(f"{credentials.host} accepts the password of its secret only")
            failures = self._secrets.failed_tests(secrets)
            step.problems += [f"the test of a rotation failed: {failure}" for failure in failures]
            if not failures:
                step.notes.append("the test of the rotation passed")

    def _plan_again(self, when: str) -> None:
        """Plan again, which must find no changes."""
        with self._record.step(f"plan {when}") as step:
            changed, plan = self._plans.plan(step, f"plan-{when.replace(' ', '-')}")
            found = drifts(plan, when)
            self.drifts += found
            step.notes.append(f"{len(found)} changes" if changed else "No changes")
            step.problems += [
                f"the plan {when} would {drift.action} {drift.address}"
                + (f": {', '.join(drift.arguments)}" if drift.arguments else "")
                for drift in found
            ]
            self._show(when, plan.get("prior_state", {}))
            if changed and not found:
                step.problems.append(f"the plan {when} is not empty")

    def _save_state(self, file: Path) -> None:
        with self._record.step("save the state") as step:
            state = self._stack.refreshed_state()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(gzip.compress(state, mtime=0))
            step.notes.append(f"{len(state)} bytes")

    def _rotate(self, number: int) -> None:
        """Rotate every secret of the stack with its function."""
        with self._record.step(f"rotation {number}") as step:
            for secret in self._secrets.rotated(self._stack.state()):
                before, after = self._secrets.rotate(secret)
                self._secrets.passwords.add(after.password)
                if self._secrets.opens(after, before.password):
                    step.problems.append(f"{after.host} still accepts the old password")
                if not self._secrets.opens(after, after.password):
                    step.problems.append(f"{after.host} refuses the new password")
                if not step.problems:
                    step.notes.append(
                        f"{after.host} accepts the new password and refuses the old one"
                    )

    def _list_leftovers(self, before: frozenset[Resource], kept: frozenset[str]) -> None:
        """Check that state and account are empty but for ``kept`` and what AWS itself retains."""
        with self._record.step("list leftovers") as step:
            left = sorted(self._inventory() - before, key=str)
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
                for resource in managed_in_state(self._stack.state())
            ]
            remaining = f"{len(step.problems)} problems" if step.problems else "none"
            step.notes.append(f"{remaining}; {len(self.retained)} are retained")

    def _show(self, when: str, state: Mapping[str, Any]) -> None:
        if self._observe is not None:
            self._observe(when, state)

    def _inventory(self) -> frozenset[Resource]:
        return inventory(self._sandbox, self._region)


def _kept(state: Mapping[str, Any]) -> frozenset[str]:
    """Return the log groups that a destroy only removes from the state.

    >>> group = {"mode": "managed", "type": "aws_cloudwatch_log_group"}
    >>> groups = [group | {"values": {"name": n, "skip_destroy": n == "a"}} for n in "ab"]
    >>> sorted(_kept({"values": {"root_module": {"resources": groups}}}))
    ['aws_cloudwatch_log_group a']
    """
    return frozenset(
        f"{resource['type']} {resource['values']['name']}"
        for resource in managed_in_state(state)
        if resource["type"] == "aws_cloudwatch_log_group" and resource["values"]["skip_destroy"]
    )
