"""``finbase diff``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from finbase.console import completion
from finbase.console.options import FOUND, json_option
from finbase.console.speech import echo, output_stream


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=completion.environments)
@click.argument("other", metavar="OTHER", shell_complete=completion.environments)
@json_option("the differences")
@click.pass_obj
def diff(project: Path | None, environment: str, other: str, json_file: BinaryIO | None) -> None:
    """Show how two environments differ, value by value and version by version.

    The effective values are compared: a value in one file equals the same default in the other.
    Exits with 1 if the environments differ in more than the name. FILE can be `-` for standard
    output; the text then goes to standard error.

    \b
    Examples:
      finbase diff staging production
      finbase diff staging production --json -
    """
    from finbase.contract.registry import Registry
    from finbase.environment.difference import compare
    from finbase.environment.load import load_environments
    from finbase.project.find import find_project
    from finbase.report import documents
    from finbase.report.difference import DifferenceReport

    root = find_project(project)
    registry = Registry(root)
    (left,) = load_environments(root, registry, [environment])
    (right,) = load_environments(root, registry, [other])
    report = DifferenceReport(compare(left, right), left.name, right.name)
    stream, _ = output_stream(json_file)
    echo(report.text(), file=stream)
    if json_file:
        json_file.write(documents.render(report))
    if report.differences:
        sys.exit(FOUND)
