"""``finbase plan``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from generator.commands.shared import FOUND, rendered_stack

__all__ = ["plan"]


@click.command()
@click.argument("environment", metavar="ENV")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the plan is saved; default: ENV.tfplan in the project.",
)
@click.pass_obj
def plan(project: Path | None, environment: str, out: Path | None) -> None:
    """Plan ENV on its real account and backend, save the plan, and sum it up by module.

    Terraform runs in environments/ENV with the credentials of this shell. The summary, on
    standard output, is Markdown for a review; what Terraform says goes to standard error. Exits
    1 where something would be lost, or where the stack is not as rendered.

    \b
    Examples:
      finbase plan staging
      finbase plan production --out change-4711.tfplan > summary.md
    """
    from generator import account
    from generator.plan_summary import summarise
    from generator.report import plan_text
    from generator.terraform import find_terraform

    root, stack = rendered_stack(project, environment)
    saved = out or root / f"{environment}.tfplan"
    terraform = find_terraform()
    account.make_plan(terraform, stack, saved)
    summary = summarise(json.loads(account.show(terraform, stack, saved)))
    click.echo(plan_text.markdown(environment, summary))
    click.echo(f"saved: {saved}; apply it with finbase apply {environment} {saved}", err=True)
    if summary.losses:
        sys.exit(FOUND)
