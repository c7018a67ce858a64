"""``finbase outdated``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from finbase.console import completion
from finbase.console.options import FOUND, json_option
from finbase.console.speech import PASS, WARN, echo, output_stream, say, table_width

_NEWEST = {r"\d+\.\d+\.\d+$": WARN}


@click.command()
@click.argument(
    "environments", metavar="[ENV]...", nargs=-1, shell_complete=completion.environments
)
@json_option("the list")
@click.pass_obj
def outdated(
    project: Path | None, environments: tuple[str, ...], json_file: BinaryIO | None
) -> None:
    """List the pinned module versions that have newer releases.

    `compatible` is the newest release of the same major version, `newest` the newest of all. Exits
    with 1 if a pin is outdated. FILE can be `-` for standard output; the table then goes to
    standard error.

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
    from finbase.upgrade.pins import outdated as find_outdated

    root = find_project(project)
    registry = Registry(root)
    pins = tuple(find_outdated(load_environments(root, registry, environments), registry))
    stream, _ = output_stream(json_file)
    report = OutdatedReport(pins, table_width(stream))
    if pins:
        echo(report.text(), file=stream, looks=_NEWEST)
    else:
        say("every pin is the newest release", file=stream, looks={r".+": PASS})
    if json_file:
        json_file.write(documents.render(report))
    if pins:
        sys.exit(FOUND)
