"""``finbase outdated``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from finbase.console import completion as names
from finbase.console.options import FOUND, json_option
from finbase.console.speech import echo, output_stream, say

__all__ = ["outdated"]


@click.command()
@click.argument("environments", metavar="[ENV]...", nargs=-1, shell_complete=names.environments)
@json_option("the list")
@click.pass_obj
def outdated(
    project: Path | None, environments: tuple[str, ...], json_file: BinaryIO | None
) -> None:
    """List the module versions that environments pin and that newer releases have followed.

    `compatible` is the newest release of the same major version, `newest` the newest of all.
    Exits 0 where nothing is outdated, and 1 where something is, as such commands do elsewhere.
    FILE may be `-` for standard output; the table then goes to standard error.

    \b
    Examples:
      finbase outdated
      finbase outdated production
      finbase outdated --json -
    """
    from finbase.contract.registry import Registry
    from finbase.environment.load import load_environments
    from finbase.project.find import find_project
    from finbase.report import documents
    from finbase.report.outdated import OutdatedReport
    from finbase.upgrade import pins as core

    root = find_project(project)
    registry = Registry(root)
    found = tuple(core.outdated(load_environments(root, registry, environments), registry))
    report = OutdatedReport(found)
    stream, _ = output_stream(json_file)
    if found:
        echo(report.text(), file=stream)
    else:
        say("nothing is outdated", file=stream)
    if json_file:
        json_file.write(documents.render(report))
    if found:
        sys.exit(FOUND)
