"""``finbase schema``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

__all__ = ["schema"]


@click.command()
@click.option(
    "--output", metavar="FILE", type=click.File("wb"), default="-", help="Write it here instead."
)
@click.pass_obj
def schema(project: Path | None, output: BinaryIO) -> None:
    """Print the JSON Schema of environment files, for editors.

    It is made of the contracts: the keys of each module at each version that can be pinned,
    what they mean, and what they are held to. `finbase render` keeps it in
    environments/environment.schema.json, which the first line of an environment file names:

    \b
      # yaml-language-server: $schema=environment.schema.json

    \b
    Examples:
      finbase schema
      finbase schema --output environment.schema.json
    """
    from finbase.contract.registry import Registry
    from finbase.project.find import find_project
    from finbase.render.editor_schema import pinnable
    from finbase.render.project import render_schema

    output.write(render_schema(pinnable(Registry(find_project(project)))))
