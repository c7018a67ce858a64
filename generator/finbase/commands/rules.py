"""``finbase rules``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.console.options import json_option
from finbase.console.speech import echo, output_stream, terminal_width


@click.command("rules")
@json_option("the list")
@click.pass_obj
def rules(project: Path | None, json_file: BinaryIO | None) -> None:
    """List every rule, limit and note for environment files, with its code.

    \b
    Examples:
      finbase rules
      finbase rules --json rules.json
    """
    from finbase.contract.registry import Registry
    from finbase.project.find import find_project
    from finbase.report import documents
    from finbase.report.rules import RulesReport

    report = RulesReport(Registry(find_project(project)), terminal_width())
    stream, _ = output_stream(json_file)
    echo(report.text(), file=stream)
    if json_file:
        json_file.write(documents.render(report))
