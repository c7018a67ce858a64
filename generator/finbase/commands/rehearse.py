"""``finbase rehearse``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import answer, pass_root
from finbase.commands._rendered import load_rendered, note_difference, refuse_planted
from finbase.console.options import Whole, environment_argument, json_option
from finbase.console.speech import echo, progress, say, terminal_width

_SHARE = Whole(1, 99)


@click.command()
@environment_argument
@json_option("the steps, drifts and problems")
@click.option(
    "--life",
    "whole_life",
    is_flag=True,
    help="Change, upgrade, reset, restore, destroy and create the stack again.",
)
@click.option("--keep", is_flag=True, help="Keep the scratch folder, and print its path.")
@click.option(
    "--cut-apply",
    metavar="PERCENT",
    type=_SHARE,
    multiple=True,
    help="Kill Terraform after this share of the resources, then resume; repeatable.",
)
@click.option(
    "--cut-destroy",
    metavar="PERCENT",
    type=_SHARE,
    multiple=True,
    help="Do the same during the destroy; repeatable.",
)
@click.option(
    "--save-state",
    "state_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the state of the applied stack, compressed, for `finbase prove --applied`.",
)
@pass_root
def rehearse(
    root: Path,
    environment: str,
    json_file: BinaryIO | None,
    whole_life: bool,
    keep: bool,
    cut_apply: tuple[int, ...],
    cut_destroy: tuple[int, ...],
    state_file: Path | None,
) -> None:
    """Apply ENV to a local AWS, rotate its password twice, and destroy it.

    Runs Terraform, the AWS provider, the stack's own function and a PostgreSQL on this machine,
    without an account or a network. Exits with 1 if a plan fails a control or finds changes in
    between, if a password is in a file, if a resource remains, or if a step fails. Takes minutes,
    mostly waiting; prints each step on standard error as it ends.

    With --life, ENV goes through a year instead: the file is edited, applied and planned again for
    each change, and after each one the secret must open the database, and data, audit logs and
    backups must still exist. Takes up to an hour. No file of the project is changed.

    \b
    Examples:
      finbase rehearse development
      finbase rehearse production --json rehearsal.json
      finbase rehearse staging --life
      finbase rehearse development --cut-apply 25 --cut-apply 75
      finbase rehearse production --save-state features/applied/production.state.gz
    """
    if whole_life and (cut_apply or cut_destroy or state_file):
        raise click.UsageError("--life has no kills and saves no state; leave out other options")
    from finbase.contract.registry import Registry
    from finbase.errors import FinbaseError
    from finbase.judge import compliance
    from finbase.judge.ready import Ready
    from finbase.rehearsal.life.course import Life
    from finbase.rehearsal.rehearse import rehearse as run
    from finbase.rehearsal.scratch import scratch_folder
    from finbase.rehearsal.usual import Cuts
    from finbase.report.rehearsal import RehearsalReport, step_line
    from finbase.system.processes import Processes
    from finbase.terraform.program import find_terraform

    refuse_planted(root)
    standing = load_rendered(root, [environment])
    if not standing.clean:
        note_difference(standing, "rehearsed")
    [loaded] = standing.environments
    if not (root / "environments" / environment).is_dir():
        raise FinbaseError(
            f"{environment} is not rendered yet",
            f"run `finbase render {environment}`",
        )
    terraform = find_terraform()

    def judge(plan: bytes, stack: Path) -> list[str]:
        verdict = compliance.run(
            plan,
            root / "features",
            environment=environment,
            rendered=True,
            stack=stack,
            processes=ready,
        )
        return [row.id for row in verdict.by_failure() if row.open]

    with (
        progress() as watch,
        scratch_folder(keep=keep) as scratch,
        Processes() as processes,
        Ready(processes) as ready,
    ):
        try:
            result = run(
                root,
                environment,
                account_id=loaded.account_id,
                region=loaded.region,
                scratch=scratch,
                terraform=terraform,
                progress=watch,
                judge=judge,
                ended=lambda step: say(step_line(step), err=True),
                state_file=state_file,
                life=Life(loaded, Registry(root), root) if whole_life else None,
                cuts=Cuts(_shares(cut_apply), _shares(cut_destroy)),
            )
        finally:
            if keep:  # The user asked for it, so print it with --quiet, too.
                echo(f"kept: {scratch}", err=True)
    report = RehearsalReport(result, terminal_width())
    show = say if result.passed else echo
    answer(report, json_file, show=show, found=not result.passed)


def _shares(percents: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(percent / 100 for percent in sorted(set(percents)))
