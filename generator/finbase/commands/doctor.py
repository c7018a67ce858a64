"""``finbase doctor``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from finbase.console.options import FOUND, json_option
from finbase.console.speech import echo, is_quiet, output_stream

__all__ = ["doctor"]


@click.command()
@json_option("what was found")
@click.pass_obj
def doctor(project: Path | None, json_file: BinaryIO | None) -> None:
    """Say what finbase needs, what of it is there, and the command that brings the rest.

    Looks at Terraform and its provider, Python and its libraries, git, PostgreSQL, the local
    AWS, the cache, and at the project. What only some commands need may be missing; exits 1
    where something has to be mended. Nothing is written.

    \b
    Examples:
      finbase doctor
      finbase doctor --quiet
      finbase doctor --json -
    """
    from finbase.doctor import examine
    from finbase.report import documents
    from finbase.report.doctor import DoctorReport

    findings = tuple(examine(project))
    stream, _ = output_stream(json_file)
    told = [each for each in findings if each.state != "fine" or not is_quiet()]
    if told:
        echo(DoctorReport(told).text(), file=stream)
    if json_file:
        json_file.write(documents.render(DoctorReport(findings)))
    if any(finding.state == "wrong" for finding in findings):
        sys.exit(FOUND)
