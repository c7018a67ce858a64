"""Apply and destroy a stack on the local AWS, killing Terraform on the way if asked to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from finbase.plan.model import managed_in_state
from finbase.plan.summary import summarise
from finbase.rehearsal.inventory import Resource
from finbase.rehearsal.orphans import IMPORTS, import_blocks, orphans
from finbase.rehearsal.record import EndError, StepLog
from finbase.rehearsal.run import Run
from finbase.rehearsal.terraform import Applied, Progress
from finbase.sandbox.client import client
from finbase.terraform.offline import UNGUARDED, lift_guards

_UNPROTECTED = "zz_finbase_unprotected_override.tf"


class Lifecycle:
    """Creates, unprotects and destroys the resources of a stack."""

    def __init__(self, run: Run, progress: Callable[[str], None]) -> None:
        self._run, self._progress = run, progress

    def apply(self, cuts: Sequence[float], before: frozenset[Resource]) -> None:
        """Plan and apply the stack.

        At each cut, a share of the resources, kill Terraform and import what its state then
        lacks. ``before`` are the resources that the account had before.
        """
        with self._run.record.step("plan") as step:
            _, plan = self._run.plan(step, "first")
            total = len(summarise(plan).steps)
            step.notes.append(f"{total} resources to create")
        done = 0
        for cut in cuts:
            with self._run.record.step(f"apply, killed at {cut:.0%}") as step:
                show = self._show("apply", total, done)
                kill = _kill_after(cut, total, done)
                done += _add_killed(step, self._run.stack.apply("first", show, kill_after=kill))
            with self._run.record.step("import lost resources") as step:
                self.import_lost(step, before)
            with self._run.record.step("plan the rest") as step:
                _, plan = self._run.plan(step, "first")
                step.notes.append(f"{len(summarise(plan).steps)} resources to create or import")
        with self._run.record.step("apply") as step:
            step.add(self._run.stack.apply("first", self._show("apply", total, done)))
            (self._run.stack.folder / IMPORTS).unlink(missing_ok=True)

    def lift_protection(self) -> None:
        """Set ``deletion_protection`` to false, as the owner of a stack must before a destroy.

        That removes the guards of the databases, too.
        """
        with self._run.record.step("lift deletion protection") as step:
            modules = sorted(
                {
                    resource["address"].split(".")[1]
                    for resource in managed_in_state(self._run.stack.state())
                    if resource["values"].get("deletion_protection") is True
                }
            )
            if not modules:
                step.notes.append("no resource is protected")
                return
            blocks = (f'module "{m}" {{\n  deletion_protection = false\n}}\n' for m in modules)
            (self._run.stack.folder / _UNPROTECTED).write_text("\n".join(blocks))
            lift_guards(self._run.stack.folder)
            self._run.stack.plan("unprotected")
            if failed := self._run.failed("unprotected"):
                step.notes.append(f"`finbase apply` would refuse this plan: {', '.join(failed)}")
            step.add(self._run.stack.apply("unprotected"))
            step.notes.append(f"deletion_protection: false for {', '.join(modules)}")

    def destroy(self, cuts: Sequence[float]) -> None:
        """Destroy the stack, and kill Terraform at each cut."""
        total, done = len(list(managed_in_state(self._run.stack.state()))), 0
        for cut in cuts:
            with self._run.record.step(f"destroy, killed at {cut:.0%}") as step:
                show = self._show("destroy", total, done)
                kill = _kill_after(cut, total, done)
                done += _add_killed(step, self._run.stack.destroy(show, kill_after=kill))
        with self._run.record.step("destroy") as step:
            step.add(self._run.stack.destroy(self._show("destroy", total, done)))
            for name in (_UNPROTECTED, UNGUARDED):
                (self._run.stack.folder / name).unlink(missing_ok=True)

    def import_lost(self, step: StepLog, before: frozenset[Resource]) -> None:
        """Write an ``import`` block for each resource that is missing from the state."""
        self._wait_for_running_calls()
        # Blocks of an earlier kill would hide resources from the plan that are still not in the
        # state.
        (self._run.stack.folder / IMPORTS).unlink(missing_ok=True)
        _, plan = self._run.plan(step, "lost")
        existing = self._run.inventory() - before
        lost = orphans(existing, self._run.stack.state(), plan)
        step.resources = len(lost)
        imported = ", ".join(orphan.address for orphan in lost if orphan.address)
        step.notes.append(f"import blocks for {imported}" if imported else "none is lost")
        for orphan in lost:
            if orphan.address is not None:
                continue
            if self._revoke_default_rule(orphan.resource):
                step.notes.append(f"revoked {orphan.resource}, a default of AWS")
            else:
                step.problems.append(f"{orphan.resource} is neither in the state nor in the plan")
        (self._run.stack.folder / IMPORTS).write_text(import_blocks(lost))

    def _revoke_default_rule(self, resource: Resource) -> bool:
        """Revoke the rule to 0.0.0.0/0 that AWS adds to each new security group.

        The provider does the same right after it creates a group, unless it is killed first.
        Return False for any other resource.
        """
        if (
            resource.type != "aws_vpc_security_group_egress_rule"
            or "0.0.0.0/0" not in resource.facts
        ):
            return False
        [group] = [fact for fact in resource.facts if fact.startswith("sg-")]
        client("ec2", self._run.sandbox, self._run.region).revoke_security_group_egress(
            GroupId=group, SecurityGroupRuleIds=[resource.id]
        )
        return True

    def _show(self, command: str, total: int, done: int) -> Progress:
        """Return what shows the progress; earlier runs of the command finished ``done``."""
        return lambda finished: self._progress(f"{command} {done + finished} of {total}")

    def _wait_for_running_calls(self) -> None:
        """Wait until AWS has finished the calls of the killed provider."""
        calls = -1
        while calls != (calls := self._run.record.calls()):
            time.sleep(1)


def _kill_after(cut: float, total: int, done: int) -> int:
    """Return how many more resources make up a share of all; at least one."""
    return max(math.ceil(total * cut) - done, 1)


def _add_killed(step: StepLog, applied: Applied) -> int:
    """Add a killed apply or destroy to the log; return its number of finished resources."""
    if not applied.killed:
        step.add(applied)
        step.problems.append("it ended before it was killed")
        raise EndError
    step.resources = len(applied.finished)
    step.notes.append(f"{len(applied.unfinished)} more were in progress")
    if applied.postponed:
        step.notes.append(f"postponed {applied.postponed} times because of a write to the state")
    return step.resources
