"""The life of a stack on a local AWS: applied, rotated, planned again, destroyed.

Everything happens in a scratch folder with real Terraform, the real provider, the stack's own
function and a real PostgreSQL; only AWS is a local one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from finbase.rehearsal.drift import changes, drifts
from finbase.rehearsal.inventory import Thing, inventory
from finbase.rehearsal.model import Drift, Rehearsal, Search, Step
from finbase.rehearsal.orphans import IMPORTS, import_blocks, orphans
from finbase.rehearsal.record import EndError, Record, StepLog
from finbase.rehearsal.scratch import ignore_signals_on_exit
from finbase.rehearsal.search import SHORTEST, search
from finbase.rehearsal.secrets import Secrets
from finbase.rehearsal.terraform import Applied, RehearsalWorkspace, Stack, managed
from finbase.sandbox import postgres, server
from finbase.sandbox.client import client
from finbase.system.progress import Watch
from finbase.terraform.program import Terraform

__all__ = ["Cuts", "Observe", "rehearse"]

Observe = Callable[[str, Mapping[str, Any]], None]
"""Shown the state as each later plan has found it, and the one after the destroy."""

_ROTATIONS = 2
_LIFTED = "zz_finbase_lifted_override.tf"


@dataclass(frozen=True)
class Cuts:
    """Where Terraform is killed: shares of the resources, between 0 and 1, in rising order."""

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
    cuts: Cuts = Cuts(),
    trace: bool = False,
    observe: Observe | None = None,
) -> Rehearsal:
    """Rehearse the rendered stack of one environment.

    ``scratch`` is an empty folder, as ``scratch_folder`` makes it. With ``trace`` Terraform and its
    provider log all that they can, into the same folder. Raises ``FinbaseError`` where the
    rehearsal cannot be held at all; what goes wrong with the stack is in the result.
    """
    postgres.find_postgres()
    aws, work = scratch / "aws", scratch / "work"
    aws.mkdir()
    work.mkdir()
    variables = {"TF_LOG": "trace", "TF_LOG_PATH": str(work / "trace.log")} if trace else {}
    tell = partial(progress, environment)
    tell("initialise")
    began = time.monotonic()
    with (
        server.running(aws, account_id=account_id, region=region) as sandbox,
        RehearsalWorkspace(terraform, work) as yard,
        ignore_signals_on_exit(),
    ):
        stack = yard.lay_out(
            root / "environments" / environment,
            project=root,
            overrides=server.overrides(sandbox.url),
            variables=variables,
        )
        record = Record(sandbox.log, tell)
        record.steps.append(Step("initialise", time.monotonic() - began, 0))
        run = _Run(sandbox, region, stack, scratch, record, tell, observe)
        with suppress(EndError):
            run.live(cuts)
        with suppress(EndError):
            run.look_for_passwords()
    return Rehearsal(
        environment, tuple(record.steps), tuple(run.drifts), tuple(run.kept), run.searched
    )


class _Run:
    """A rehearsal and what it has seen so far."""

    def __init__(
        self,
        sandbox: server.Sandbox,
        region: str,
        stack: Stack,
        scratch: Path,
        record: Record,
        progress: Callable[[str], None],
        observe: Observe | None,
    ) -> None:
        self._sandbox, self._region, self._stack = sandbox, region, stack
        self._scratch, self._record = scratch, record
        self._progress, self._observe = progress, observe
        self._secrets = Secrets(sandbox.url, region)
        self.drifts: list[Drift] = []
        self.kept: list[str] = []
        self.searched = Search()

    def live(self, cuts: Cuts) -> None:
        """Go through all steps; ``EndError`` where it makes no sense to go on."""
        with self._record.step("look at the empty account") as step:
            before = self._inventory()
            step.told.append(f"{len(before)} things are there")
        self._apply(cuts.apply, before)
        self._compare_passwords()
        self._plan_again("after the apply")
        for number in range(1, _ROTATIONS + 1):
            self._rotate(number)
        self._plan_again("after the rotations")
        self._lift_protection()
        self._destroy(cuts.destroy)
        self._look_for_leftovers(before)

    def look_for_passwords(self) -> None:
        """Search the whole scratch folder for every password that there has been."""
        with self._record.step("look for passwords") as step:
            self._secrets.collect()
            self.searched, gaps = search(self._scratch, self._secrets.passwords)
            step.problems += [f"a password is in {place}" for place in self.searched.found]
            step.problems += [f"not searched: {place}" for place in gaps.unread]
            step.told.append(
                f"{self.searched.passwords} passwords, {self.searched.files} files, "
                f"{self.searched.bytes / 1e6:.0f} MB"
            )
            if gaps.short:
                step.told.append(f"{gaps.short} left out, of fewer than {SHORTEST} characters")

    # The steps -------------------------------------------------------------------------------

    def _apply(self, cuts: Sequence[float], before: frozenset[Thing]) -> None:
        with self._record.step("plan") as step:
            _, plan = self._stack.plan("first")
            total = len(changes(plan))
            step.told.append(f"{total} resources to create")
        done = 0
        for cut in cuts:
            with self._record.step(f"apply, killed at {cut:.0%}") as step:
                watch = self._watch(
                    "apply", total, done, kill=max(math.ceil(total * cut), done + 1)
                )
                done += self._killed(step, self._stack.apply("first", watch))
            with self._record.step("take up what was lost") as step:
                self._take_up(step, before)
            with self._record.step("plan what is left") as step:
                _, plan = self._stack.plan("first")
                step.told.append(f"{len(changes(plan))} resources to go")
        with self._record.step("apply") as step:
            step.take(self._stack.apply("first", self._watch("apply", total, done)))
            (self._stack.folder / IMPORTS).unlink(missing_ok=True)

    def _compare_passwords(self) -> None:
        """See that secret and instance agree, and that the instance takes no other password."""
        with self._record.step("compare passwords") as step:
            self._secrets.collect()
            secrets = self._secrets.rotated(self._stack.state())
            if not secrets:
                step.problems.append("the stack has no secret that is rotated")
                return
            for secret in secrets:
                held = self._secrets.current(secret)
                if self._secrets.given(held) != held.password:
                    step.problems.append(f"RDS was given another password than {secret} holds")
                if not self._secrets.opens(held, held.password):
                    step.problems.append(f"{held.host} refuses the password of {secret}")
                if self._secrets.opens(held, held.password[::-1]):
                    step.problems.append(f"{held.host} takes any password")
                step.told.append(f"{held.host} takes the password of its secret, and no other")
            for failure in self._secrets.failed_tests(secrets):
                step.problems.append(f"the test of the rotation's set-up has failed: {failure}")
            step.told.append("the function's test of its set-up has passed")

    def _plan_again(self, when: str) -> None:
        """Plan, which must find nothing to do."""
        with self._record.step(f"plan {when}") as step:
            changed, plan = self._stack.plan(f"plan-{when.replace(' ', '-')}")
            found = drifts(plan, when)
            self.drifts += found
            step.told.append(f"{len(found)} changes" if changed else "No changes")
            step.problems += [
                f"the plan {when} wants to {d.action} {d.address}: {', '.join(d.arguments)}"
                for d in found
                if not d.excuse
            ]
            self._show(when, plan.get("prior_state", {}))
            if changed and not found:
                step.problems.append(f"the plan {when} is not empty")

    def _rotate(self, number: int) -> None:
        """Rotate every secret of the stack through its function."""
        with self._record.step(f"rotation {number}") as step:
            for secret in self._secrets.rotated(self._stack.state()):
                before, after = self._secrets.rotate(secret)
                self._secrets.passwords.add(after.password)
                if self._secrets.opens(after, before.password):
                    step.problems.append(f"{after.host} still takes the old password")
                if not self._secrets.opens(after, after.password):
                    step.problems.append(f"{after.host} refuses the new password")
                step.told.append(f"{after.host} refuses the old password and takes the new one")

    def _lift_protection(self) -> None:
        """Do what has to be done before a protected database can be destroyed."""
        with self._record.step("lift the protection") as step:
            modules = {
                resource["address"].split(".")[1]
                for resource in managed(self._stack.state())
                if resource["values"].get("deletion_protection") is True
            }
            if not modules:
                step.told.append("nothing is protected from deletion")
                return
            blocks = (
                f'module "{m}" {{\n  deletion_protection = false\n}}\n' for m in sorted(modules)
            )
            (self._stack.folder / _LIFTED).write_text("\n".join(blocks))
            self._stack.plan("lifted")
            step.take(self._stack.apply("lifted", self._watch("lift the protection")))
            step.told.append(f"deletion_protection: false for {', '.join(sorted(modules))}")

    def _destroy(self, cuts: Sequence[float]) -> None:
        total, done = len(list(managed(self._stack.state()))), 0
        for cut in cuts:
            with self._record.step(f"destroy, killed at {cut:.0%}") as step:
                kill = max(math.ceil(total * cut), done + 1)
                watch = self._watch("destroy", total, done, kill=kill)
                done += self._killed(step, self._stack.destroy(watch))
        with self._record.step("destroy") as step:
            step.take(self._stack.destroy(self._watch("destroy", total, done)))
        self._show("destroy", self._stack.state())

    def _look_for_leftovers(self, before: frozenset[Thing]) -> None:
        """See that state and account are empty but for what AWS itself keeps."""
        with self._record.step("look for leftovers") as step:
            left = sorted(self._inventory() - before, key=str)
            self.kept = [str(thing) for thing in left if thing.going]
            step.problems += [f"{thing} is still there" for thing in left if not thing.going]
            step.problems += [
                f"{resource['address']} is still in the state"
                for resource in managed(self._stack.state())
            ]
            step.told.append(f"none; AWS itself keeps {len(self.kept)}")

    # What they use ---------------------------------------------------------------------------

    def _killed(self, step: StepLog, applied: Applied) -> int:
        if not applied.killed:
            step.take(applied)
            step.problems.append("it had ended before it was to be killed")
            raise EndError
        step.resources = len(applied.finished)
        step.told.append(f"{len(applied.begun)} more were in the making")
        if applied.torn:
            step.told.append(f"{applied.torn} times the state was just being written")
        return step.resources

    def _take_up(self, step: StepLog, before: frozenset[Thing]) -> None:
        """Import each resource that Terraform was killed too early to know of."""
        self._wait_for_quiet()
        # What an earlier cut wanted to import is lost still, unless it is in the state.
        (self._stack.folder / IMPORTS).unlink(missing_ok=True)
        _, plan = self._stack.plan("lost")
        lost = orphans(self._inventory() - before, self._stack.state(), plan)
        step.resources = len(lost)
        stray = [o.thing for o in lost if o.address is None and self._delete_stray_rule(o.thing)]
        step.problems += [
            f"{orphan.thing} is in no state, and no plan's"
            for orphan in lost
            if orphan.address is None and orphan.thing not in stray
        ]
        named = ", ".join(orphan.address for orphan in lost if orphan.address)
        step.told.append(f"import blocks for {named}" if named else "nothing was")
        step.told += [f"deleted {thing}, which only AWS wanted" for thing in stray]
        (self._stack.folder / IMPORTS).write_text(import_blocks(lost))

    def _delete_stray_rule(self, thing: Thing) -> bool:
        """Delete the rule to everywhere that AWS gives a new group, and Terraform takes away."""
        if thing.type != "aws_vpc_security_group_egress_rule" or "0.0.0.0/0" not in thing.facts:
            return False
        [group] = [fact for fact in thing.facts if fact.startswith("sg-")]
        client("ec2", self._sandbox.url, self._region).revoke_security_group_egress(
            GroupId=group, SecurityGroupRuleIds=[thing.id]
        )
        return True

    def _watch(
        self, command: str, total: int = 0, done: int = 0, *, kill: int | None = None
    ) -> Callable[[Applied], bool]:
        """Tell the progress; with ``kill``, kill once so many are finished, ``done`` included."""

        def watch(applied: Applied) -> bool:
            finished = done + len(applied.finished)
            self._progress(f"{command} {finished} of {total}" if total else command)
            return kill is not None and finished >= kill

        return watch

    def _show(self, what: str, state: Mapping[str, Any]) -> None:
        if self._observe is not None:
            self._observe(what, state)

    def _inventory(self) -> frozenset[Thing]:
        return inventory(self._sandbox.url, self._region)

    def _wait_for_quiet(self) -> None:
        """Let calls end whose caller was killed."""
        calls = -1
        while calls != (calls := self._record.calls()):
            time.sleep(1)
