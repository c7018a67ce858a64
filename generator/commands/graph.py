"""``finbase graph``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

if TYPE_CHECKING:
    from generator.report.drawing import Subject

__all__ = ["graph"]


@click.command()
@click.argument("environment", metavar="[ENV]", default="")
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "svg", "dot"]),
    default="mermaid",
    show_default=True,
    help="Mermaid for documents, SVG to look at, DOT for Graphviz.",
)
@click.option(
    "--of",
    "subject",
    type=click.Choice(["modules", "network", "flows"]),
    default="modules",
    show_default=True,
    help="What modules share; zones, subnets, gateways and routes; or every allowed flow.",
)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Draw this plan (from `terraform show -json`) instead of making one.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.File("wb"),
    default="-",
    help="Write there instead of to standard output.",
)
@click.pass_obj
def graph(
    project: Path | None,
    environment: str,
    form: str,
    subject: Subject,
    plan_file: Path | None,
    output: BinaryIO,
) -> None:
    """Draw the stack of an environment from its plan, made with no AWS account and no network.

    \b
    Examples:
      finbase graph production
      finbase graph production --of network --format svg --output network.svg
      finbase graph production --of flows --format dot | dot -Tpdf > flows.pdf
      finbase graph --plan plan.json --of network
    """
    from generator.picture import read_picture
    from generator.plan_graph import load_plan, read_stack
    from generator.project import find_project
    from generator.report import drawing, graph_text

    if bool(environment) == bool(plan_file):
        raise click.UsageError("name one environment, or a plan with --plan")
    root = find_project(project)
    data = plan_file.read_bytes() if plan_file else _plan(root, environment)
    plan = load_plan(data, str(plan_file or environment))
    picture = read_picture(plan, read_stack(plan, root / "features"))
    write = {"mermaid": graph_text.mermaid, "dot": graph_text.dot, "svg": drawing.standalone}
    output.write(write[form](picture, subject).encode())


def _plan(root: Path, environment: str) -> bytes:
    import tempfile

    from generator.project import load_environments
    from generator.registry import Registry
    from generator.terraform import find_terraform
    from generator.workspace import plan

    load_environments(root, Registry(root), [environment])
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
        return plan(
            root / "environments" / environment,
            project=root,
            scratch=Path(scratch),
            terraform=find_terraform(),
        )
