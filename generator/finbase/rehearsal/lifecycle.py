"""Apply and destroy a stack on the local AWS, killing Terraform on the way if asked to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from finbase.plan.model import managed_in_state
from finbase.plan.summary import summarise
from finbase.rehearsal.inventory import Resource, inventory
from finbase.rehearsal.judged import JudgedPlans
from finbase.rehearsal.orphans import IMPORTS, import_blocks, orphans
from finbase.rehearsal.record import EndError, Record, StepLog
from finbase.rehearsal.terraform import Applied, Stack, Watch
from finbase.sandbox.client import Endpoint, client
from finbase.terraform.offline import UNGUARDED, lift_guards

_UNPROTECTED = "zz_finbase_unprotected_override.tf"


class Lifecycle:
    """Creates, unprotects and destroys the resources of a stack."""

    def __init__(
        self,
        stack: Stack,
        plans: JudgedPlans,
        record: Record,
        endpoint: Endpoint,
        region: str,
        progress: Callable[[str], None],
    ) -> None:
        self._stack, self._record, self._progress = stack, record, progress
        self._plans = plans
        self._endpoint, self._region = endpoint, region

    def apply(self, cuts: Sequence[float], before: frozenset[Resource]) -> None:
        """Plan and apply the stack.

        At each cut, a share of the resources, kill Terraform and import what its state then
        lacks. ``before`` are the resources that the account had before.
        """
        with self._record.step("plan") as step:
            _, plan = self._plans.plan(step, "first")
            total = len(summarise(plan).steps)
            step.notes.append(f"{total} resources to create")
        done = 0
        for cut in cuts:
            with self._record.step(f"apply, killed at {cut:.0%}") as step:
                watch = self._kill_at(cut, "apply", total, done)
                done += _add_killed(step, self._stack.apply("first", watch))
            with self._record.step("import lost resources") as step:
                self.import_lost(step, before)
            with self._record.step("plan the rest") as step:
                _, plan = self._plans.plan(step, "first")
                step.notes.append(f"{len(summarise(plan).steps)} resources to create or import")
        with self._record.step("apply") as step:
            step.add(self._stack.apply("first", self._watch("apply", total, done)))
            (self._stack.folder / IMPORTS).unlink(missing_ok=True)

    def lift_protection(self) -> None:
        """Set ``deletion_protection`` to false, as the owner of a stack must before a destroy.

        That removes the guards of the databases, too.
        """
        with self._record.step("lift deletion protection") as step:
            modules = sorted(
                {
                    resource["address"].split(".")[1]
                    for resource in managed_in_state(self._stack.state())
                    if resource["values"].get("deletion_protection") is True
                }
            )
            if not modules:
                step.notes.append("no resource is protected")
                return
            blocks = (f'module "{m}" {{\n  deletion_protection = false\n}}\n' for m in modules)
            (self._stack.folder / _UNPROTECTED).write_text("\n".join(blocks))
            lift_guards(self._stack.folder)
            self._stack.plan("unprotected")
            if failed := self._plans.failed("unprotected"):
                step.notes.append(f"`finbase apply` would refuse this plan: {', '.join(failed)}")
            watch = self._watch("lift deletion protection")
            step.add(self._stack.apply("unprotected", watch))
            step.notes.append(f"deletion_protection: false for {', '.join(modules)}")

    def destroy(self, cuts: Sequence[float]) -> None:
        """Destroy the stack, and kill Terraform at each cut."""
        total, done = len(list(managed_in_state(self._stack.state()))), 0
        for cut in cuts:
            with self._record.step(f"destroy, killed at {cut:.0%}") as step:
                watch = self._kill_at(cut, "destroy", total, done)
                done += _add_killed(step, self._stack.destroy(watch))
        with self._record.step("destroy") as step:
            step.add(self._stack.destroy(self._watch("destroy", total, done)))
            for name in (_UNPROTECTED, UNGUARDED):
                (self._stack.folder / name).unlink(missing_ok=True)

    def import_lost(self, step: StepLog, before: frozenset[Resource]) -> None:
        """Write an ``import`` block for each resource that is missing from the state."""
        self._wait_for_running_calls()
        # Blocks of an earlier kill would hide resources from the plan that are still not in the
        # state.
        (self._stack.folder / IMPORTS).unlink(missing_ok=True)
        _, plan = self._plans.plan(step, "lost")
        existing = inventory(self._endpoint, self._region) - before
        lost = orphans(existing, self._stack.state(), plan)
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
        (self._stack.folder / IMPORTS).write_text(import_blocks(lost))

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
        client("ec2", self._endpoint, self._region).revoke_security_group_egress(
            GroupId=group, SecurityGroupRuleIds=[resource.id]
        )
        return True

    def _kill_at(self, cut: float, command: str, total: int, done: int) -> Watch:
        """Return a watch that kills at a share of the resources, but after at least one more."""
        return self._watch(command, total, done, kill=max(math.ceil(total * cut), done + 1))

    def _watch(
        self, command: str, total: int = 0, done: int = 0, *, kill: int | None = None
    ) -> Watch:
        """Return a watch that shows the progress, and kills after ``kill`` resources.

        ``done`` is the number of resources that earlier runs of the command finished.
        """

        def watch(applied: Applied) -> bool:
            finished = done + len(applied.finished)
            self._progress(f"{command} {finished} of {total}" if total else command)
            return kill is not None and finished >= kill

        return watch

    def _wait_for_running_calls(self) -> None:
        """Wait until AWS has finished the calls of the killed provider."""
        calls = -1
        while calls != (calls := self._record.calls()):
            time.sleep(1)


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
