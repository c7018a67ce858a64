"""Plans on the account of a stack, and the losses in them that a person accepts by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finbase.commands._project import refuse
from finbase.console.speech import progress

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from finbase.plan.summary import Summary


def plan_on_account(stack: Path, scratch: Path, saved: Path) -> bytes:
    """Plan a stack with its own backend, and save the plan; return it as JSON."""
    from finbase.terraform import account
    from finbase.terraform.program import find_terraform

    terraform, data = find_terraform(), scratch / "data"
    with progress(lines=True) as watch:
        account.initialise(terraform, stack, data, progress=watch)
        account.make_plan(terraform, stack, data, saved, progress=watch)
    with progress() as watch:
        watch(stack.name, f"{terraform.command} show")
        return account.show(terraform, stack, data, saved)


def refuse_unknown(summary: Summary, accepted: Collection[str]) -> None:
    """Exit with 1 if an accepted address is not one of the losses of the plan."""
    from finbase.source.scalars import printable

    lost = {step.address for step in summary.losses}
    if unknown := sorted({*accepted} - lost):
        names = "".join(f"\n  {printable(address, 200)}" for address in unknown)
        refuse(
            f"--accept-loss names what this plan does not lose:{names}\n"
            "    hint: copy the addresses from the lines DATA LOSS of the plan's summary"
        )
