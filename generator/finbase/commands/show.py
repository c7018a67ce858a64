"""``finbase show``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.console import completion
from finbase.console.options import json_option
from finbase.console.speech import echo, output_stream, table_width


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=completion.environments)
@click.argument("module", metavar="[MODULE]", default="", shell_complete=completion.pinned_modules)
@json_option("the values")
@click.pass_obj
def show(project: Path | None, environment: str, module: str, json_file: BinaryIO | None) -> None:
    """Show every value of ENV: set in its file, a default, or wired from another module.

    FILE can be `-` for standard output; the table then goes to standard error.

    \b
    Examples:
      finbase show production
      finbase show production database
    """
    from finbase.contract.registry import Registry
    from finbase.environment.load import load_environments
    from finbase.errors import FinbaseError
    from finbase.project.find import find_project
    from finbase.render.values import values
    from finbase.report import documents
    from finbase.report.values import ValuesReport
    from finbase.source.scalars import with_closest

    root = find_project(project)
    (loaded,) = load_environments(root, Registry(root), [environment])
    try:
        rows = list(values(loaded, module))
    except KeyError:
        names = [use.name for use in loaded.modules]
        hint = with_closest(module, names, f"it has {', '.join(names)}")
        raise FinbaseError(f"{environment} has no module {module}", hint) from None
    stream, _ = output_stream(json_file)
    report = ValuesReport(environment, rows, table_width(stream))
    echo(report.text(), file=stream)
    if json_file:
        json_file.write(documents.render(report))
