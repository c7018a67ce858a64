"""The usual course of a rehearsal: apply, rotate twice, plan in between, destroy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finbase.rehearsal.inventory import Resource
from finbase.rehearsal.lifecycle import Lifecycle
from finbase.rehearsal.run import Run, kept_logs

_ROTATIONS = 2


@dataclass(frozen=True)
class Cuts:
    """When to kill Terraform: fractions of all resources, from 0 to 1, in ascending order."""

    apply: Sequence[float] = ()
    destroy: Sequence[float] = ()


UNCUT = Cuts()


def live(run: Run, lifecycle: Lifecycle, cuts: Cuts, state_file: Path | None) -> None:
    """Run all steps but the last; raises ``EndError`` if a failure makes the rest pointless."""
    before = run.list_account()
    lifecycle.apply(cuts.apply, before)
    run.compare_passwords()
    with run.record.step("plan after the apply") as step:
        run.plan_again(step, "after the apply")
    if state_file:
        run.save_state(state_file)
    for number in range(1, _ROTATIONS + 1):
        with run.record.step(f"rotation {number}") as step:
            run.rotate(step)
    with run.record.step("plan after the rotations") as step:
        run.plan_again(step, "after the rotations")
    remove(run, lifecycle, cuts.destroy, before)


def remove(
    run: Run,
    lifecycle: Lifecycle,
    cuts: Sequence[float],
    before: frozenset[Resource],
    outlived: frozenset[str] = frozenset(),
) -> None:
    """Destroy the stack, and list what is left beside what the account had ``before``.

    ``outlived`` are the log groups of what the stack lost earlier, which must exist as well.
    """
    lifecycle.lift_protection()
    kept = kept_logs(run.stack.state()) | outlived
    lifecycle.destroy(cuts)
    run.show("destroy", run.stack.state())
    run.list_leftovers(before, kept)
