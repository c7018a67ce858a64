"""``finbase graph``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from finbase.commands._project import load_environment, pass_root
from finbase.commands._rendered import refuse_planted
from finbase.console import completion
from finbase.console.options import Choice, OutputFile, cache_option, plan_option
from finbase.console.speech import progress

if TYPE_CHECKING:
    from finbase.report.drawing.draw import Subject


@click.command()
@click.argument("environment", metavar="[ENV]", default="", shell_complete=completion.environments)
@click.option(
    "--format",
    "form",
    type=Choice(["mermaid", "svg"]),
    default="mermaid",
    show_default=True,
    help="Write Mermaid for Markdown documents, or SVG.",
)
@click.option(
    "--of",
    "subject",
    type=Choice(["modules", "network", "flows", "architecture"]),
    default="modules",
    show_default=True,
    help="Draw the wiring of modules, the zones and routes, every allowed flow, or (as SVG only) "
    "all of these in one picture.",
)
@plan_option("Draw this plan (from `terraform show -json`) instead of making one.")
@click.option(
    "--output",
    metavar="FILE",
    type=OutputFile(),
    default="-",
    help="Write to FILE instead of standard output.",
)
@cache_option
@pass_root
def graph(
    root: Path,
    environment: str,
    form: str,
    subject: Subject,
    plan_file: Path | None,
    output: BinaryIO,
    cache: bool,
) -> None:
    """Draw the stack of an environment from its plan, made offline without an AWS account.

    If `finbase check` has just made the same plan, its plan is used.

    \b
    Examples:
      finbase graph production
      finbase graph production --of network --format svg --output network.svg
      finbase graph production --of architecture --format svg --output production.svg
      finbase graph --plan plan.json --of network
    """
    from finbase.plan.document import read_shape
    from finbase.plan.graph import read_stack
    from finbase.plan.picture import read_picture
    from finbase.report.drawing.draw import standalone
    from finbase.report.drawing.mermaid import mermaid
    from finbase.system.clock import now

    if bool(environment) == bool(plan_file):
        raise click.UsageError("name either one environment, or a plan with --plan")
    if subject == "architecture" and form != "svg":
        raise click.UsageError("--of architecture requires --format svg")
    data = plan_file.read_bytes() if plan_file else _plan(root, environment, cache=cache)
    plan = read_shape(data, str(plan_file or environment))
    picture = read_picture(plan, read_stack(plan, root / "features"))
    if form == "svg":
        text = standalone(picture, subject, environment or str(plan_file), now())
    else:
        text = mermaid(picture, subject)
    output.write(text.encode())


def _plan(root: Path, environment: str, *, cache: bool) -> bytes:
    import tempfile

    from finbase.judge.cache.store import CacheUnavailableError, VerdictCache, cached_plan
    from finbase.terraform.program import find_terraform
    from finbase.terraform.provider import find_provider
    from finbase.terraform.workspace import Workspace

    refuse_planted(root)
    load_environment(root, environment)
    terraform = find_terraform()
    provider = find_provider(terraform)
    if cache:
        with suppress(CacheUnavailableError):
            verdicts = VerdictCache.open()
            if known := cached_plan(verdicts, root, environment, terraform, provider):
                return known
    with (
        tempfile.TemporaryDirectory(prefix="finbase-") as scratch,
        progress() as watch,
        Workspace(terraform, Path(scratch), provider) as workspace,
    ):
        watch(environment, "plan")
        return workspace.plan(root / "environments" / environment, project=root)
