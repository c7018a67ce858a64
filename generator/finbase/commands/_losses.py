"""Losses that a person accepts by name, with ``--accept-loss``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finbase.commands._project import refuse

if TYPE_CHECKING:
    from collections.abc import Collection

    from finbase.plan.summary import Summary


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
