"""``finbase show``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from generator.commands import names
from generator.commands.console import echo, output_stream
from generator.commands.shared import json_option

__all__ = ["show"]


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=names.environments)
@click.argument("module", metavar="[MODULE]", default="", shell_complete=names.pinned_modules)
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
    from generator.errors import FinbaseError
    from generator.project import find_project, load_environments
    from generator.registry import Registry
    from generator.report import values as words
    from generator.values import values

    root = find_project(project)
    (loaded,) = load_environments(root, Registry(root), [environment])
    try:
        found = list(values(loaded, module))
    except KeyError:
        there = ", ".join(use.name for use in loaded.modules)
        raise FinbaseError(f"{environment} has no module {module}", f"it has {there}") from None
    stream, _ = output_stream(json_file)
    echo(words.table(found), file=stream)
    if json_file:
        json_file.write(words.render_json(environment, found).encode())
