"""``finbase apply``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from generator.commands.shared import FOUND, rendered_stack, terminal_width

__all__ = ["apply"]


@click.command()
@click.argument("environment", metavar="ENV")
@click.argument(
    "plan_file",
    metavar="[PLAN]",
    required=False,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)
@click.option("--accept-data-loss", is_flag=True, help="Apply even where something is lost.")
@click.pass_obj
def apply(
    project: Path | None, environment: str, plan_file: Path | None, accept_data_loss: bool
) -> None:
    """Check the saved PLAN of ENV, and apply that very plan.

    PLAN is what `finbase plan` saved; default: ENV.tfplan in the project. Nothing is applied,
    and 1 is the exit code, where a failure of the catalogue is in the plan, or where a
    database, a key, a secret or the like would be replaced or destroyed.

    \b
    Examples:
      finbase apply staging
      finbase apply production change-4711.tfplan
    """
    from generator import account, compliance
    from generator.plan_summary import summarise
    from generator.report import plan_text, terminal
    from generator.terraform import find_terraform

    root, stack = rendered_stack(project, environment)
    saved = plan_file or root / f"{environment}.tfplan"
    if not saved.is_file():
        raise click.UsageError(f"there is no {saved}: run `finbase plan {environment}` first")
    terraform = find_terraform()
    shown = account.show(terraform, stack, saved)
    verdict = compliance.run(shown, root / "features", environment=environment)
    if not verdict.passed:
        click.echo(terminal.table(verdict, False, terminal_width()), err=True)
        click.echo("a failure of the catalogue is in the plan, so nothing is applied", err=True)
        sys.exit(FOUND)
    summary = summarise(json.loads(shown))
    click.echo(plan_text.markdown(environment, summary))
    if summary.losses and not accept_data_loss:
        click.echo("something would be lost, so nothing is applied: --accept-data-loss", err=True)
        sys.exit(FOUND)
    account.apply(terraform, stack, saved)
    saved.unlink()  # It has been applied, and cannot be again.
