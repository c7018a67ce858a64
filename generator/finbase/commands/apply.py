"""``finbase apply``."""

from __future__ import annotations

import filecmp
import json
import shutil
import sys
import tempfile
from pathlib import Path

import click

from finbase.commands._rendered import rendered_stack, require_released_controls
from finbase.console import completion
from finbase.console.options import FOUND, accept_data_loss_option, own_catalogue_option
from finbase.console.speech import echo, error, note, progress, say, terminal_width


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=completion.environments)
@click.argument(
    "plan_file",
    metavar="[PLAN]",
    required=False,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)
@accept_data_loss_option
@own_catalogue_option
@click.pass_obj
def apply(
    project: Path | None,
    environment: str,
    plan_file: Path | None,
    accept_data_loss: bool,
    own_catalogue: bool,
) -> None:
    """Check the saved PLAN of ENV, and apply exactly this plan.

    PLAN is the file that `finbase plan` saved; default: ENV.tfplan in the project. It must match
    what is rendered and released, file by file, and the state of ENV. Nothing is applied, and the
    exit code is 1, if the plan contains a failure of the catalogue, or if it would replace or
    destroy a database, a key, a secret or other data, or if the project's controls are not those
    of finbase.

    \b
    Examples:
      finbase apply staging
      finbase apply production change-4711.tfplan
    """
    from finbase.errors import FinbaseError
    from finbase.plan.saved import verify
    from finbase.release.standing import vouched_files

    root, stack, standing = rendered_stack(project, environment)
    require_released_controls(root, own=own_catalogue)
    saved = plan_file or root / f"{environment}.tfplan"
    if not saved.is_file():
        raise FinbaseError(f"{saved} does not exist", f"run `finbase plan {environment}` first")
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
        # Another `finbase plan` may replace the file meanwhile: check and apply the same copy.
        plan = Path(shutil.copy(saved, scratch))
        verify(plan, stack, saved, vouched_files(root, standing, environment))
        _apply(plan, environment, root, stack, accept_data_loss=accept_data_loss)
        note(f"applied: {saved}")
        _delete_applied(plan, saved)


def _delete_applied(plan: Path, saved: Path) -> None:
    """Delete the saved plan, which cannot be applied again; a failure is only noted."""
    try:
        if filecmp.cmp(plan, saved, shallow=False):
            saved.unlink()
    except FileNotFoundError:
        pass  # Somebody else has deleted it.
    except OSError as error:
        note(f"note: {saved} was applied but could not be deleted: {error.strerror}")


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
    data = plan.parent / "data"
    with progress(lines=True) as watch:
        account.initialise(terraform, stack, data, progress=watch)
    with progress() as watch:
        watch(environment, f"{terraform.command} show")
        plan_json = account.show(terraform, stack, data, plan)
        watch(environment, "features")
        verdict = compliance.run(
            plan_json,
            root / "features",
            environment=environment,
            rendered=True,
            stack=stack,  # It equals the plan's: ``verify`` has compared them.
        )
        watch(environment, "")
    if not verdict.passed:
        echo(terminal.text(verdict, colour=False, width=terminal_width()), err=True)
        error(
            "the plan contains a failure of the catalogue, so nothing was applied\n"
            f"    hint: fix {environment}.yaml or the templates, render, and plan again"
        )
        sys.exit(FOUND)
    summary = summarise(json.loads(plan_json))
    say(PlanReport(environment, summary).text())
    if summary.provisioners:
        error(
            "the stack has provisioners, so nothing was applied: "
            f"{', '.join(summary.provisioners)}\n"
            "    hint: remove them; no plan shows what a provisioner does"
        )
        sys.exit(FOUND)
    if summary.losses and not accept_data_loss:
        lost = "\n".join(f"  {step.address}: {step.loses}" for step in summary.losses)
        error(
            f"data would be lost, so nothing was applied:\n{lost}\n"
            "    hint: if this is intended, apply with --accept-data-loss"
        )
        sys.exit(FOUND)
    with progress(lines=True) as watch:
        account.apply(terraform, stack, data, plan, progress=watch)
