"""``finbase plan``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._losses import refuse_unknown
from finbase.commands._project import answer
from finbase.commands._rendered import rendered_stack
from finbase.console import completion
from finbase.console.options import FOUND, accept_loss_option, json_option
from finbase.console.speech import note, progress


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=completion.environments)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan to FILE; default: ENV.tfplan in the project.",
)
@accept_loss_option
@json_option("the summary")
@click.pass_obj
def plan(
    project: Path | None,
    environment: str,
    out: Path | None,
    accepted: frozenset[str],
    json_file: BinaryIO | None,
) -> None:
    """Plan ENV on its AWS account and backend, save the plan, and summarise it by module.

    Terraform runs in environments/ENV with the credentials of this shell. The summary on standard
    output is Markdown for a review; the output of Terraform goes to standard error. Exits with 1
    if data or evidence would be lost that --accept-loss does not name, if a provisioner would run,
    if a changed port, host, user or database would not reach the connection secret, if a major
    version or the source of a replica would be refused, or if the stack is not as rendered. FILE of
    --json can be `-` for standard output; the summary then goes to standard error.

    \b
    Examples:
      finbase plan staging
      finbase plan production --out change-4711.tfplan > summary.md
      finbase plan staging --accept-loss module.cache.aws_elasticache_serverless_cache.main
    """
    from finbase.plan.summary import summarise
    from finbase.report.plan import PlanReport
    from finbase.terraform import account
    from finbase.terraform.program import find_terraform

    root, stack, _ = rendered_stack(project, environment)
    saved = out or root / f"{environment}.tfplan"
    terraform = find_terraform()
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
        data = Path(scratch)
        with progress(lines=True) as watch:
            account.initialise(terraform, stack, data, progress=watch)
            account.make_plan(terraform, stack, data, saved, progress=watch)
        with progress() as watch:
            watch(environment, f"{terraform.command} show")
            summary = summarise(json.loads(account.show(terraform, stack, data, saved)))
    answer(PlanReport(environment, summary, accepted), json_file)
    note(f"saved: {saved}; apply it with `finbase apply {environment} {saved}`")
    refuse_unknown(summary, accepted)
    problems = (summary.unaccepted(accepted), summary.provisioners, summary.stale, summary.upgrades)
    refused = (summary.lost_resets, summary.moved_replicas, summary.cache_settings)
    if any(problems) or any(refused):
        sys.exit(FOUND)
