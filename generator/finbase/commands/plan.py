"""``finbase plan``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._on_account import plan_on_account, refuse_unknown
from finbase.commands._project import answer, pass_root
from finbase.commands._rendered import rendered_stack
from finbase.console.options import FOUND, accept_loss_option, environment_argument, json_option
from finbase.console.speech import note


@click.command()
@environment_argument
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan to FILE; default: ENV.tfplan in the project.",
)
@accept_loss_option
@json_option("the summary")
@pass_root
def plan(
    root: Path,
    environment: str,
    out: Path | None,
    accepted: frozenset[str],
    json_file: BinaryIO | None,
) -> None:
    """Plan ENV on its AWS account and backend, save the plan, and summarise it by module.

    Terraform runs in environments/ENV with the credentials of this shell. The summary on standard
    output is Markdown for a review; the output of Terraform goes to standard error. Exits with 1
    if data or evidence would be lost that --accept-loss does not name, if AWS or the provider
    would refuse a change during the apply, if the connection secret would not match the database,
    if a function would keep code that differs from the configuration, if a provisioner would run,
    or if the files of the stack are not as rendered. FILE of --json can be `-` for standard output;
    the summary then goes to standard error.

    \b
    Examples:
      finbase plan staging
      finbase plan production --out change-4711.tfplan > summary.md
      finbase plan staging --accept-loss module.cache.aws_elasticache_serverless_cache.main
    """
    from finbase.plan.summary import summarise
    from finbase.report.plan import PlanReport

    stack, _ = rendered_stack(root, environment)
    saved = out or root / f"{environment}.tfplan"
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
        summary = summarise(json.loads(plan_on_account(stack, Path(scratch), saved)))
    answer(PlanReport(environment, summary, accepted), json_file)
    note(f"saved: {saved}; apply it with `finbase apply {environment} {saved}`")
    refuse_unknown(summary, accepted)
    if summary.unaccepted(accepted) or summary.refused:
        sys.exit(FOUND)
