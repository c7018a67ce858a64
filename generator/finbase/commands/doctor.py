"""``finbase doctor``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import write_json
from finbase.console.options import FOUND, json_option
from finbase.console.speech import (
    FAIL,
    PASS,
    WARN,
    Looks,
    echo,
    is_quiet,
    output_stream,
    table_width,
)

_STATES: Looks = {r"^ok\b": PASS, r"^missing\b": WARN, r"^WRONG\b": FAIL}


@click.command()
@json_option("the findings")
@click.pass_obj
def doctor(project: Path | None, json_file: BinaryIO | None) -> None:
    """Check what finbase needs on this machine and in the project, and print how to fix problems.

    Checks Python and its libraries, Terraform and its provider, git, PostgreSQL, the local AWS, the
    cache and the project. `missing` marks what only some commands need. Exits with 1 if anything is
    `WRONG`. Writes no files, except with --json.

    \b
    Examples:
      finbase doctor
      finbase doctor --quiet
      finbase doctor --json -
    """
    from finbase.doctor import examine
    from finbase.report.doctor import DoctorReport

    findings = tuple(examine(project))
    stream, _ = output_stream(json_file)
    width = table_width(stream)
    shown = [finding for finding in findings if finding.state != "fine" or not is_quiet()]
    if shown:
        echo(DoctorReport(shown, width).text(), file=stream, looks=_STATES)
    write_json(DoctorReport(findings, width), json_file)
    if any(finding.state == "wrong" for finding in findings):
        sys.exit(FOUND)
