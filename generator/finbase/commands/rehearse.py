"""``finbase rehearse``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._rendered import load_rendered, note_difference
from finbase.console import completion as names
from finbase.console.options import FOUND, json_option
from finbase.console.speech import echo, output_stream, progress, say, terminal_width

__all__ = ["rehearse"]

_SHARE = click.IntRange(1, 99)


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=names.environments)
@json_option("the steps, drifts and problems")
@click.option("--keep", is_flag=True, help="Leave the scratch folder, and say where it is.")
@click.option(
    "--cut-apply",
    metavar="PERCENT",
    type=_SHARE,
    multiple=True,
    help="Kill Terraform after that share of the resources, and go on; may be repeated.",
)
@click.option(
    "--cut-destroy",
    metavar="PERCENT",
    type=_SHARE,
    multiple=True,
    help="Likewise, in the destroy.",
)
@click.pass_obj
def rehearse(
    project: Path | None,
    environment: str,
    json_file: BinaryIO | None,
    keep: bool,
    cut_apply: tuple[int, ...],
    cut_destroy: tuple[int, ...],
) -> None:
    """Apply ENV to a local AWS, rotate its password twice, and destroy it again.

    Real Terraform, the real provider, the stack's own function and a real PostgreSQL, on this
    machine alone: no account, no network. Both plans in between must find nothing to do, no
    password may be in any file, and nothing may be left. Takes minutes, most of it waiting.
    Exits 1 where something is wrong.

    \b
    Examples:
      finbase rehearse development
      finbase rehearse production --json rehearsal.json
      finbase rehearse development --cut-apply 25 --cut-apply 75
    """
    from finbase.errors import FinbaseError
    from finbase.project.find import find_project
    from finbase.rehearsal.rehearse import Cuts
    from finbase.rehearsal.rehearse import rehearse as hold
    from finbase.rehearsal.scratch import scratch_folder
    from finbase.report import documents
    from finbase.report.rehearsal import RehearsalReport
    from finbase.terraform.program import find_terraform

    root = find_project(project)
    found = load_rendered(root, [environment])
    if not found.clean:
        note_difference("rehearsed")
    [loaded] = found.environments
    if not (root / "environments" / environment).is_dir():
        raise FinbaseError(
            f"{environment} is not rendered, so there is nothing to rehearse",
            f"run `finbase render {environment}`",
        )
    terraform = find_terraform()
    with progress() as watch, scratch_folder(keep=keep) as scratch:
        try:
            result = hold(
                root,
                environment,
                account_id=loaded.account_id,
                region=loaded.region,
                scratch=scratch,
                terraform=terraform,
                progress=watch,
                cuts=Cuts(_shares(cut_apply), _shares(cut_destroy)),
            )
        finally:
            if keep:  # Asked for, so told when quiet, too.
                echo(f"kept: {scratch}", err=True)
    stream, _ = output_stream(json_file)
    report = RehearsalReport(result, terminal_width())
    tell = say if result.passed else echo
    tell(report.text(), file=stream)
    if json_file:
        json_file.write(documents.render(report))
    if not result.passed:
        sys.exit(FOUND)


def _shares(percents: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(percent / 100 for percent in sorted(set(percents)))
