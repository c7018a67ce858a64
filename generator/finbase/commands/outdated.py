"""``finbase outdated``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import answer, pass_root, write_json
from finbase.console.options import environments_argument, json_option
from finbase.console.speech import PASS, WARN, output_stream, say, table_width

_NEWEST = {r"\d+\.\d+\.\d+$": WARN}


@click.command()
@environments_argument
@json_option("the list")
@pass_root
def outdated(root: Path, environments: tuple[str, ...], json_file: BinaryIO | None) -> None:
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
    from finbase.report.outdated import OutdatedReport
    from finbase.upgrade.pins import outdated as find_outdated

    registry = Registry(root)
    pins = tuple(find_outdated(load_environments(root, registry, environments), registry))
    stream, _ = output_stream(json_file)
    report = OutdatedReport(pins, table_width(stream))
    if pins:
        answer(report, json_file, looks=_NEWEST, found=True)
    say("every pin is the newest release", file=stream, looks={r".+": PASS})
    write_json(report, json_file)
