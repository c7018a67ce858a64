"""``finbase outdated``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from generator.commands import names
from generator.commands.console import echo, output_stream, say
from generator.commands.shared import FOUND, json_option

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
    from generator import outdated as core
    from generator.project import find_project, load_environments
    from generator.registry import Registry
    from generator.report import outdated as words

    root = find_project(project)
    registry = Registry(root)
    found = tuple(core.outdated(load_environments(root, registry, environments), registry))
    stream, _ = output_stream(json_file)
    if found:
        echo(words.table(found), file=stream)
    else:
        say("nothing is outdated", file=stream)
    if json_file:
        json_file.write(words.render_json(found).encode())
    if found:
        sys.exit(FOUND)
