"""``finbase prove``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import answer, load_environment, pass_root
from finbase.commands._rendered import refuse_planted, require_released_controls
from finbase.console import completion
from finbase.console.options import jobs_option, json_option
from finbase.console.speech import echo, output_stream, progress, say


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=completion.failures)
@json_option("the matrix")
@click.option(
    "--environment",
    metavar="ENV",
    default="",
    shell_complete=completion.environments,
    help="Change the stack of ENV, at the versions that it pins.",
)
@click.option(
    "--applied",
    is_flag=True,
    help="Plan each change for the applied stack; its state is in features/applied/.",
)
@click.option("--own", is_flag=True, help="Prove the controls of the project itself only.")
@jobs_option
@pass_root
def prove(
    root: Path,
    ids: tuple[str, ...],
    environment: str,
    json_file: BinaryIO | None,
    applied: bool,
    own: bool,
    jobs: int,
) -> None:
    """Put each failure back, one at a time, and prove that its own scenarios detect it.

    ID is a failure (F04a) or a mutation of features/mutations/ or features/own/mutations/; default:
    all. The changes are made in a copy of the rendered files. A project of `finbase init` has only
    mutations of its own; those of finbase then change the stacks that finbase was released with.
    Exits with 1 if a mutation is not detected, if it fails scenarios of an unrelated failure, or if
    a control has no mutation. With --applied, a mutation that plans no change is listed as
    UNCHANGED: an argument that is no longer set keeps its value on AWS. A mutation of what the
    stack lacks is not applicable, and counts neither as caught nor as missed.

    \b
    Examples:
      finbase prove
      finbase prove F01 F10
      finbase prove nat-gateway-single --json matrix.json
      finbase prove F07a F07b F07c --environment staging
      finbase prove F04d --applied
      finbase prove --own
    """
    from finbase.commands._evidence import checkout_of
    from finbase.judge.prove import catalogue_hash, select, unproved
    from finbase.judge.prove import prove as run
    from finbase.report.matrix import MatrixReport, Proved
    from finbase.system.clock import now

    refuse_planted(root)
    if environment:
        load_environment(root, environment)
    mutations = select(root, ids, environment, own=own)
    if any(mutation.project for mutation in mutations):
        require_released_controls(root, own=False)
    of = Proved()
    if json_file:
        checkout = checkout_of(root)
        commit, changed = (checkout.commit, checkout.changed) if checkout else (None, None)
        of = Proved(catalogue_hash(root), now().isoformat(), commit, changed)
    _, colour = output_stream(json_file)
    with progress(len(mutations)) as watch:
        outcomes = run(root, mutations, jobs=jobs, progress=watch, applied=applied)
    report = MatrixReport(outcomes, colour, applied, unproved(root, ids, own=own), of)
    show = say if report.proved else echo
    answer(report, json_file, show=show, color=colour, found=not report.proved)
