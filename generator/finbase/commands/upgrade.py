"""``finbase upgrade``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._rendered import hold_journal
from finbase.console import completion as names
from finbase.console.options import FOUND, json_option
from finbase.console.speech import echo, output_stream, progress, say

__all__ = ["upgrade"]


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=names.environments)
@click.argument("module", metavar="[MODULE[@VERSION]]", default="", shell_complete=names.releases)
@click.option("--write", is_flag=True, help="Put the new pins into the YAML file and render.")
@click.option(
    "--accept-data-loss", is_flag=True, help="Write even where data would be lost at the apply."
)
@json_option("what it does")
@click.pass_obj
def upgrade(
    project: Path | None,
    environment: str,
    module: str,
    write: bool,
    accept_data_loss: bool,
    json_file: BinaryIO | None,
) -> None:
    """Show what newer releases do to ENV, before anything is written.

    Without MODULE every module moves to its newest release. Both stacks are planned offline;
    what is applied is not asked. --write changes the pins, keeps all else of the file as it
    is, and renders. Exits 1 where the file does not fit the new versions, or where data would
    be lost and --write is not told to accept it. FILE may be `-` for standard output.

    \b
    Examples:
      finbase upgrade staging
      finbase upgrade production cache
      finbase upgrade production database@2.0.0 --write
    """
    from finbase.contract.registry import Registry
    from finbase.contract.version import Version
    from finbase.environment.load import load_environments
    from finbase.project import tree
    from finbase.project.find import find_project
    from finbase.report import documents
    from finbase.report.upgrade import NoUpgradeReport, UpgradeReport
    from finbase.terraform.program import find_terraform
    from finbase.upgrade.pins import newer
    from finbase.upgrade.preview import preview, steps

    stream, _ = output_stream(json_file)
    root = find_project(project)
    name, _, wanted = module.partition("@")
    try:
        version = Version.parse(wanted) if "@" in module else None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    registry = Registry(root)
    (loaded,) = load_environments(root, registry, [environment])
    pins = newer(loaded, registry, name, version)
    if not pins:
        unchanged = NoUpgradeReport(environment, name)
        say(unchanged.text(), file=stream)
        if json_file:
            json_file.write(documents.render(unchanged))
        return
    with progress() as watch:
        found = preview(root, registry, loaded, pins, find_terraform(), watch)
    report = UpgradeReport(found)
    echo(report.text(), file=stream)
    if json_file:
        json_file.write(documents.render(report))
    if found.after is None:
        sys.exit(FOUND)
    if not write:
        say("nothing is written; with --write it would be", file=stream)
        return
    if found.losses and not accept_data_loss:
        echo(
            "data would be lost, so nothing is written\n"
            "    hint: where that is meant, add --accept-data-loss",
            err=True,
        )
        sys.exit(FOUND)
    with hold_journal(root) as journal:
        tree.apply(steps(found, registry, root), journal)
    written = f"{loaded.document.path} and its stack are written; see finbase check {environment}"
    say(written, file=stream)
