"""``finbase apply``."""

from __future__ import annotations

import filecmp
import json
import shutil
import sys
import tempfile
from pathlib import Path

import click

from finbase.commands._rendered import rendered_stack
from finbase.console import completion as names
from finbase.console.options import FOUND
from finbase.console.speech import echo, note, progress, say, terminal_width

__all__ = ["apply"]


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=names.environments)
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

    PLAN is what `finbase plan` saved; default: ENV.tfplan in the project. It has to be of ENV as
    it lies there, file by file, and on its own state. Nothing is applied, and 1 is the exit
    code, where a failure of the catalogue is in the plan, or where a database, a key, a secret
    or the like would be replaced or destroyed.

    \b
    Examples:
      finbase apply staging
      finbase apply production change-4711.tfplan
    """
    from finbase.errors import FinbaseError
    from finbase.plan import saved as saved_plan

    root, stack = rendered_stack(project, environment)
    saved = plan_file or root / f"{environment}.tfplan"
    if not saved.is_file():
        raise FinbaseError(f"there is no {saved}", f"run `finbase plan {environment}` first")
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
        # Whoever plans again meanwhile puts another plan in its place: this one is judged.
        plan = Path(shutil.copy(saved, scratch))
        saved_plan.verify(plan, stack, saved)
        _apply(plan, environment, root, stack, accept_data_loss=accept_data_loss)
        note(f"applied: {saved}")
        _put_away(plan, saved)


def _put_away(plan: Path, saved: Path) -> None:
    """Delete what has been applied, and cannot be again; where that fails, all is still well."""
    try:
        if filecmp.cmp(plan, saved, shallow=False):
            saved.unlink()
    except FileNotFoundError:
        pass  # Whoever deleted it meanwhile wanted the same.
    except OSError as error:
        note(f"note: {saved} has been applied, and could not be deleted: {error.strerror}")


def _apply(
    plan: Path, environment: str, root: Path, stack: Path, *, accept_data_loss: bool
) -> None:
    from finbase.judge import compliance
    from finbase.plan.summary import summarise
    from finbase.report import terminal
    from finbase.report.plan import PlanReport
    from finbase.terraform import account
    from finbase.terraform.program import find_terraform

    terraform = find_terraform()
    with progress() as watch:
        watch(environment, f"{terraform.command} show")
        shown = account.show(terraform, stack, plan)
        watch(environment, "features")
        verdict = compliance.run(shown, root / "features", environment=environment)
        watch(environment, "")
    if not verdict.passed:
        echo(terminal.text(verdict, colour=False, width=terminal_width()), err=True)
        echo(
            "a failure of the catalogue is in the plan, so nothing is applied\n"
            f"    hint: mend {environment}.yaml or the templates, render, and plan again",
            err=True,
        )
        sys.exit(FOUND)
    summary = summarise(json.loads(shown))
    say(PlanReport(environment, summary).text())
    if summary.losses and not accept_data_loss:
        lost = "\n".join(f"  {step.address}: {step.loses}" for step in summary.losses)
        echo(
            f"something would be lost, so nothing is applied:\n{lost}\n"
            "    hint: where that is meant, apply with --accept-data-loss",
            err=True,
        )
        sys.exit(FOUND)
    with progress(lines=True) as watch:
        account.apply(terraform, stack, plan, progress=watch)
