"""``finbase apply``."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from finbase.commands._on_account import refuse_unknown
from finbase.commands._project import pass_root, refuse
from finbase.commands._rendered import rendered_stack, require_released_controls
from finbase.console.options import (
    accept_data_loss_option,
    accept_loss_option,
    environment_argument,
    own_catalogue_option,
)
from finbase.console.speech import echo, note, progress, say, terminal_width

if TYPE_CHECKING:
    from finbase.plan.summary import Summary

_AFTER_A_FAILURE: Final = {
    "password_wo_version": "if the update of the database failed, its new password was not set, "
    "although the state says that it was: increase database.password_generation once more, render "
    "and plan again",
    "source_code_hash": "if the update of a function failed, it runs the old code, although the "
    "state says otherwise: plan again, and `finbase plan` says how to upload the code",
}
"""Arguments that AWS does not return: the state has the planned value after a failed update."""


@click.command()
@environment_argument
@click.argument(
    "plan_file",
    metavar="[PLAN]",
    required=False,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)
@accept_loss_option
@accept_data_loss_option
@own_catalogue_option
@pass_root
def apply(
    root: Path,
    environment: str,
    plan_file: Path | None,
    accepted: frozenset[str],
    accept_data_loss: bool,
    own_catalogue: bool,
) -> None:
    """Check the saved PLAN of ENV, and apply exactly this plan.

    PLAN is the file that `finbase plan` saved; default: ENV.tfplan in the project. It must match
    what is rendered and released, file by file, and the state of ENV. Nothing is applied, and the
    exit code is 1, if the plan contains a failure of the catalogue, or if it would replace or
    destroy a database, a key, a secret or other data that --accept-loss does not name, or for each
    other reason for which `finbase plan` exits with 1, or if the project's controls are not those
    of finbase.

    \b
    Examples:
      finbase apply staging
      finbase apply production change-4711.tfplan
      finbase apply staging --accept-loss module.cache.aws_elasticache_serverless_cache.main
    """
    from finbase.errors import FinbaseError
    from finbase.judge.anchor import has_own_files
    from finbase.plan.saved import verify
    from finbase.release.standing import vouched_files

    stack, standing = rendered_stack(root, environment)
    require_released_controls(root, own=own_catalogue)
    saved = plan_file or root / f"{environment}.tfplan"
    if not saved.is_file():
        raise FinbaseError(f"{saved} does not exist", f"run `finbase plan {environment}` first")
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
        # Another `finbase plan` may replace the file meanwhile: check and apply the same copy.
        plan = Path(shutil.copy(saved, scratch))
        content = plan.read_bytes()
        verify(plan, stack, saved, vouched_files(root, standing, environment))
        summary = _judge(plan, environment, root, stack, None if accept_data_loss else accepted)
        runs_own = has_own_files(root / "features")
        if not runs_own:
            _apply(plan, content, stack, summary)
    if runs_own:
        # Steps of the project ran, and could write to every file of this user: compare all of them
        # again, initialise again, and apply what is in memory.
        _, standing = rendered_stack(root, environment)
        with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
            plan = Path(scratch, saved.name)
            plan.touch(0o600)
            plan.write_bytes(content)
            verify(plan, stack, saved, vouched_files(root, standing, environment))
            _initialise(plan, stack)
            _apply(plan, content, stack, summary)
    note(f"applied: {saved}")
    _delete_applied(content, saved)


def _delete_applied(content: bytes, saved: Path) -> None:
    """Delete the saved plan, which cannot be applied again; a failure is only noted."""
    try:
        if saved.read_bytes() == content:
            saved.unlink()
    except FileNotFoundError:
        pass  # Somebody else has deleted it.
    except OSError as error:
        note(f"note: {saved} was applied but could not be deleted: {error.strerror}")


def _judge(
    plan: Path, environment: str, root: Path, stack: Path, accepted: frozenset[str] | None
) -> Summary:
    """Judge and summarise a plan; exit with 1 if it must not be applied.

    ``accepted`` are the addresses of the losses that are accepted, or None for all.
    """
    from finbase.judge import compliance
    from finbase.plan.summary import summarise
    from finbase.report import terminal
    from finbase.report.plan import PlanReport
    from finbase.terraform import account
    from finbase.terraform.program import find_terraform

    terraform = find_terraform()
    data = _initialise(plan, stack)
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
        refuse(
            "the plan contains a failure of the catalogue, so nothing was applied\n"
            f"    hint: fix {environment}.yaml or the templates, render, and plan again"
        )
    summary = summarise(json.loads(plan_json))
    say(PlanReport(environment, summary, accepted or frozenset()).text())
    if summary.refused:
        reasons = "\n".join(
            f"  {r.kind}: {r.address} {r.why}\n    hint: {r.fix}" for r in summary.refused
        )
        refuse(f"the plan must not be applied, so nothing was applied:\n{reasons}")
    if accepted is None:
        return summary
    refuse_unknown(summary, accepted)
    if losses := summary.unaccepted(accepted):
        lost = "\n".join(f"  {step.address}: {step.loses}" for step in losses)
        refuse(
            f"data would be lost, so nothing was applied:\n{lost}\n"
            "    hint: if this is intended, name each address with --accept-loss, or accept every "
            "loss with --accept-data-loss"
        )
    return summary


def _initialise(plan: Path, stack: Path) -> Path:
    """Initialise the stack in a data folder beside the copy of the plan; return that folder."""
    from finbase.terraform import account
    from finbase.terraform.program import find_terraform

    data = plan.parent / "data"
    with progress(lines=True) as watch:
        account.initialise(find_terraform(), stack, data, progress=watch)
    return data


def _apply(plan: Path, content: bytes, stack: Path, summary: Summary) -> None:
    """Apply the plan if it still has the content that was judged."""
    from finbase.errors import FinbaseError, TerraformError
    from finbase.terraform import account
    from finbase.terraform.program import find_terraform

    if plan.read_bytes() != content:
        raise FinbaseError(
            f"{plan} was changed by another process, so nothing was applied",
            "find out which process of this user writes there, and plan again",
        )
    try:
        with progress(lines=True) as watch:
            data = plan.parent / "data"
            account.apply(find_terraform(), stack, data, plan, progress=watch)
    except TerraformError as failed:
        hints = [hint for name, hint in _AFTER_A_FAILURE.items() if summary.updates(name)]
        if not hints:
            raise
        raise TerraformError(failed.message, "; ".join(hints)) from failed
