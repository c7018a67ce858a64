"""``finbase show``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from generator.commands.shared import json_option, output_stream

__all__ = ["show"]


@click.command()
@click.argument("environment", metavar="ENV")
@click.argument("module", metavar="[MODULE]", default="")
@json_option("the values")
@click.pass_obj
def show(project: Path | None, environment: str, module: str, json_file: BinaryIO | None) -> None:
    """Show every value of ENV: given in its file, a default, or wired from another module.

    FILE may be `-` for standard output; the table then goes to standard error.

    \b
    Examples:
      finbase show production
      finbase show production database
    """
    from generator.project import find_project, load_environments
    from generator.registry import Registry
    from generator.report import values_text
    from generator.values import values

    root = find_project(project)
    (loaded,) = load_environments(root, Registry(root), [environment])
    try:
        found = list(values(loaded, module))
    except KeyError:
        there = ", ".join(use.name for use in loaded.modules)
        raise click.UsageError(f"{environment} has no module {module}; it has {there}") from None
    stream, _ = output_stream(json_file)
    click.echo(values_text.table(found), file=stream)
    if json_file:
        json_file.write(values_text.render_json(found).encode())
